using KafkaFeeder.Daemon.Options.Values;
using Serilog.Core;
using Serilog.Events;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Makes every text printable before any sink receives it. Directory names and error texts of brokers come from others: line breaks in
/// them could forge log lines, and escape sequences could control the terminal that shows the log.
/// </summary>
internal sealed class EscapingEnricher : ILogEventEnricher
{
    /// <summary>The most characters of a value that are shown: a stack trace fits.</summary>
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
