using System.Globalization;
using System.Text.Json;
using Serilog.Events;

namespace KafkaLog.Sink.Formatting;

/// <summary>A property's value as JSON.</summary>
internal static class JsonValue
{
    /// <summary>Serilog's own limit is 10; only values built by hand go deeper, and those may be circular.</summary>
    private const int MaxDepth = 64;

    private const string TooDeep = "(nested too deep)";

    public static void Write(LogEventPropertyValue? value, Utf8JsonWriter json, int depth = 0)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case ScalarValue scalar:
                WriteScalar(scalar.Value, json);
                break;
            case var _ when depth >= MaxDepth:
                json.WriteStringValue(TooDeep);
                break;
            case StructureValue structure:
                WriteStructure(structure, json, depth + 1);
                break;
            case SequenceValue sequence:
                WriteSequence(sequence, json, depth + 1);
                break;
            case DictionaryValue dictionary:
                WriteDictionary(dictionary, json, depth + 1);
                break;
            default:
                json.WriteStringValue(SafeText.Of(value));
                break;
        }
    }

    private static void WriteStructure(StructureValue structure, Utf8JsonWriter json, int depth)
    {
        json.WriteStartObject();
        foreach (var property in structure.Properties)
        {
            json.WritePropertyName(property.Name);
            Write(property.Value, json, depth);
        }

        if (structure.TypeTag is { } tag)
        {
            json.WriteString("$type", tag);
        }

        json.WriteEndObject();
    }

    private static void WriteSequence(SequenceValue sequence, Utf8JsonWriter json, int depth)
    {
        json.WriteStartArray();
        foreach (var element in sequence.Elements)
        {
            Write(element, json, depth);
        }

        json.WriteEndArray();
    }

    private static void WriteDictionary(DictionaryValue dictionary, Utf8JsonWriter json, int depth)
    {
        json.WriteStartObject();
        foreach (var element in dictionary.Elements)
        {
            json.WritePropertyName(element.Key.Value is { } key ? SafeText.Of(key) : "null");
            Write(element.Value, json, depth);
        }

        json.WriteEndObject();
    }

    private static void WriteScalar(object? value, Utf8JsonWriter json)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case bool flag:
                json.WriteBooleanValue(flag);
                break;
            case int number:
                json.WriteNumberValue(number);
                break;
            case long number:
                json.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case decimal number:
                json.WriteNumberValue(number);
                break;
            case uint number:
                json.WriteNumberValue(number);
                break;
            case ulong number:
                json.WriteNumberValue(number);
                break;
            case short or ushort or byte or sbyte:
                json.WriteNumberValue(Convert.ToInt32(value, CultureInfo.InvariantCulture));
                break;
            default:
                WriteAsText(value, json);
                break;
        }
    }

    /// <summary>Values that JSON has no form for: times, identifiers, not-a-number, any other type.</summary>
    private static void WriteAsText(object value, Utf8JsonWriter json)
    {
        Span<byte> text = stackalloc byte[64];
        var length = 0;
        var fits = value switch
        {
            Guid id => id.TryFormat(text, out length),
            DateTime time => time.TryFormat(text, out length, "O", CultureInfo.InvariantCulture),
            DateTimeOffset time => time.TryFormat(text, out length, "O", CultureInfo.InvariantCulture),
            TimeSpan duration => duration.TryFormat(text, out length, "c", CultureInfo.InvariantCulture),
            _ => false,
        };
        if (fits)
        {
            json.WriteStringValue(text[..length]);
        }
        else
        {
            json.WriteStringValue(SafeText.Of(value));
        }
    }
}
