using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The client transport: decodes the records of a batch and gives them to Confluent.Kafka, which partitions, batches,
/// compresses, retries, and speaks every security protocol and old brokers. One for all logs of a broker group with the
/// same acknowledgement level and partitioner. Thread-safe.
/// </summary>
internal sealed class ClientTransport : IBatchTransport
{
    /// <summary>
    /// Memory that a record on the way costs beside its bytes: ours, the client's managed and native part, and what the
    /// garbage collector leaves lying until it comes round. Measured: docs/OPERATIONS.md.
    /// </summary>
    private const int RecordOverheadBytes = 2000;

    private readonly ThreadLocal<RecordBatchDecoder> _decoder = new(() => new RecordBatchDecoder());
    private readonly ProducerSlot _shared;
    private readonly ProducerSlot _isolating;

    public ClientTransport(BrokerGroupOptions group, AckLevel ack, PartitionerKind partitioner, ILogger logger, TimeProvider time)
    {
        _shared = new ProducerSlot(group, ack, partitioner, isolates: false, logger, time);
        _isolating = new ProducerSlot(group, ack, partitioner, isolates: true, logger, time);
    }

    public bool KeepsOrder => _shared.IsIdempotent;

    public string Description => _shared.Description;

    public string? LastError => _shared.LastError ?? _isolating.LastError;

    public void Send(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, Action<BatchOutcome> onOutcome)
    {
        var messages = Decode(batch, stored, log, out var bytes);
        CollectionPace.Allocated(bytes + (messages.Count * (long)CollectionPace.RecordBytes));
        batch.CostBytes = bytes + ((long)messages.Count * RecordOverheadBytes);
        var slot = batch.IsIsolated ? _isolating : _shared;
        if (slot.Take(out var refusal) is not { } generation)
        {
            onOutcome(new BatchOutcome(batch, refusal, slot.LastError ?? "the producer is being replaced"));
            return;
        }

        if (batch.IsIsolated)
        {
            SendOneByOne(generation, batch, messages, log.Topic, onOutcome);
            return;
        }

        var delivery = new BatchDelivery(batch, generation, onOutcome);
        foreach (var (index, message) in messages)
        {
            message.Value = new RecordSlot(delivery, index, message.Value.Value);
            Produce(generation, delivery, log.Topic, index, message);
        }

        delivery.HandedOver();
    }

    public void Push() => _shared.Push();

    public ValueTask DisposeAsync()
    {
        _shared.Dispose();
        _isolating.Dispose();
        _decoder.Dispose();
        return ValueTask.CompletedTask;
    }

    private List<(int Index, Message<byte[]?, RecordSlot> Message)> Decode(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, out long bytes)
    {
        var messages = new List<(int, Message<byte[]?, RecordSlot>)>(batch.RecordsCount);
        var records = _decoder.Value!.Decode(stored);
        bytes = 0;
        for (var index = 0; records.MoveNext(); index++)
        {
            if (batch.Settled?[index] ?? false)
            {
                continue;
            }

            var record = records.Current;
            var value = record.HasValue ? record.Value.ToArray() : null;
            var message = new Message<byte[]?, RecordSlot>
            {
                Key = record.HasKey ? record.Key.ToArray() : null,
                Value = new RecordSlot(null!, index, value),
                Timestamp = record.Timestamp >= 0 ? new Timestamp(record.Timestamp, TimestampType.CreateTime) : Timestamp.Default,
            };
            if (record.HeadersCount > 0 || log.OriginHeaders)
            {
                message.Headers = OriginHeaders.HeadersOf(record, batch, log);
            }

            bytes += record.Key.Length + record.Value.Length;
            messages.Add((index, message));
        }

        return messages;
    }

    /// <summary>A record that the client refuses at once (too large) is reported like any other; its neighbours go on.</summary>
    private static void Produce(ProducerGeneration generation, BatchDelivery delivery, string topic, int index, Message<byte[]?, RecordSlot> message)
    {
        delivery.Begin();
        try
        {
            generation.Produce(topic, message);
        }
        catch (KafkaException e)
        {
            delivery.Report(index, e.Error, PersistenceStatus.NotPersisted);
        }
    }

    /// <summary>Each record alone, the next when the one before has its report, so that a refusal can only be its own.</summary>
    private static void SendOneByOne(ProducerGeneration generation, OutboundBatch batch, List<(int Index, Message<byte[]?, RecordSlot> Message)> messages, string topic, Action<BatchOutcome> onOutcome)
    {
        var next = 0;
        var turns = 0;
        var delivery = new BatchDelivery(batch, generation, onOutcome);
        SendNext();

        // A record that is refused at once reports within its own turn: turns are counted, not nested.
        void SendNext()
        {
            if (Interlocked.Increment(ref turns) != 1)
            {
                return;
            }

            do
            {
                if (next == messages.Count)
                {
                    delivery.HandedOver();
                    return;
                }

                SendAlone(messages[next++]);
            }
            while (Interlocked.Decrement(ref turns) != 0);
        }

        void SendAlone((int Index, Message<byte[]?, RecordSlot> Message) record)
        {
            var single = new OutboundBatch
            {
                Origin = batch.Origin,
                SegmentName = batch.SegmentName,
                Position = batch.Position,
                EndPosition = batch.EndPosition,
                BaseOffset = batch.BaseOffset + record.Index,
                NextOffset = batch.BaseOffset + record.Index + 1,
                RecordsCount = 1,
                StoredCrc = batch.StoredCrc,
                BaseTimestamp = batch.BaseTimestamp,
            };
            delivery.Begin();
            generation.Retain();
            var alone = new BatchDelivery(single, generation, outcome =>
            {
                delivery.Report(record.Index, outcome);
                SendNext();
            });
            record.Message.Value = new RecordSlot(alone, 0, record.Message.Value.Value);
            Produce(generation, alone, topic, 0, record.Message);
            alone.HandedOver();
        }
    }
}
