using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>Creates the transport of each log, on producers that logs share. Thread-safe.</summary>
internal sealed class ClientTransportPool(IReadOnlyDictionary<string, BrokerGroupOptions> groups, ILogger logger, TimeProvider time)
    : ITransportPool, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Group, AckLevel Ack, PartitionerKind Partitioner), SharedProducers> _producers = [];
    private readonly Dictionary<string, BrokerHealth> _health = new(StringComparer.Ordinal);
    private readonly ThreadLocal<RecordBatchDecoder> _decoder = new(() => new RecordBatchDecoder());

    public IBatchTransport Open(LogOptions log, string savedState, bool mayHaveSent)
    {
        lock (_lock)
        {
            if (!_health.TryGetValue(log.Broker, out var health))
            {
                _health[log.Broker] = health = new BrokerHealth(log.Broker, groups[log.Broker].WithoutSecrets, logger, time);
            }

            var key = (log.Broker, log.Ack, log.Partitioner);
            if (!_producers.TryGetValue(key, out var producers))
            {
                _producers[key] = producers = new SharedProducers(groups[log.Broker], log.Ack, log.Partitioner, health, logger, time);
            }

            return new ClientTransport(producers, log.StrictOrder == true, _decoder, logger);
        }
    }

    public void Dispose()
    {
        foreach (var producers in _producers.Values)
        {
            producers.Dispose();
        }

        _decoder.Dispose();
    }
}
