using System.Globalization;
using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The settings of a producer: the user's properties for the broker group, and settings that the guarantees of the daemon depend on,
/// which override them. Source: librdkafka's CONFIGURATION.md.
/// </summary>
internal static class ProducerSettings
{
    /// <summary>
    /// The most records in one request: a strict window (<see cref="SendWindow"/>) fits in.
    /// </summary>
    public const int BatchRecords = 10_000;

    /// <summary>The settings of a producer.</summary>
    /// <param name="group">The user's brokers and properties.</param>
    /// <param name="ack">Whose acknowledgement counts.</param>
    /// <param name="partitioner">Which partition a key goes to.</param>
    /// <param name="isIdempotent">True to use the idempotent producer.</param>
    /// <param name="shape">How large its requests are.</param>
    public static Dictionary<string, string> For(
        BrokerGroupOptions group, AckLevel ack, PartitionerKind partitioner, bool isIdempotent, ProducerShape shape)
    {
        var settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            // Our defaults, which a user may override.
            ["client.id"] = "kafkafeeder",
            // A longer time saves CPU; a window that is pushed is sent as soon as it is complete.
            ["linger.ms"] = isIdempotent && !shape.IsPushed ? "50" : "1000",
            ["socket.keepalive.enable"] = "true",
            ["reconnect.backoff.max.ms"] = "5000",
            ["batch.num.messages"] = BatchRecords.ToString(CultureInfo.InvariantCulture),
            ["message.send.max.retries"] = "2147483647",
            ["batch.size"] = ProducerShape.Sizes[0].BatchBytes.ToString(CultureInfo.InvariantCulture),
            ["topic.metadata.propagation.max.ms"] = "5000", // a topic that is unknown for longer counts as missing
            ["retry.backoff.ms"] = "100",
        };
        foreach (var property in group.Properties)
        {
            settings[property.Name] = property.Value;
        }

        settings["bootstrap.servers"] = string.Join(",", group.Brokers);
        settings["acks"] = ((int)ack).ToString(CultureInfo.InvariantCulture);
        settings["enable.idempotence"] = isIdempotent ? "true" : "false";
        settings["partitioner"] = NameOf(partitioner);
        settings["message.timeout.ms"] = "0"; // never give up a record: the backlog is on disk
        settings["allow.auto.create.topics"] = "false";
        settings["queue.buffering.max.messages"] = "10000000"; // our window is far smaller; the client's queue must not limit it
        settings["queue.buffering.max.kbytes"] = "2097151";
        settings["dotnet.producer.delivery.report.fields"] = "status,value";
        settings["dotnet.cancellation.delay.max.ms"] = "400"; // how often its idle thread wakes, and how long closing may take
        if (shape.BatchBytes != ProducerShape.Sizes[0].BatchBytes)
        {
            settings["batch.size"] = shape.BatchBytes.ToString(CultureInfo.InvariantCulture);
        }

        if (shape.IsSingle)
        {
            settings["batch.num.messages"] = "1";
            settings["linger.ms"] = "0";
        }

        if (!isIdempotent)
        {
            // A retry by the client could duplicate a whole request without a trace: the shipper retries instead, and counts.
            settings["message.send.max.retries"] = "0";
            settings["max.in.flight.requests.per.connection"] = "1";
        }

        return settings;
    }

    /// <summary>False if the user disabled it, or configured brokers older than 0.11, which do not support it.</summary>
    public static bool MayBeIdempotent(BrokerGroupOptions group, AckLevel ack)
    {
        string? Value(string name) => group.Properties.FirstOrDefault(p => p.Name == name)?.Value;

        return ack == AckLevel.AllInSync
            && !string.Equals(Value("enable.idempotence"), "false", StringComparison.OrdinalIgnoreCase)
            && !(string.Equals(Value("api.version.request"), "false", StringComparison.OrdinalIgnoreCase)
                && Version.TryParse(Value("broker.version.fallback") ?? "0.10.0", out var version) && version < new Version(0, 11));
    }

    private static string NameOf(PartitionerKind partitioner) => partitioner switch
    {
        PartitionerKind.Fnv1aRandom => "fnv1a_random",
        PartitionerKind.Random => "random",
        _ => "murmur2_random",
    };
}
