using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Serilog.Events;
using Serilog.Parsing;

namespace KafkaLog.Sink.Keys;

/// <summary>Makes the key of a record from the event's properties.</summary>
internal sealed class RecordKey
{
    private readonly MessageTemplateToken[] _tokens;

    private RecordKey(IEnumerable<MessageTemplateToken> tokens) => _tokens = [.. tokens];

    /// <summary>Null: records have no key.</summary>
    public static RecordKey? From(KafkaLogSinkOptions options) =>
        options.KeyProperty is { } property ? new RecordKey([new PropertyToken(property, "{" + property + "}")])
        : options.KeyTemplate is { } template ? new RecordKey(new MessageTemplateParser().Parse(template).Tokens)
        : null;

    /// <summary>Whether a template gives each event a key of its own. If not, <paramref name="fault"/> is a sentence.</summary>
    public static bool IsValidTemplate(string template, [NotNullWhen(false)] out string? fault)
    {
        // The parser takes braces without a property name as text: "{Order Id}" would be the same key for every event.
        var properties = new MessageTemplateParser().Parse(template).Tokens.Count(token => token is PropertyToken);
        var braces = template.Replace("{{", "", StringComparison.Ordinal).Count(character => character == '{');
        fault = properties == 0 && braces == 0
            ? $"keyTemplate is '{template}', which names no property; it must name one, such as {{OrderId}}."
            : properties == braces ? null
            : $"keyTemplate is '{template}': the text in one of its braces is not a property name; "
                + "expected letters, digits and _ (write {{ for a brace).";
        return fault is null;
    }

    /// <summary>
    /// Renders into <see cref="EventBuffer.Key"/>: strings without quotation marks, everything else as in the message. False:
    /// the event lacks a property, or its value is null, so the record has no key.
    /// </summary>
    public bool TryRender(LogEvent logEvent, EventBuffer buffer)
    {
        foreach (var token in _tokens)
        {
            if (token is not PropertyToken property)
            {
                Encoding.UTF8.GetBytes(token.ToString(), buffer.Key);
            }
            else if (!logEvent.Properties.TryGetValue(property.PropertyName, out var value)
                || value is ScalarValue { Value: null })
            {
                return false;
            }
            else if (value is ScalarValue { Value: string text } && property.Format is null && property.Alignment is null)
            {
                Encoding.UTF8.GetBytes(text, buffer.Key);
            }
            else
            {
                property.Render(logEvent.Properties, buffer.Text, CultureInfo.InvariantCulture);
                Encoding.UTF8.GetBytes(buffer.TakeText(), buffer.Key);
            }
        }

        return true;
    }
}
