using System.Globalization;
using System.Text;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// Checkpoints as text: people may read it but must not edit it. A <i>frame</i> is the checkpoint of one log, or the changes of one
/// save. It ends with the CRC-32C of everything before it. A file is a sequence of frames.
/// <code>
/// kafkafeeder-checkpoint 2|3 full|change
/// component orders
/// directory /var/log/apps
/// generation 42
/// possible-duplicates 0
/// [transport STATE]                                                              (one word, the transport's own)
/// segment NAME position P record R offset O records N bytes B done|open head HEX|- last P:HEX|- missing MS|-
///     [uncopied] [batch HEX] [sent P]                                            (one line)
/// removed NAME
/// crc32c HEX
/// </code>
/// Version 3 has a line <c>transport</c>, which earlier versions of this program cannot read. Version 2 has none, and is written if
/// the transport has no state. Version 1 had one frame per file, no <c>full</c>, and neither <c>records</c> nor <c>missing</c>; it can
/// still be read.
/// </summary>
internal static class CheckpointText
{
    private const string Magic = "kafkafeeder-checkpoint";
    private const int Version = 2;
    private const int VersionWithTransport = 3;
    private const int CrcDigits = 8;
    private const int PartChars = 32 << 10;

    private static readonly byte[] FrameStart = Encoding.ASCII.GetBytes(Magic + " ");
    private static readonly byte[] CrcLine = Encoding.ASCII.GetBytes("\ncrc32c ");

    /// <summary>Returns the frame of a whole checkpoint.</summary>
    /// <exception cref="CheckpointException">An invariant does not hold.</exception>
    public static byte[] Write(Checkpoint checkpoint)
    {
        checkpoint.ThrowIfInconsistent();
        return Write(checkpoint, "full", checkpoint.Segments, []);
    }

    /// <summary>Writes the frame of a whole, consistent checkpoint in parts, since it may have many segments.</summary>
    public static void WriteTo(Stream output, Checkpoint checkpoint) => Write(output, checkpoint, "full", checkpoint.Segments, []);

    /// <summary>Returns the frame of a change that results in generation <paramref name="generation"/> of the log's checkpoint.</summary>
    /// <exception cref="CheckpointException">An invariant does not hold.</exception>
    public static byte[] WriteChange(string component, string directory, long generation, CheckpointChange change)
    {
        Checkpoint.ThrowIfNotOneWord(component, change.TransportState);
        foreach (var segment in change.Segments)
        {
            segment.ThrowIfInconsistent(component);
        }

        var head = new Checkpoint
        {
            Component = component,
            Directory = directory,
            Generation = generation,
            PossibleDuplicates = change.PossibleDuplicates,
            TransportState = change.TransportState,
        };
        return Write(head, "change", change.Segments, change.Removed);
    }

    /// <summary>Reads all frames. Damage between them is skipped and reported.</summary>
    /// <param name="bytes">The content of a file.</param>
    /// <param name="onFrame">Called for each frame.</param>
    /// <param name="onDamage">Called with the error, and with true if it is the end of the file: a write that a crash interrupted.</param>
    /// <exception cref="NewerCheckpointException">A newer version of this program wrote a frame.</exception>
    public static void ReadFrames(ReadOnlySpan<byte> bytes, Action<CheckpointFrame> onFrame, Action<string, bool> onDamage)
    {
        for (var at = 0; at < bytes.Length;)
        {
            var rest = bytes[at..];
            var length = LengthOf(rest);
            if (rest.StartsWith(FrameStart) && length > 0)
            {
                try
                {
                    onFrame(Read(rest[..length]));
                    at += length;
                    continue;
                }
                catch (CheckpointException e)
                {
                    onDamage($"at position {at}: {e.Message}", false);
                }
            }
            else
            {
                onDamage($"at position {at}: it is cut short or damaged", IndexOfNextFrame(rest) < 0);
            }

            var next = IndexOfNextFrame(rest);
            at = next < 0 ? bytes.Length : at + next;
        }
    }

    /// <summary>Reads one frame.</summary>
    /// <exception cref="CheckpointException">The bytes are not a complete frame of a known version.</exception>
    /// <exception cref="NewerCheckpointException">A newer version of this program wrote it.</exception>
    public static CheckpointFrame Read(ReadOnlySpan<byte> frame)
    {
        var crcBytes = CrcLine.Length - 1 + CrcDigits + 1;
        if (frame.Length < crcBytes)
        {
            throw new CheckpointException($"it has {frame.Length} bytes, fewer than any checkpoint");
        }

        var body = frame[..^crcBytes];
        if (!frame[^crcBytes..].SequenceEqual(CrcText(Crc32C.Compute(body))))
        {
            throw new CheckpointException("its CRC-32C does not match: it is cut short or damaged");
        }

        try
        {
            return Parse(new Lines(body));
        }
        catch (Exception e) when (e is FormatException or OverflowException or IndexOutOfRangeException or ArgumentOutOfRangeException)
        {
            throw new CheckpointException($"its CRC-32C is right, but it cannot be read: {e.Message}");
        }
    }

