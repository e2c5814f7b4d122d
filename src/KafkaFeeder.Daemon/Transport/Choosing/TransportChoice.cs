using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport.Wire;

namespace KafkaFeeder.Daemon.Transport.Choosing;

/// <summary>Which transport a log gets by its settings. Pure.</summary>
/// <param name="IsWire">True: the wire transport, which resumes exactly. False: the client library.</param>
/// <param name="Why">Why, for people.</param>
internal readonly record struct TransportChoice(bool IsWire, string Why)
{
    /// <summary>Decides. With <c>auto</c>, the brokers may still turn out not to allow the wire transport.</summary>
    public static TransportChoice For(BrokerGroupOptions group, LogOptions log)
    {
        if (group.Transport == TransportKind.Client)
        {
            return new(false, $"transport: client for {group.Name}");
        }

        var needsClient = WireSettings.Of(group).NeedsClient
            ?? (log.Ack != AckLevel.AllInSync ? "only acknowledgements of all in-sync replicas can be resumed exactly"
                : log.OriginHeaders ? "origin_headers is set"
                : log.StrictOrder == true ? "strict_order is set"
                : null);
        return needsClient is not null ? new(false, group.Transport == TransportKind.Wire ? $"not by wire: {needsClient}" : needsClient)
            : group.Transport == TransportKind.Wire ? new(true, $"transport: wire for {group.Name}")
            : new(true, "it resumes exactly");
    }
}
