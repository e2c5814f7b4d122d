using System.Globalization;
using System.Text;
using KafkaFeeder.Daemon.Shipping;
using KafkaLog.Format.Checksums;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// A checkpoint as text, for people to read and for nobody to edit: the last line is the CRC-32C of all before it.
/// <code>
/// kafkafeeder-checkpoint 1
/// component orders
/// directory /var/log/apps
/// generation 42
/// possible-duplicates 0
/// segment NAME position P record R offset O bytes B done|open head HEX|- last P:HEX|-
/// crc32c HEX
/// </code>
/// </summary>
internal static class CheckpointText
{
    private const string Magic = "kafkafeeder-checkpoint";
    private const int Version = 1;
    private const string CrcPrefix = "crc32c ";

    public static byte[] Write(Checkpoint checkpoint)
    {
        checkpoint.ThrowIfInconsistent();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Magic} {Version}\ncomponent {checkpoint.Component}\ndirectory {Uri.EscapeDataString(checkpoint.Directory)}\n");
        text.Append(CultureInfo.InvariantCulture, $"generation {checkpoint.Generation}\npossible-duplicates {checkpoint.PossibleDuplicates}\n");
        foreach (var s in checkpoint.Segments)
        {
            var head = s.Head is { } h ? h.ToString("x8", CultureInfo.InvariantCulture) : "-";
            var last = s.Watermark.LastBatchPosition is { } p ? string.Create(CultureInfo.InvariantCulture, $"{p}:{s.Watermark.LastBatchCrc:x8}") : "-";
            text.Append(CultureInfo.InvariantCulture, $"segment {s.Name} position {s.Watermark.Position} record {s.Watermark.Record} offset {s.Watermark.NextOffset} bytes {s.Bytes} {(s.IsDone ? "done" : "open")} head {head} last {last}\n");
        }

        var body = Encoding.UTF8.GetBytes(text.ToString());
        return [.. body, .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{CrcPrefix}{Crc32C.Compute(body):x8}\n"))];
    }

    /// <exception cref="CheckpointException">The bytes are not a whole checkpoint of a version that is known.</exception>
    public static Checkpoint Read(ReadOnlySpan<byte> bytes)
    {
        var crcLine = CrcPrefix.Length + 8 + 1;
        if (bytes.Length < crcLine)
        {
            throw new CheckpointException($"it has {bytes.Length} bytes, fewer than any checkpoint");
        }

        var body = bytes[..^crcLine];
        var expected = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{CrcPrefix}{Crc32C.Compute(body):x8}\n"));
        if (!bytes[^crcLine..].SequenceEqual(expected))
        {
            throw new CheckpointException("its CRC-32C does not match: it is cut short or damaged");
        }

        try
        {
            return Parse(Encoding.UTF8.GetString(body).Split('\n', StringSplitOptions.RemoveEmptyEntries));
        }
        catch (Exception e) when (e is FormatException or OverflowException or IndexOutOfRangeException)
        {
            throw new CheckpointException($"its CRC-32C is right, but it cannot be read: {e.Message}");
        }
    }

    private static Checkpoint Parse(string[] lines)
    {
        var version = Rest(lines[0], Magic);
        if (version != Version.ToString(CultureInfo.InvariantCulture))
        {
            throw new NewerCheckpointException($"a checkpoint is of version {version}, this program reads version {Version}: run the newer kafkafeeder, or move the state away to ship everything again");
        }

        var checkpoint = new Checkpoint
        {
            Component = Rest(lines[1], "component"),
            Directory = Uri.UnescapeDataString(Rest(lines[2], "directory")),
            Generation = Number(Rest(lines[3], "generation")),
            PossibleDuplicates = Number(Rest(lines[4], "possible-duplicates")),
            Segments = [.. lines.Skip(5).Select(ParseSegment)],
        };
        checkpoint.ThrowIfInconsistent();
        return checkpoint;
    }

    private static SegmentCheckpoint ParseSegment(string line)
    {
        var words = line.Split(' ');
        string[] keys = ["segment", "position", "record", "offset", "bytes"];
        for (var i = 0; i < keys.Length; i++)
        {
            Expect(words[2 * i], keys[i]);
        }

        Expect(words[11], "head");
        Expect(words[13], "last");
        long? lastPosition = null;
        uint lastCrc = 0;
        if (words[14] != "-")
        {
            var last = words[14].Split(':');
            lastPosition = Number(last[0]);
            lastCrc = Hex(last[1]);
        }

        return new SegmentCheckpoint(
            words[1],
            new Watermark(Number(words[3]), checked((int)Number(words[5])), Number(words[7]), lastPosition, lastCrc),
            Number(words[9]),
            words[10] == "done",
            words[12] == "-" ? null : Hex(words[12]));
    }

    private static string Rest(string line, string key)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        Expect(space < 0 ? line : line[..space], key);
        return line[(space + 1)..];
    }

    private static void Expect(string found, string key)
    {
        if (found != key)
        {
            throw new FormatException($"expected '{key}', found '{found}'");
        }
    }

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
}
