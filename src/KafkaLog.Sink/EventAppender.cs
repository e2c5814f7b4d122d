using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Sink.Formatting;
using KafkaLog.Sink.Keys;
using Serilog.Events;
using Serilog.Formatting;

namespace KafkaLog.Sink;

/// <summary>Renders an event and appends it to the log. Errors go to the caller.</summary>
/// <param name="options">How the sink writes.</param>
/// <param name="durability">How safe an event is when its append returns.</param>
/// <param name="writer">The writer of the log.</param>
/// <param name="onFault">Called with a fault that does not keep the event from being written.</param>
internal sealed class EventAppender(KafkaLogSinkOptions options, Durability durability, LogWriter writer, Action<string> onFault)
{
    private readonly ITextFormatter? _formatter = options.Formatter;
    private readonly RecordKey? _key = RecordKey.From(options);

    /// <returns>False if the queue was full and the event was dropped.</returns>
    public bool Append(LogEvent logEvent)
    {
        var buffer = EventBuffer.Rent();
        try
        {
            if (_formatter is null)
            {
                CompactJson.Render(logEvent, buffer);
            }
            else
            {
                TextValue.Render(_formatter, logEvent, buffer);
                buffer.Text.GetStringBuilder().Clear();
            }

            var record = new NewRecord(logEvent.Timestamp.ToUnixTimeMilliseconds(), buffer.Value.WrittenSpan);
            if (HasKey(logEvent, buffer))
            {
                record = record with { Key = buffer.Key.WrittenSpan };
            }

            return writer.Append(record, durability);
        }
        finally
        {
            EventBuffer.Return(buffer);
        }
    }

    /// <summary>Renders the key. An event whose key cannot be rendered is written without one: the event matters more.</summary>
    private bool HasKey(LogEvent logEvent, EventBuffer buffer)
    {
        try
        {
            return _key?.TryRender(logEvent, buffer) == true;
        }
#pragma warning disable CA1031 // User code runs here: a property's own formatting.
        catch (Exception e)
#pragma warning restore CA1031
        {
            onFault($"the key of an event could not be rendered, so it is written without one: {e.Message}");
            return false;
        }
    }
}
