using System.Globalization;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Stats;

/// <summary>What a file is made of, for people.</summary>
internal static class StatsText
{
    private const int MaxGaps = 10;

    public static void Write(SegmentStats stats, Inspection inspection, TextWriter output)
    {
        InspectionText.Write(inspection, output);
        var identity = stats.SegmentIdentity is { } id ? $"segment id {id:x16}" : "no segment id";
        Line("size", $"{Quantity.Bytes(inspection.Bytes)}; writer {InspectionJson.NameOf(inspection.Writer)}; {identity}");
        foreach (var kind in stats.Kinds)
        {
            Line(
                $"magic {kind.Magic}, {NameOf(kind)}",
                $"{Quantity.Of(kind.Batches, "batch", "batches")}, {Quantity.Of(kind.Records, "record", "records")}, ",
                $"{Quantity.Bytes(kind.StoredBytes)} of {kind.UncompressedBytes:N0} ",
                $"uncompressed (ratio {RatioOf(kind):0.000})");
        }

        if (stats.ControlBatches > 0)
        {
            Line("control", $"{Quantity.Of(stats.ControlBatches, "batch", "batches")} of these");
        }

        WriteOffsets(stats, inspection);
        if (stats.FirstTimestamp is { } first)
        {
            Line("timestamps", $"{TimeOf(first)} .. {TimeOf(stats.LastTimestamp!.Value)}");
        }

        if (stats.Records > 0)
        {
            Line(
                "batches",
                $"{(double)inspection.RecordsCount / inspection.BatchesCount:0.0} records on average, {stats.MaxRecordsPerBatch:N0} at ",
                $"most; the largest {Quantity.Bytes(stats.LargestBatchBytes)}");
            Line(
                "records",
                $"{ShareOf(stats.RecordsWithKey, stats)} with a key, {ShareOf(stats.RecordsWithHeaders, stats)} with headers, ",
                $"{stats.Tombstones:N0} with a null value");
        }

        void WriteOffsets(SegmentStats of, Inspection among)
        {
            if (among.FirstOffset is not { } firstOffset)
            {
                return;
            }

            Line("offsets", $"{firstOffset}..{among.LastOffset}; {Quantity.Of(of.GapsCount, "gap", "gaps")} with ",
                $"{Quantity.Of(of.MissingOffsets, "offset", "offsets")}");
            foreach (var gap in of.Gaps.Take(MaxGaps))
            {
                Line("  gap", $"{gap.FirstMissing}..{gap.LastMissing}");
            }
        }

        void Line(string name, params FormattableString[] text) =>
            output.WriteLine($"  {name,-16}{string.Concat(text.Select(FormattableString.Invariant))}");
    }

    /// <summary>Stored bytes per uncompressed byte.</summary>
    public static double RatioOf(BatchKind kind) => kind.UncompressedBytes == 0 ? 1 : (double)kind.StoredBytes / kind.UncompressedBytes;

    public static string NameOf(BatchKind kind) => kind.Codec.ToString().ToLowerInvariant();

    private static string ShareOf(long count, SegmentStats stats) =>
        string.Create(CultureInfo.InvariantCulture, $"{100.0 * count / stats.Records:0.#} %");

    /// <summary>In UTC; as a number if it is not a valid time.</summary>
    private static string TimeOf(long timestamp) =>
        timestamp >= 0 && timestamp <= DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()
            ? DateTimeOffset.FromUnixTimeMilliseconds(timestamp).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"@{timestamp}");
}
