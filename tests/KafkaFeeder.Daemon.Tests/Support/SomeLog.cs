using KafkaFeeder.Daemon.Options;

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
}
