using System.Text;
using Serilog.Events;
using Serilog.Formatting;

namespace KafkaLog.Sink.Formatting;

/// <summary>Renders an event with a text formatter.</summary>
internal static class TextValue
{
    /// <summary>Renders into <see cref="EventBuffer.Value"/>, without the newline that formatters end a line with.</summary>
    public static void Render(ITextFormatter formatter, LogEvent logEvent, EventBuffer buffer)
    {
        formatter.Format(logEvent, buffer.Text);
        var text = buffer.Text.GetStringBuilder();
        var length = text.Length;
        length -= length > 0 && text[length - 1] == '\n' ? 1 : 0;
        length -= length > 0 && length < text.Length && text[length - 1] == '\r' ? 1 : 0;
        text.Length = length;
        foreach (var chunk in text.GetChunks())
        {
            // A surrogate pair may be split between two chunks. There is seldom more than one chunk.
            if (chunk.Length == length)
            {
                Encoding.UTF8.GetBytes(chunk.Span, buffer.Value);
                return;
            }
        }

        Encoding.UTF8.GetBytes(text.ToString(), buffer.Value);
    }
}