    private static byte[] Write(Checkpoint head, string kind, IEnumerable<SegmentCheckpoint> segments, IEnumerable<SegmentName> removed)
    {
        using var frame = new MemoryStream();
        Write(frame, head, kind, segments, removed);
        return frame.ToArray();
    }

    private static void Write(
        Stream output, Checkpoint head, string kind, IEnumerable<SegmentCheckpoint> segments, IEnumerable<SegmentName> removed)
    {
        var crc = 0u;
        var text = new StringBuilder();
        var version = head.TransportState.Length == 0 ? Version : VersionWithTransport;
        text.Append(CultureInfo.InvariantCulture, $"{Magic} {version} {kind}\ncomponent {head.Component}\n");
        text.Append(CultureInfo.InvariantCulture, $"directory {Uri.EscapeDataString(head.Directory)}\ngeneration {head.Generation}\n");
        text.Append(CultureInfo.InvariantCulture, $"possible-duplicates {head.PossibleDuplicates}\n");
        text.Append(head.TransportState.Length == 0 ? "" : $"transport {head.TransportState}\n");
        foreach (var segment in segments)
        {
            Append(text, segment);
            if (text.Length >= PartChars)
            {
                WritePart(output, text, ref crc);
            }
        }

        foreach (var name in removed)
        {
            text.Append(CultureInfo.InvariantCulture, $"removed {name}\n");
        }

        WritePart(output, text, ref crc);
        output.Write(CrcText(crc));
    }

    private static void WritePart(Stream output, StringBuilder text, ref uint crc)
    {
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        crc = Crc32C.Append(crc, bytes);
        output.Write(bytes);
        text.Clear();
    }

    private static void Append(StringBuilder text, SegmentCheckpoint s)
    {
        var mark = s.Acknowledged;
        text.Append(
            CultureInfo.InvariantCulture, $"segment {s.Name} position {mark.Position} record {mark.Record} offset {mark.NextOffset} ");
        text.Append(CultureInfo.InvariantCulture, $"records {mark.Records} bytes {s.Bytes} {(s.IsDone ? "done" : "open")} head ");
        _ = s.Head is { } head ? text.Append(CultureInfo.InvariantCulture, $"{head:x8}") : text.Append('-');
        text.Append(" last ");
        _ = mark.LastBatchPosition is { } last
            ? text.Append(CultureInfo.InvariantCulture, $"{last}:{mark.LastBatchCrc:x8}")
            : text.Append('-');
        text.Append(" missing ");
        _ = s.MissingSince is { } since ? text.Append(since.ToUnixTimeMilliseconds()) : text.Append('-');
        text.Append(s.HasUncopied ? " uncopied" : ""); // earlier versions stop reading the line at the first word that they do not know
        _ = mark is { Record: > 0, BatchCrc: { } crc } ? text.Append(CultureInfo.InvariantCulture, $" batch {crc:x8}") : text;
        _ = s.SentTo > mark.Position ? text.Append(CultureInfo.InvariantCulture, $" sent {s.SentTo}\n") : text.Append('\n');
    }

