using System.Globalization;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// How far this run has sent, segment by segment: a line <c>segment endPosition nextOffset</c> before each batch goes to
/// the transport. Never read to decide where to resume, only to say, after a crash, what may arrive twice. So it is
/// written in order but not synced: it survives the process, and after a crash of the machine it says so.
/// What a crash leaves: whole lines and perhaps a torn one, whose batch was then not sent.
/// </summary>
internal sealed class Journal : IDisposable
{
    private const string Magic = "kafkafeeder-journal 1 boot ";
    private const long RewriteBytes = 1 << 20;

    private readonly string _path;
    private readonly Dictionary<string, (long EndPosition, long NextOffset)> _sent;
    private SafeFileHandle _file;
    private long _position;

    private Journal(string path, Dictionary<string, (long, long)> sent)
    {
        _path = path;
        _sent = sent;
        (_file, _position) = Rewrite();
    }

    /// <summary>Starts a run's journal as a copy of the checkpoint.</summary>
    public static Journal Restore(string path, Checkpoint checkpoint) => new(
        path,
        checkpoint.Segments.Where(s => !s.IsDone).ToDictionary(s => s.Name, s => (s.Watermark.Position, s.Watermark.NextOffset), StringComparer.Ordinal));

    /// <summary>What the run before this one had sent, by segment; and whether the machine has been started anew since.</summary>
    public static (IReadOnlyDictionary<string, (long EndPosition, long NextOffset)> Sent, bool HasRebooted) ReadLast(string path)
    {
        var sent = new Dictionary<string, (long, long)>(StringComparer.Ordinal);
        if (!File.Exists(path))
        {
            return (sent, false);
        }

        var text = File.ReadAllText(path);
        var lines = text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries);
        foreach (var words in lines.Skip(1).Select(line => line.Split(' ')))
        {
            if (words.Length == 3
                && long.TryParse(words[1], NumberStyles.None, CultureInfo.InvariantCulture, out var end)
                && long.TryParse(words[2], NumberStyles.None, CultureInfo.InvariantCulture, out var next))
            {
                sent[words[0]] = (end, next);
            }
        }

        return (sent, lines.Length == 0 || lines[0] != Magic + BootId());
    }

    /// <summary>A batch is about to be sent.</summary>
    /// <exception cref="IOException">It could not be noted; do not send it.</exception>
    public void Sending(string segment, long endPosition, long nextOffset)
    {
        if (_sent.TryGetValue(segment, out var before) && before.EndPosition >= endPosition)
        {
            return; // sent again: it is noted already
        }

        if (_position > RewriteBytes)
        {
            var (file, position) = Rewrite();
            _file.Dispose();
            (_file, _position) = (file, position);
        }

        Write(Line(segment, endPosition, nextOffset));
        _sent[segment] = (endPosition, nextOffset);
    }

    /// <summary>All of a segment is confirmed: nothing of it can arrive twice any more.</summary>
    public void Forget(string segment) => _sent.Remove(segment);

    public void Dispose() => _file.Dispose();

    /// <summary>The run that the machine is in: another one means that what was not synced may be lost.</summary>
    private static string BootId() =>
        File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "unknown";

    private static string Line(string segment, long endPosition, long nextOffset) =>
        string.Create(CultureInfo.InvariantCulture, $"{segment} {endPosition} {nextOffset}\n");

    /// <summary>A new file with one line a segment, renamed into place. If that fails, the old one goes on being used.</summary>
    private (SafeFileHandle File, long Position) Rewrite()
    {
        var text = new StringBuilder(Magic).Append(BootId()).Append('\n');
        foreach (var (segment, (endPosition, nextOffset)) in _sent)
        {
            text.Append(Line(segment, endPosition, nextOffset));
        }

        var bytes = Encoding.ASCII.GetBytes(text.ToString());
        var path = _path + ".new";
        File.Delete(path);
        var file = StateDirectory.CreateFile(path);
        try
        {
            RandomAccess.Write(file, bytes, 0);
            File.Move(path, _path, overwrite: true);
            return (file, bytes.Length);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private void Write(string text)
    {
        var bytes = Encoding.ASCII.GetBytes(text);
        RandomAccess.Write(_file, bytes, _position);
        _position += bytes.Length;
    }
}
