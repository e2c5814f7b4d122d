using System.Text.Encodings.Web;
using System.Text.Json;
using KafkaLog.Format.Segments;

namespace KafkaLog.Tool.Reading;

/// <summary>What was found in a file, for programs: one JSON object a line.</summary>
internal static class InspectionJson
{
    /// <summary>For terminals and programs, not for a web page.</summary>
    public static JsonWriterOptions Options { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static void Write(Inspection inspection, Stream output)
    {
        using var json = new Utf8JsonWriter(output, Options);
        json.WriteStartObject();
        WriteMembers(inspection, json);
        json.WriteEndObject();
        json.Flush();
        output.WriteByte((byte)'\n');
    }

    /// <summary>Writes the members into an object that may have more.</summary>
    public static void WriteMembers(Inspection inspection, Utf8JsonWriter json)
    {
        json.WriteString("file", inspection.Path);
        json.WriteBoolean("sound", inspection.IsSound);
        json.WriteNumber("bytes", inspection.Bytes);
        json.WriteNumber("batches", inspection.BatchesCount);
        json.WriteNumber("records", inspection.RecordsCount);
        WriteNumber(json, "firstOffset", inspection.FirstOffset);
        WriteNumber(json, "lastOffset", inspection.LastOffset);
        json.WriteString("writer", NameOf(inspection.Writer));
        json.WriteBoolean("final", inspection.IsFinal);
        json.WriteNumber("unfinishedBytes", inspection.UnfinishedBytes);
        json.WriteNumber("preparedBytes", inspection.PreparedBytes);
        json.WriteNumber("damageCount", inspection.DamageCount);
        json.WriteNumber("damagedBytes", inspection.DamagedBytes);
        json.WriteStartArray("damage");
        foreach (var finding in inspection.Damage)
        {
            json.WriteStartObject();
            json.WriteNumber("firstByte", finding.Position);
            json.WriteNumber("lastByte", finding.EndPosition - 1);
            json.WriteBoolean("tornTail", finding.IsTornTail);
            json.WriteString("reason", finding.Reason);
            WriteNumber(json, "lastOffsetBefore", finding.LastOffsetBefore);
            WriteNumber(json, "firstOffsetBehind", finding.FirstOffsetBehind);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>A writer's state as a word.</summary>
    public static string NameOf(WriterState writer) => writer switch
    {
        WriterState.Alive => "alive",
        WriterState.Gone => "gone",
        _ => "unknown",
    };

    /// <summary>A number or null.</summary>
    public static void WriteNumber(Utf8JsonWriter json, string name, long? number)
    {
        if (number is { } there)
        {
            json.WriteNumber(name, there);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
