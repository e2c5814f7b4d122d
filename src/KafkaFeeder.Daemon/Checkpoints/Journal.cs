using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// How far this run has sent each segment: a line <c>segment endPosition nextOffset records</c> is written before each batch is given
/// to the transport. It is never read to decide where to resume, only to count possible duplicates after a crash. So it is written in
/// order but not synced: it survives a crash of the process. After a crash of the machine it may be incomplete; that is detected by
/// the boot id. What a crash leaves: complete lines and perhaps an incomplete one, whose batch was then not sent. A log that sends
/// nothing has no file.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Magic = "kafkafeeder-journal 2 boot ";
    private const long MinRewriteBytes = 1 << 20;

    private readonly string _path;
    private readonly Dictionary<string, SentMark> _sent;
    private SafeFileHandle? _file;
    private long _position;
    private long _rewriteAt;

    private Journal(string path, Dictionary<string, SentMark> sent)
    {
        _path = path;
        _sent = sent;
        if (File.Exists(path))
        {
            Rewrite();
        }
    }

    /// <summary>Starts the journal of a run with the positions of the checkpoint, or with later ones up to which was sent.</summary>
    /// <exception cref="IOException">The last run's journal cannot be replaced.</exception>
    public static Journal Restore(string path, Checkpoint checkpoint, IReadOnlyDictionary<string, SentMark> sent)
    {
        var marks = checkpoint.Segments.Where(s => !s.IsDone).ToDictionary(
            s => s.Name,
            s => new SentMark(s.Acknowledged.Position, s.Acknowledged.NextOffset, s.Acknowledged.Records),
            StringComparer.Ordinal);
        foreach (var (segment, mark) in sent)
        {
            if (mark.Records > marks.GetValueOrDefault(segment).Records)
            {
                marks[segment] = mark;
            }
        }

        return new Journal(path, marks);
    }

    /// <summary>What the last run has sent, by segment; and whether the machine was restarted since.</summary>
    public static (IReadOnlyDictionary<string, SentMark> Sent, bool HasRebooted) ReadLast(string path)
    {
        var sent = new Dictionary<string, SentMark>(StringComparer.Ordinal);
        if (!File.Exists(path))
        {
            return (sent, false);
        }

        var text = File.ReadAllText(path);
        var lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var words in lines.Skip(1).Select(line => line.Split(' ')))
        {
            // Version 1 had no count of records; the offsets of our own segments start at 0.
            if (words.Length is 3 or 4
                && TryRead(words[1], out var end)
                && TryRead(words[2], out var next)
                && TryRead(words[^1], out var records))
            {
                sent[words[0]] = new SentMark(end, next, records);
            }
        }

        return (sent, lines.Length == 0 || !lines[0].EndsWith(" boot " + BootId(), StringComparison.Ordinal));
    }

    /// <summary>Writes that a batch is about to be sent.</summary>
    /// <exception cref="IOException">The journal could not be written; do not send the batch.</exception>
    public void Sending(string segment, SentMark mark)
    {
        if (_sent.TryGetValue(segment, out var before) && before.EndPosition >= mark.EndPosition)
        {
            return; // it is sent again: the journal has it already
        }

        Note(segment, mark);
    }

    /// <summary>
    /// A segment is read again from an earlier position: what is sent from now on counts from there. To be called when the checkpoint
    /// on disk has that position.
    /// </summary>
    /// <exception cref="IOException">The journal could not be written; do not send from there.</exception>
    public void GoBack(string segment, SentMark mark)
    {
        // If the segment was done and forgotten, the file may still have a later position.
        if (_sent.TryGetValue(segment, out var before) ? before != mark : _file is not null)
        {
            Note(segment, mark);
        }
    }

    /// <summary>Everything of a segment is acknowledged: it can have no more duplicates.</summary>
    public void Forget(string segment) => _sent.Remove(segment);

    /// <summary>
    /// A segment was removed from the checkpoint on disk: its lines in the file must no longer count as possible duplicates.
    /// </summary>
    /// <exception cref="IOException">The journal could not be written.</exception>
    public void NoteForgotten(string segment)
    {
        if (_file is not null)
        {
            Note(segment, default);
            _sent.Remove(segment);
        }
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>Identifies the boot of the machine: if it is another one, unsynced writes may be lost.</summary>
    private static string BootId() =>
        File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "unknown";

    private static string Line(string segment, SentMark mark) =>
        string.Create(CultureInfo.InvariantCulture, $"{segment} {mark.EndPosition} {mark.NextOffset} {mark.Records}\n");

    private static bool TryRead(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    private void Note(string segment, SentMark mark)
    {
        if (_file is null || _position > _rewriteAt)
        {
            Rewrite();
        }

        var bytes = Encoding.ASCII.GetBytes(Line(segment, mark));
        RandomAccess.Write(_file!, bytes, _position);
        _position += bytes.Length;
        _sent[segment] = mark;
    }

    /// <summary>
    /// Writes a new file with one line per segment, and renames it into place. If that fails, the old file is still used. The next
    /// rewrite comes when the file has doubled in size, so that with many segments most lines are cheap.
    /// </summary>
    private void Rewrite()
    {
        var text = new StringBuilder(Magic).Append(BootId()).Append('\n');
        foreach (var (segment, mark) in _sent)
        {
            text.Append(Line(segment, mark));
        }

        var bytes = Encoding.ASCII.GetBytes(text.ToString());
        var path = _path + ".new";
        File.Delete(path);
        var file = StateDirectory.CreateFile(path);
        try
        {
            RandomAccess.Write(file, bytes, 0);
            File.Move(path, _path, overwrite: true);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        _file?.Dispose();
        _file = file;
        _position = bytes.Length;
        _rewriteAt = Math.Max(MinRewriteBytes, 2 * _position);
    }
}
