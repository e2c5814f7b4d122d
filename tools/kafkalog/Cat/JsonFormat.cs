using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using KafkaLog.Format.Records;
using KafkaLog.Tool.Reading;

namespace KafkaLog.Tool.Cat;

/// <summary>A JSON object a line. Keys, values and headers are strings, bytes that are not UTF-8 replaced; or all of them base64.</summary>
internal sealed class JsonFormat(bool isBase64) : IRecordFormat
{
    private readonly Utf8JsonWriter _json = new(Stream.Null, new JsonWriterOptions
    {
        SkipValidation = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // for terminals and programs, not for a web page
    });

    public void Write(in RecordBatchHeader header, in Record record, long offset, IBufferWriter<byte> output)
    {
        _json.Reset(output);
        _json.WriteStartObject();
        _json.WriteNumber("offset"u8, offset);
        WriteTimestamp(header, record.Timestamp);
        WriteText("key"u8, record.Key, record.HasKey);
        WriteText("value"u8, record.Value, record.HasValue);
        _json.WriteStartArray("headers"u8);
        foreach (var pair in record.CopyHeaders())
        {
            _json.WriteStartArray();
            WriteText(pair.Name.Span, true);
            WriteText(pair.Value.GetValueOrDefault().Span, pair.Value.HasValue);
            _json.WriteEndArray();
        }

        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Flush();
        output.Write("\n"u8);
    }

    public void Dispose() => _json.Dispose();

    private void WriteTimestamp(in RecordBatchHeader header, long timestamp)
    {
        if (RecordTimestamp.Of(header, timestamp) is { } time)
        {
            _json.WriteNumber("timestamp"u8, time);
            _json.WriteString("timestampType"u8, header.IsLogAppendTime ? "LogAppendTime"u8 : "CreateTime"u8);
        }
        else
        {
            _json.WriteNull("timestamp"u8);
            _json.WriteNull("timestampType"u8);
        }
    }

    private void WriteText(ReadOnlySpan<byte> name, ReadOnlySpan<byte> bytes, bool isThere)
    {
        _json.WritePropertyName(name);
        WriteText(bytes, isThere);
    }

    private void WriteText(ReadOnlySpan<byte> bytes, bool isThere)
    {
        if (!isThere)
        {
            _json.WriteNullValue();
        }
        else if (isBase64)
        {
            _json.WriteBase64StringValue(bytes);
        }
        else if (Utf8.IsValid(bytes))
        {
            _json.WriteStringValue(bytes);
        }
        else
        {
            _json.WriteStringValue(Encoding.UTF8.GetString(bytes)); // U+FFFD for what is not UTF-8
        }
    }
}
