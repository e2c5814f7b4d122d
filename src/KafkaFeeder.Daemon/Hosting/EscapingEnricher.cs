using KafkaFeeder.Daemon.Options.Values;
using Serilog.Core;
using Serilog.Events;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Names of directories, and what brokers say, come from others: line breaks in them would forge lines of the log, and
/// escape sequences would drive the terminal that shows it. So every text is made printable here, before any sink has it.
/// </summary>
internal sealed class EscapingEnricher : ILogEventEnricher
{
    /// <summary>A stack trace fits.</summary>
    private const int MaxShown = 16 * 1024;

    public void Enrich(LogEvent logEvent, ILogEventPropertyFactory propertyFactory)
    {
        List<LogEventProperty>? escaped = null;
        foreach (var (name, value) in logEvent.Properties)
        {
            if (value is ScalarValue { Value: string text } && Quote.Plain(text, MaxShown) is var plain && plain != text)
            {
                (escaped ??= []).Add(new LogEventProperty(name, new ScalarValue(plain)));
            }
        }

        escaped?.ForEach(logEvent.AddOrUpdateProperty);
    }
}
