using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Record = KafkaLog.Format.Records.Record;

namespace KafkaLog.Tool.Tests.Support;

/// <summary>A record in full, for comparison.</summary>
internal sealed record ReadRecord(long Offset, long Timestamp, string? Key, string? Value, string Headers);

/// <summary>Segments with known records, and records of segments.</summary>
internal static class SomeSegment
{
    /// <summary>The timestamp of the first record of <see cref="Write"/>; each has one ms more.</summary>
    public const long FirstTimestamp = 1_795_255_200_000; // 2026-11-21T10:00:00Z

    /// <summary>Values v0, v1, ...; keys k0, k1, ...; in batches of <paramref name="perBatch"/>. Returns the path.</summary>
    public static string Write(
        TempFolder folder, int count, int perBatch = 5, CompressionType codec = CompressionType.None, string component = "c")
    {
        var before = folder.Segments();
        using (var writer = Writer(folder, component, codec))
        {
            Append(writer, 0, count, perBatch);
        }

        return folder.Segments().Except(before).Single();
    }

    public static LogWriter Writer(
        TempFolder folder, string component = "c", CompressionType codec = CompressionType.None, long maxBytes = 1 << 30) =>
        new(
            new LogWriterOptions { Directory = folder.Path, Component = component, Codec = codec, FileSizeLimitBytes = maxBytes,
                Interval = TimeSpan.FromDays(1) });

    public static void Append(LogWriter writer, int first, int count, int perBatch = 5)
    {
        for (var i = first; i < first + count; i++)
        {
            RecordHeader[] headers = i % 2 == 0 ? [new RecordHeader("h", i.ToString())] : [];
            writer.Append(
                new NewRecord(FirstTimestamp + i, Encoding.UTF8.GetBytes($"k{i}"), Encoding.UTF8.GetBytes($"v{i}")) { Headers = headers });
            if ((i + 1) % perBatch == 0)
            {
                writer.Flush();
            }
        }

        writer.Flush();
    }

    /// <summary>Positions of the batches and the end of the last.</summary>
    public static List<long> BatchPositions(string path)
    {
        var positions = new List<long>();
        using var reader = SegmentReader.Open(path);
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
            positions.Add(reader.BatchPosition);
        }

        positions.Add(reader.Position);
        return positions;
    }

    /// <summary>Changes a byte.</summary>
    public static void Damage(string path, long position)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = position;
        var old = file.ReadByte();
        file.Position = position;
        file.WriteByte((byte)(old ^ 0x55));
    }

    public static void Truncate(string path, long bytes)
    {
        using var file = File.Open(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite); // a writer may have it open
        file.SetLength(bytes);
    }

    /// <summary>All records of a file that is sound.</summary>
    public static List<ReadRecord> ReadAll(string path)
    {
        var found = new List<ReadRecord>();
        using var reader = SegmentReader.Open(path);
        var decoder = new RecordBatchDecoder();
        while (reader.TryRead() is var status && status != SegmentReadStatus.NeedMore)
        {
            Assert.Equal(SegmentReadStatus.Batch, status);
            var records = decoder.Decode(reader.Batch.Span);
            while (records.MoveNext())
            {
                found.Add(Copy(records.Current));
            }
        }

        return found;
    }

    /// <summary>All records of the segments of a folder, in the order of their names.</summary>
    public static List<ReadRecord> ReadAll(TempFolder folder) => [.. folder.Segments().SelectMany(ReadAll)];

    private static ReadRecord Copy(in Record record)
    {
        var headers = string.Join(
            ",",
            record.CopyHeaders().Select(
                h => $"{Encoding.UTF8.GetString(h.Name.Span)}={(h.Value is { } v ? Encoding.UTF8.GetString(v.Span) : "null")}"));
        return new ReadRecord(
            record.Offset,
            record.Timestamp,
            record.HasKey ? Encoding.UTF8.GetString(record.Key) : null,
            record.HasValue ? Encoding.UTF8.GetString(record.Value) : null,
            headers);
    }
}
