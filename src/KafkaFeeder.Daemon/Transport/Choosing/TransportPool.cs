using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport.Client;
using KafkaFeeder.Daemon.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Choosing;

/// <summary>Opens for each log the transport that its broker group asks for, or that fits it. Thread-safe.</summary>
internal sealed class TransportPool(IReadOnlyDictionary<string, BrokerGroupOptions> groups, ILogger logger, TimeProvider time)
    : ITransportPool, IDisposable
{
    private readonly ClientTransportPool _client = new(groups, logger, time);
    private readonly WireTransportPool _wire = new(groups, logger, time);

    public bool FindsOut(LogOptions log) => TransportChoice.For(groups[log.Broker], log).IsWire;

    public IBatchTransport Open(LogOptions log, string savedState, bool mayHaveSent)
    {
        var group = groups[log.Broker];
        var choice = TransportChoice.For(group, log);
        FeederLog.TransportChosen(logger, log.Component, choice.IsWire ? "the wire transport" : "the client library", choice.Why);
        return !choice.IsWire ? _client.Open(log, savedState, mayHaveSent)
            : group.Transport == TransportKind.Wire ? _wire.Open(log, savedState, mayHaveSent)
            : new AutomaticTransport(
                (WireTransport)_wire.Open(log, savedState, mayHaveSent), () => _client.Open(log, savedState, mayHaveSent), log, logger);
    }

    public void Dispose()
    {
        _client.Dispose();
        _wire.Dispose();
    }
}
