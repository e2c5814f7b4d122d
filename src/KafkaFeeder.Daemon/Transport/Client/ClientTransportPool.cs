using KafkaFeeder.Daemon.Options;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>One producer for each broker group, acknowledgement level and partitioner that logs use. Thread-safe.</summary>
internal sealed class ClientTransportPool(IReadOnlyDictionary<string, BrokerGroupOptions> groups, ILogger logger, TimeProvider time) : ITransportPool, IAsyncDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Group, AckLevel Ack, PartitionerKind Partitioner), ClientTransport> _transports = [];

    public IBatchTransport For(LogOptions log)
    {
        lock (_lock)
        {
            var key = (log.Broker, log.Ack, log.Partitioner);
            if (!_transports.TryGetValue(key, out var transport))
            {
                _transports[key] = transport = new ClientTransport(groups[log.Broker], log.Ack, log.Partitioner, logger, time);
            }

            return transport;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var transport in _transports.Values)
        {
            await transport.DisposeAsync().ConfigureAwait(false);
        }
    }
}
