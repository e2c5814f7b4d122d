using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// How far this run has sent, segment by segment: a line <c>segment endPosition nextOffset records</c> before each batch
/// goes to the transport. Never read to decide where to resume, only to say, after a crash, what may arrive twice. So it is
/// written in order but not synced: it survives the process, and after a crash of the machine it says so.
/// What a crash leaves: whole lines and perhaps a torn one, whose batch was then not sent. A log that sends nothing has
/// no file, and none open.
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

    /// <summary>Starts a run's journal as a copy of the checkpoint.</summary>
    /// <exception cref="IOException">The last run's journal cannot be replaced.</exception>
    public static Journal Restore(string path, Checkpoint checkpoint) => new(
        path,
        checkpoint.Segments.Where(s => !s.IsDone).ToDictionary(
            s => s.Name,
            s => new SentMark(s.Acknowledged.Position, s.Acknowledged.NextOffset, s.Acknowledged.Records),
            StringComparer.Ordinal));

    /// <summary>What the run before this one had sent, by segment; and whether the machine was restarted since.</summary>
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
            // Version 1 had no count of records; our own segments count their offsets from 0.
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

    /// <summary>A batch is about to be sent.</summary>
    /// <exception cref="IOException">It could not be noted; do not send it.</exception>
    public void Sending(string segment, SentMark mark)
    {
        if (_sent.TryGetValue(segment, out var before) && before.EndPosition >= mark.EndPosition)
        {
            return; // sent again: it is noted already
        }

        Note(segment, mark);
    }

    /// <summary>
    /// A segment is read again from an earlier place: what is sent from here on counts from there. To be called when the
    /// checkpoint on disk says the same.
    /// </summary>
    /// <exception cref="IOException">It could not be noted; do not send from there.</exception>
    public void GoBack(string segment, SentMark mark)
    {
        // Of one that was forgotten since it was done the file may still say more.
        if (_sent.TryGetValue(segment, out var before) ? before != mark : _file is not null)
        {
            Note(segment, mark);
        }
    }

    /// <summary>All of a segment is confirmed: nothing of it can arrive twice any more.</summary>
    public void Forget(string segment) => _sent.Remove(segment);

    /// <summary>
    /// The checkpoint on disk knows nothing of a segment any more: what the file says of it must not be taken for something
    /// that was sent beyond that.
    /// </summary>
    /// <exception cref="IOException">It could not be noted.</exception>
    public void NoteForgotten(string segment)
    {
        if (_file is not null)
        {
            Note(segment, default);
            _sent.Remove(segment);
        }
    }

    public void Dispose() => _file?.Dispose();

    /// <summary>The run that the machine is in: another one means that what was not synced may be lost.</summary>
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
    /// A new file with one line a segment, renamed into place. If that fails, the old one goes on being used. It is not
    /// written again before it has doubled, so that many segments do not make each line cost as much as all.
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
