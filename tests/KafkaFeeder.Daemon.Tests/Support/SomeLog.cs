using System.Text;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class SomeLog
{
    /// <summary>The log <c>orders</c> in a directory, with default settings.</summary>
    public static LogOptions In(string directory) => new()
    {
        Component = "orders",
        Topic = "orders-topic",
        Broker = "kafka",
        Directory = directory,
        SourceFile = Path.Combine(directory, "kafkafeeder.yaml"),
        SourceLine = 2,
        BrokerLine = 4,
    };

    /// <summary>Writes a finished segment of the log <c>orders</c>, and returns its path.</summary>
    public static string Segment(string directory, int records = 10)
    {
        using (var writer = new LogWriter(new LogWriterOptions { Directory = directory, Component = "orders" }))
        {
            for (var i = 0; i < records; i++)
            {
                writer.Append(new NewRecord(1_700_000_000_000 + i, Encoding.UTF8.GetBytes($"record {i}")));
            }

            writer.Flush();
        }

        return Directory.GetFiles(directory, "*-orders.szn").Order(StringComparer.Ordinal).Last();
    }
}
