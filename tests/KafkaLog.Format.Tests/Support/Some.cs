using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Format.Tests.Support;

/// <summary>A record with its bytes copied, to compare with.</summary>
internal sealed record Seen(long Offset, long Timestamp, string? Key, string? Value, string Headers)
{
    public static Seen Of(Record record) => new(
        record.Offset,
        record.Timestamp,
        record.HasKey ? Encoding.UTF8.GetString(record.Key) : null,
        record.HasValue ? Encoding.UTF8.GetString(record.Value) : null,
        string.Join(
            ",",
            record.CopyHeaders().Select(
                h => $"{Encoding.UTF8.GetString(h.Name.Span)}={(h.Value is { } v ? Encoding.UTF8.GetString(v.Span) : "null")}")));
}

internal static class Some
{
    public static LogWriterOptions Options(TempFolder folder, TimeProvider? time = null) => new()
    {
        Directory = folder.Path,
        Component = "orders",
        TimeProvider = time ?? new ManualTime(),
        RunsInBackground = false,
    };

    public static NewRecord Record(string value, string? key = null, long timestamp = 1_000) =>
        new(timestamp, Encoding.UTF8.GetBytes(value))
    {
        Key = key is null ? default : Encoding.UTF8.GetBytes(key),
        HasKey = key is not null,
    };

    /// <summary>A segment of batches with the given numbers of records; the bytes of the file.</summary>
    public static byte[] Segment(CompressionType compression, params int[] batches)
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Options(folder) with { Codec = compression }))
        {
            var n = 0;
            foreach (var count in batches)
            {
                for (var i = 0; i < count; i++, n++)
                {
                    writer.Append(Record($"value {n} of this segment", $"key {n % 3}", 1_000 + n));
                }

                writer.Flush();
            }
        }

        return System.IO.File.ReadAllBytes(folder.Segments().Single());
    }

    /// <summary>Everything that a reader finds in a file whose writer is gone.</summary>
    public static (List<Seen> Records, List<SegmentDamage> Damage) ReadAll(string path)
    {
        var records = new List<Seen>();
        var damage = new List<SegmentDamage>();
        var decoder = new RecordBatchDecoder();
        using var reader = SegmentReader.Open(path);
        while (true)
        {
            switch (reader.TryRead())
            {
                case SegmentReadStatus.Batch:
                    Decode(decoder, reader.Batch.Span, records);
                    break;
                case SegmentReadStatus.Corrupt:
                    damage.Add(reader.Damage!);
                    reader.Pass(damage[^1]);
                    break;
                case SegmentReadStatus.NeedMore when reader.FindTail() is { } tail:
                    damage.Add(tail);
                    reader.Pass(tail);
                    break;
                default:
                    return (records, damage);
            }
        }
    }

    public static (List<Seen> Records, List<SegmentDamage> Damage) ReadAll(TempFolder folder, byte[] bytes)
    {
        var path = folder.File("20261121_100000_3600_UTC-orders.szn");
        System.IO.File.WriteAllBytes(path, bytes);
        return ReadAll(path);
    }

    public static List<Seen> ReadFolder(TempFolder folder) => [.. folder.Segments().SelectMany(path => ReadAll(path).Records)];

    private static void Decode(RecordBatchDecoder decoder, ReadOnlySpan<byte> batch, List<Seen> records)
    {
        var each = decoder.Decode(batch);
        while (each.MoveNext())
        {
            records.Add(Seen.Of(each.Current));
        }
    }
}
