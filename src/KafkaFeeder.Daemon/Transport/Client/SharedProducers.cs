using KafkaFeeder.Daemon.Options;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The producers that all logs of a broker group with the same acknowledgement level and partitioner share: one for each request
/// size, created when it is first needed. Thread-safe.
/// </summary>
internal sealed class SharedProducers(
    BrokerGroupOptions group, AckLevel ack, PartitionerKind partitioner, BrokerHealth health, ILogger logger, TimeProvider time)
        : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ProducerShape, ProducerSlot> _slots = [];

    public BrokerHealth Health => health;

    public ProducerSlot Of(ProducerShape shape)
    {
        lock (_lock)
        {
            if (!_slots.TryGetValue(shape, out var slot))
            {
                _slots[shape] = slot = new ProducerSlot(group, ack, partitioner, shape, health, logger, time);
            }

            return slot;
        }
    }

    /// <summary>Withdraws all records of all producers: see <see cref="ProducerSlot.Abandon"/>.</summary>
    public void Abandon()
    {
        List<ProducerSlot> slots;
        lock (_lock)
        {
            slots = [.. _slots.Values];
        }

        slots.ForEach(slot => slot.Abandon());
    }

    public void Dispose()
    {
        foreach (var slot in _slots.Values)
        {
            slot.Dispose();
        }
    }
}
