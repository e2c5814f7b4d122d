using System.Text.Json;
using KafkaLog.Format.Records;

namespace KafkaFeeder.EndToEnd.Tests.IndependentReaders;

/// <summary>
/// A record in a form that can be compared: bytes in base64, null as null, headers in order as name=value, a header
/// without a value as the name alone.
/// </summary>
internal sealed record ReadRecord(long Offset, long Timestamp, string? Key, string? Value, string Headers)
{
    /// <summary>What was appended, as it should be read.</summary>
    public static ReadRecord Of(long offset, in NewRecord record)
    {
        var headers = new List<string>();
        foreach (var header in record.Headers)
        {
            headers.Add(
                HeaderText(System.Text.Encoding.UTF8.GetString(header.Name.Span), header.Value is { } value
                    ? Convert.ToBase64String(value.Span)
                    : null));
        }

        return new ReadRecord(
            offset,
            record.Timestamp,
            record.HasKey ? Convert.ToBase64String(record.Key) : null,
            record.HasValue ? Convert.ToBase64String(record.Value) : null,
            string.Join(' ', headers));
    }

    /// <summary>A line of memory_records.py.</summary>
    public static ReadRecord Parse(string line)
    {
        var json = JsonDocument.Parse(line).RootElement;
        return new ReadRecord(
            json.GetProperty("offset").GetInt64(),
            json.GetProperty("timestamp") is { ValueKind: JsonValueKind.Number } timestamp ? timestamp.GetInt64() : -1,
            json.GetProperty("key").GetString(),
            json.GetProperty("value").GetString(),
            string.Join(
                ' ',
                json.GetProperty("headers").EnumerateArray().Select(header => HeaderText(header[0].GetString()!, header[1].GetString()))));
    }

    private static string HeaderText(string name, string? value) => value is null ? name : $"{name}={value}";
}
