using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Sink.Formatting;
using KafkaLog.Sink.Keys;
using Serilog.Events;
using Serilog.Formatting;

namespace KafkaLog.Sink;

/// <summary>Renders an event and appends it to the log; what goes wrong is the caller's.</summary>
internal sealed class EventAppender(KafkaLogSinkOptions options, Durability durability, LogWriter writer)
{
    private readonly ITextFormatter? _formatter = options.Formatter;
    private readonly RecordKey? _key = RecordKey.From(options);

    /// <returns>False if the queue was full and the event was dropped.</returns>
    public bool Append(LogEvent logEvent)
    {
        EventBuffer buffer = EventBuffer.Rent();
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
            if (_key?.TryRender(logEvent, buffer) == true)
            {
                record = record with { Key = buffer.Key.WrittenSpan, HasKey = true };
            }
            return writer.Append(record, durability);
        }
        finally
        {
            EventBuffer.Return(buffer);
        }
    }
}
