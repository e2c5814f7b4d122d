using System.Text.Json;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Stats;

/// <summary>What a file is made of, for programs: what verify --json prints, and more. Gaps are [first, last], both inclusive.</summary>
internal static class StatsJson
{
    public static void Write(SegmentStats stats, Inspection inspection, Stream output)
    {
        using var json = new Utf8JsonWriter(output, InspectionJson.Options);
        json.WriteStartObject();
        InspectionJson.WriteMembers(inspection, json);
        InspectionJson.WriteNumber(json, "segmentId", stats.SegmentIdentity);
        json.WriteStartArray("kinds");
        foreach (var kind in stats.Kinds)
        {
            WriteKind(json, kind);
        }

        json.WriteEndArray();
        json.WriteNumber("controlBatches", stats.ControlBatches);
        json.WriteNumber("dataRecords", stats.Records);
        json.WriteNumber("recordsWithKey", stats.RecordsWithKey);
        json.WriteNumber("recordsWithHeaders", stats.RecordsWithHeaders);
        json.WriteNumber("nullValues", stats.Tombstones);
        InspectionJson.WriteNumber(json, "firstTimestamp", stats.FirstTimestamp);
        InspectionJson.WriteNumber(json, "lastTimestamp", stats.LastTimestamp);
        json.WriteNumber("maxRecordsPerBatch", stats.MaxRecordsPerBatch);
        json.WriteNumber("largestBatchBytes", stats.LargestBatchBytes);
        json.WriteNumber("gapsCount", stats.GapsCount);
        json.WriteNumber("missingOffsets", stats.MissingOffsets);
        json.WriteStartArray("gaps");
        foreach (var gap in stats.Gaps)
        {
            json.WriteStartArray();
            json.WriteNumberValue(gap.FirstMissing);
            json.WriteNumberValue(gap.LastMissing);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        output.WriteByte((byte)'\n');
    }

    private static void WriteKind(Utf8JsonWriter json, BatchKind kind)
    {
        json.WriteStartObject();
        json.WriteNumber("magic", kind.Magic);
        json.WriteString("codec", StatsText.NameOf(kind));
        json.WriteNumber("batches", kind.Batches);
        json.WriteNumber("records", kind.Records);
        json.WriteNumber("storedBytes", kind.StoredBytes);
        json.WriteNumber("uncompressedBytes", kind.UncompressedBytes);
        json.WriteNumber("ratio", Math.Round(StatsText.RatioOf(kind), 4));
        json.WriteEndObject();
    }
}