    private static byte[] CrcText(uint crc) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"crc32c {crc:x8}\n"));

    /// <summary>The length of the first frame, up to and including its CRC line; 0 if there is no such line.</summary>
    private static int LengthOf(ReadOnlySpan<byte> bytes)
    {
        var crc = bytes.IndexOf(CrcLine);
        var length = crc + CrcLine.Length + CrcDigits + 1;
        return crc < 0 || length > bytes.Length || bytes[length - 1] != '\n' ? 0 : length;
    }

    private static int IndexOfNextFrame(ReadOnlySpan<byte> bytes)
    {
        var next = bytes.Length > 1 ? bytes[1..].IndexOf(FrameStart) : -1;
        return next < 0 ? -1 : next + 1;
    }

    private static CheckpointFrame Parse(Lines lines)
    {
        var words = Rest(lines.Next(), Magic).Split(' ');
        var version = int.Parse(words[0], NumberStyles.None, CultureInfo.InvariantCulture);
        if (version is < 1 or > VersionWithTransport)
        {
            throw new NewerCheckpointException(
                $"a checkpoint is of version {version}, this program reads up to version {VersionWithTransport}: run the newer "
                    + "kafkafeeder, or move the state away to ship everything again");
        }

        var isFull = version == 1 || words[1] == "full";
        var component = Rest(lines.Next(), "component");
        var directory = Uri.UnescapeDataString(Rest(lines.Next(), "directory"));
        var generation = Number(Rest(lines.Next(), "generation"));
        var possibleDuplicates = Number(Rest(lines.Next(), "possible-duplicates"));
        var transportState = "";
        var segments = new List<SegmentCheckpoint>();
        var removed = new List<SegmentName>();
        while (lines.TryNext(out var line))
        {
            if (line.StartsWith("transport ", StringComparison.Ordinal))
            {
                transportState = Rest(line, "transport");
            }
            else if (!isFull && line.StartsWith("removed ", StringComparison.Ordinal))
            {
                removed.Add(Segment(Rest(line, "removed")));
            }
            else
            {
                segments.Add(ParseSegment(line, version));
            }
        }

        var checkpoint = new Checkpoint
        {
            Component = component,
            Directory = directory,
            Generation = generation,
            PossibleDuplicates = possibleDuplicates,
            TransportState = transportState,
            Segments = segments,
        };
        checkpoint.ThrowIfInconsistent();
        return new CheckpointFrame(checkpoint, isFull, removed);
    }

    private static SegmentCheckpoint ParseSegment(string line, int version)
    {
        var words = new Words(line);
        var name = Segment(words.After("segment"));
        var position = Number(words.After("position"));
        var record = checked((int)Number(words.After("record")));
        var offset = Number(words.After("offset"));
        var records = version == 1 ? offset : Number(words.After("records")); // offsets of our own segments start at 0
        var bytes = Number(words.After("bytes"));
        var isDone = words.Next() == "done";
        var head = words.After("head");
        var last = words.After("last").Split(':');
        var missing = version == 1 ? "-" : words.After("missing");
        var hasUncopied = words.TryTake("uncopied");
        uint? batchCrc = words.TryTake("batch") ? Hex(words.Next()) : null;
        var sentTo = words.TryTake("sent") ? Number(words.Next()) : 0;
        return new SegmentCheckpoint(
            name,
            new AcknowledgedPosition(
                position,
                record,
                offset,
                last.Length == 2 ? Number(last[0]) : null,
                last.Length == 2 ? Hex(last[1]) : 0,
                records,
                batchCrc),
            bytes,
            isDone,
            head == "-" ? null : Hex(head),
            missing == "-" ? null : DateTimeOffset.FromUnixTimeMilliseconds(Number(missing)),
            hasUncopied,
            sentTo);
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

    private static SegmentName Segment(string name) =>
        SegmentName.TryParse(name) ?? throw new FormatException($"'{name}' is not a segment's name");

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);

    private static uint Hex(string text) => uint.Parse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);

    /// <summary>Reads the lines of a frame; skips empty ones.</summary>
    private ref struct Lines(ReadOnlySpan<byte> body)
    {
        private ReadOnlySpan<byte> _rest = body;

        public string Next() => TryNext(out var line) ? line : throw new FormatException("a line is missing");

        public bool TryNext(out string line)
        {
            _rest = _rest.TrimStart((byte)'\n');
            var end = _rest.IndexOf((byte)'\n');
            var bytes = end < 0 ? _rest : _rest[..end];
            _rest = _rest[bytes.Length..];
            line = Encoding.UTF8.GetString(bytes);
            return !bytes.IsEmpty;
        }
    }

    /// <summary>Reads the words of a line.</summary>
    private ref struct Words(string line)
    {
        private readonly string[] _words = line.Split(' ');
        private int _next;

        public string Next() => _words[_next++];

        public bool TryTake(string word)
        {
            var isNext = _next < _words.Length && _words[_next] == word;
            _next += isNext ? 1 : 0;
            return isNext;
        }

        public string After(string key)
        {
            Expect(Next(), key);
            return Next();
        }
    }
}

/// <summary>One frame of a checkpoint file.</summary>
/// <param name="Checkpoint">Its content.</param>
/// <param name="IsFull">True: it is the whole checkpoint of the log; false: the changes of one save.</param>
/// <param name="Removed">Segments that a change removes.</param>
internal sealed record CheckpointFrame(Checkpoint Checkpoint, bool IsFull, IReadOnlyList<SegmentName> Removed);
