using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using Serilog.Events;
using Serilog.Parsing;

namespace KafkaLog.Sink.Formatting;

/// <summary>
/// Renders an event as one object of compact JSON, known as CLEF:
/// <list type="table">
/// <item><term>@t</term><description>time, UTC, ISO 8601 to 100 ns</description></item>
/// <item><term>@mt</term><description>the message template</description></item>
/// <item><term>@r</term><description>the renderings of the template's tokens that have a format, in order; absent if there
/// are none</description></item>
/// <item><term>@l</term><description>level; absent when Information</description></item>
/// <item><term>@x</term><description>exception with its stack trace; absent if none</description></item>
/// <item><term>@tr, @sp</term><description>trace and span; absent if none</description></item>
/// </list>
/// and the event's properties by name; a leading @ in a name is doubled. Always valid JSON in valid UTF-8.
/// </summary>
internal static class CompactJson
{
    private static readonly JsonEncodedText Time = JsonEncodedText.Encode("@t");
    private static readonly JsonEncodedText Template = JsonEncodedText.Encode("@mt");
    private static readonly JsonEncodedText Renderings = JsonEncodedText.Encode("@r");
    private static readonly JsonEncodedText Level = JsonEncodedText.Encode("@l");
    private static readonly JsonEncodedText Error = JsonEncodedText.Encode("@x");
    private static readonly JsonEncodedText Trace = JsonEncodedText.Encode("@tr");
    private static readonly JsonEncodedText Span = JsonEncodedText.Encode("@sp");

    /// <summary>Renders into <see cref="EventBuffer.Value"/>.</summary>
    public static void Render(LogEvent logEvent, EventBuffer buffer)
    {
        var json = buffer.Json;
        json.WriteStartObject();
        WriteTime(logEvent.Timestamp, json);
        json.WriteString(Template, logEvent.MessageTemplate.Text);
        WriteRenderings(logEvent, buffer);
        if (logEvent.Level != LogEventLevel.Information)
        {
            json.WriteString(Level, NameOf(logEvent.Level));
        }

        if (logEvent.Exception is { } exception)
        {
            json.WriteString(Error, SafeText.Of(exception));
        }

        if (logEvent.TraceId is { } trace)
        {
            json.WriteString(Trace, trace.ToHexString());
        }

        if (logEvent.SpanId is { } span)
        {
            json.WriteString(Span, span.ToHexString());
        }

        WriteProperties(logEvent.Properties, json);
        json.WriteEndObject();
        json.Flush();
    }

    private static void WriteTime(DateTimeOffset time, Utf8JsonWriter json)
    {
        Span<byte> text = stackalloc byte[32];
        Utf8Formatter.TryFormat(time.UtcDateTime, text, out var length, 'O');
        json.WriteString(Time, text[..length]);
    }

    private static void WriteRenderings(LogEvent logEvent, EventBuffer buffer)
    {
        var hasAny = false;
        // It is an array: cast to one, it is enumerated without an allocation.
        var tokens = logEvent.MessageTemplate.Tokens;
        foreach (var token in tokens as MessageTemplateToken[] ?? tokens.ToArray())
        {
            if (token is not PropertyToken { Format: not null } formatted)
            {
                continue;
            }

            if (!hasAny)
            {
                buffer.Json.WriteStartArray(Renderings);
                hasAny = true;
            }

            buffer.Json.WriteStringValue(Rendering(formatted, logEvent, buffer));
        }

        if (hasAny)
        {
            buffer.Json.WriteEndArray();
        }
    }

    private static string Rendering(PropertyToken token, LogEvent logEvent, EventBuffer buffer)
    {
        try
        {
            token.Render(logEvent.Properties, buffer.Text, CultureInfo.InvariantCulture);
            return buffer.TakeText();
        }
#pragma warning disable CA1031 // A format that does not suit its value may throw anything; the event must not be lost because of that.
        catch (Exception e)
#pragma warning restore CA1031
        {
            buffer.TakeText();
            return SafeText.Apology(token.PropertyName, e);
        }
    }

    private static void WriteProperties(IReadOnlyDictionary<string, LogEventPropertyValue> properties, Utf8JsonWriter json)
    {
        if (properties is Dictionary<string, LogEventPropertyValue> dictionary)
        {
            foreach (var property in dictionary)
            {
                WriteProperty(property, json);
            }

            return;
        }

        foreach (var property in properties)
        {
            WriteProperty(property, json);
        }
    }

    private static void WriteProperty(KeyValuePair<string, LogEventPropertyValue> property, Utf8JsonWriter json)
    {
        json.WritePropertyName(property.Key.StartsWith('@') ? "@" + property.Key : property.Key);
        JsonValue.Write(property.Value, json);
    }

    private static string NameOf(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose => "Verbose",
        LogEventLevel.Debug => "Debug",
        LogEventLevel.Warning => "Warning",
        LogEventLevel.Error => "Error",
        LogEventLevel.Fatal => "Fatal",
        _ => level.ToString(),
    };
}
