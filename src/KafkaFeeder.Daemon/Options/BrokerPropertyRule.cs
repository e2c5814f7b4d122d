using System.Diagnostics.CodeAnalysis;

namespace KafkaFeeder.Daemon.Options;

/// <summary>The properties of librdkafka that our promises rest on: nobody else may set them.</summary>
internal static class BrokerPropertyRule
{
    private const string NoLimit = "records are retried without a limit; a limit would drop them when the brokers are away for longer";
    private const string OneOrder = "the order of a log depends on it, so KafkaFeeder chooses it by what the brokers can do";
    private const string OneWindow = "what is in flight is bounded in bytes; set shipper.max_in_flight";
    private const string Reports = "checkpoints depend on the report of every record";
    private const string Addresses = "the addresses belong under brokers:";
    private const string NoTransactions = "KafkaFeeder uses no transactions";

    private static readonly Dictionary<string, string> Owned = new(StringComparer.OrdinalIgnoreCase)
    {
        ["acks"] = "it is set for each log, as ack: in kafkafeeder.yaml",
        ["request.required.acks"] = "it is set for each log, as ack: in kafkafeeder.yaml",
        ["partitioner"] = "it is set for each log, as partitioner: in kafkafeeder.yaml",
        ["message.send.max.retries"] = NoLimit,
        ["retries"] = NoLimit,
        ["max.in.flight"] = OneOrder,
        ["max.in.flight.requests.per.connection"] = OneOrder,
        ["queuing.strategy"] = OneOrder,
        ["enable.gapless.guarantee"] = OneOrder,
        ["queue.buffering.max.messages"] = OneWindow,
        ["queue.buffering.max.kbytes"] = OneWindow,
        ["delivery.report.only.error"] = Reports,
        ["dr_cb"] = Reports,
        ["dr_msg_cb"] = Reports,
        ["dotnet.producer.enable.delivery.reports"] = Reports,
        ["dotnet.producer.delivery.report.fields"] = Reports,
        ["dotnet.producer.enable.background.poll"] = Reports,
        ["bootstrap.servers"] = Addresses,
        ["metadata.broker.list"] = Addresses,
        ["transactional.id"] = NoTransactions,
        ["transaction.timeout.ms"] = NoTransactions,
        ["test.mock.num.brokers"] = "its brokers live in this process and keep nothing",
    };

    /// <summary>Whether it may be set. If not, <paramref name="refusal"/> is the rest of a sentence.</summary>
    public static bool MayBeSet(string name, string value, [NotNullWhen(false)] out string? refusal)
    {
        refusal = Owned.TryGetValue(name, out var reason) ? $"may not be set here: {reason}." : name.ToLowerInvariant() switch
        {
            "enable.idempotence" when value != "false" => "may only be set to false: KafkaFeeder turns it on where the brokers support it.",
            "message.timeout.ms" or "delivery.timeout.ms" when value != "0" => $"may only be 0 (no limit): {NoLimit}.",
            _ => null,
        };
        return refusal is null;
    }

    /// <summary>librdkafka's names: lower case words with dots and underscores.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= 100
        && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');
}
