using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Format.Records;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The client transport of one log: decodes the records of a batch and gives them to Confluent.Kafka, which partitions, batches and
/// compresses them, and supports all security protocols and old brokers. The producers are shared with other logs. The size of
/// requests that the log's topic accepts is kept per log. Send and SendNow are called by one thread; outcomes come on other threads.
/// </summary>
internal sealed class ClientTransport(SharedProducers producers, bool isStrict, ThreadLocal<RecordBatchDecoder> decoder, ILogger logger)
    : IBatchTransport
{
    /// <summary>
    /// Memory of a record in flight besides its bytes: in the daemon, in the managed and native client, and garbage that is not
    /// collected yet. Measured: docs/OPERATIONS.md.
    /// </summary>
    private const int RecordOverheadBytes = 2000;

    /// <summary>The timestamp that Kafka stores for a record without one.</summary>
    private const long NoTimestamp = -1;

    /// <summary>The smallest timestamp that can be sent: librdkafka replaces 0 by the current time.</summary>
    private static readonly Timestamp Earliest = new(1, TimestampType.CreateTime);

    private volatile int _size; // index into ProducerShape.Sizes
    private volatile int _provenSize = -1;
    private int _inFlight;

    public bool KeepsOrder => Shared.IsIdempotent;

    public string Description => Shared.Description;

    public bool BrokersAnswer => producers.Health.Answers;

    public string? LastError => producers.Health.LastError;

    /// <summary>The shape of the producer that it uses now.</summary>
    internal ProducerShape Shape => ShapeOf(_size);

    private ProducerSlot Shared => SlotOf(_size);

    public long Send(in SendRequest request, Action<BatchOutcome> onOutcome)
    {
        var messages = Decode(request, out var bytes, out var unsendable);
        GarbageCollectionPacing.Allocated(bytes + (messages.Count * (long)GarbageCollectionPacing.RecordBytes));
        var cost = bytes + ((long)messages.Count * RecordOverheadBytes);
        var size = _size;
        var isIsolated = request.IsIsolated;
        var slot = isIsolated ? producers.Of(ProducerShape.Single) : SlotOf(size);
        if (slot.Take(out var refusal) is not { } generation)
        {
            onOutcome(new BatchOutcome(refusal, LastError ?? "the producer is being replaced"));
            return cost;
        }

        Interlocked.Increment(ref _inFlight);
        var topic = request.Log.Topic;
        void Report(BatchOutcome outcome)
        {
            Interlocked.Decrement(ref _inFlight);
            onOutcome(isIsolated ? Single(outcome) : Sized(outcome, size, topic));
        }

        var delivery = new BatchDelivery(request.Batch.RecordsCount, request.Skipped, generation, Report);
        foreach (var (index, reason) in unsendable)
        {
            delivery.Refuse(index, reason);
        }

        if (isIsolated)
        {
            SendOneByOne(generation, delivery, messages, topic);
            return cost;
        }

        foreach (var (index, message) in messages)
        {
            message.Value = new RecordSlot(delivery, index, message.Value.Value);
            Produce(generation, delivery, topic, index, message);
        }

        delivery.HandedOver();
        return cost;
    }

    /// <summary>There is no state to keep: the client library numbers the records itself, per run.</summary>
    public string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished) => "";

    public void SendNow() => Shared.SendNow();

    /// <summary>Withdraws records without an outcome, or they would still be sent while the next shipper sends them again.</summary>
    public void Dispose()
    {
        if (Volatile.Read(ref _inFlight) > 0)
        {
            producers.Abandon();
        }
    }

    private ProducerSlot SlotOf(int size) => producers.Of(ShapeOf(size));

    private ProducerShape ShapeOf(int size) => ProducerShape.Sizes[size] with { IsPushed = isStrict };

    /// <summary>A refusal because of size may concern the whole request: then the next one is smaller, and no record is refused.</summary>
    private BatchOutcome Sized(BatchOutcome outcome, int size, string topic)
    {
        if (outcome.Kind == OutcomeKind.Acknowledged)
        {
            _provenSize = size;
        }

        if (!outcome.IsOfSize || outcome.Kind != OutcomeKind.Rejected || size == ProducerShape.Sizes.Count - 1)
        {
            return outcome;
        }

        if (_size == size)
        {
            _size = size + 1;
            FeederLog.SmallerRequests(logger, topic, Words.Bytes(ProducerShape.Sizes[size].BatchBytes));
        }

        return outcome with { Kind = OutcomeKind.Retriable, Rejected = null };
    }

    /// <summary>After records that are too large were found one by one, the last request size that was accepted is used again.</summary>
    private BatchOutcome Single(BatchOutcome outcome)
    {
        if (outcome.Kind is OutcomeKind.Acknowledged or OutcomeKind.Rejected && _provenSize >= 0)
        {
            _size = Math.Min(_size, _provenSize);
        }

        return outcome;
    }

    private List<(int Index, Message<byte[]?, RecordSlot> Message)> Decode(
        in SendRequest request, out long bytes, out List<(int Index, string Reason)> unsendable)
    {
        // The count in the header may be wrong and huge, so it only limits the initial capacity.
        var messages = new List<(int, Message<byte[]?, RecordSlot>)>(Math.Min(request.Batch.RecordsCount, 10_000));
        unsendable = [];
        var records = decoder.Value!.Decode(request.Stored);
        bytes = 0;
        for (var index = 0; records.MoveNext(); index++)
        {
            if (request.Skipped?[index] is true)
            {
                continue;
            }

            var record = records.Current;
            if (!OriginHeaders.TryMake(record, request.Batch, request.Log, out var headers))
            {
                unsendable.Add((index, "the name of a header is not UTF-8: the client library would change it"));
                continue;
            }

            var value = record.HasValue ? record.Value.ToArray() : null;
            messages.Add((index, new Message<byte[]?, RecordSlot>
            {
                Key = record.HasKey ? record.Key.ToArray() : null,
                Value = new RecordSlot(null!, index, value),
                Timestamp = TimestampOf(record),
                Headers = headers,
            }));
            bytes += record.Key.Length + record.Value.Length;
        }

        return messages;
    }

    /// <summary>A record without a timestamp gets the time of sending; a timestamp of 0 or before is sent as 1 ms.</summary>
    internal static Timestamp TimestampOf(Record record) =>
        record.Timestamp > 0 ? new Timestamp(record.Timestamp, TimestampType.CreateTime)
        : record.Timestamp == NoTimestamp ? Timestamp.Default
        : Earliest;

    /// <summary>A record that the client refuses at once (too large) is reported like any other; the others are sent.</summary>
    private static void Produce(
        ProducerGeneration generation, BatchDelivery delivery, string topic, int index, Message<byte[]?, RecordSlot> message)
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

    /// <summary>Sends each record alone, after the report of the previous one, so that a refusal can only concern that record.</summary>
    private static void SendOneByOne(
        ProducerGeneration generation,
        BatchDelivery delivery,
        List<(int Index, Message<byte[]?, RecordSlot> Message)> messages,
        string topic)
    {
        var next = 0;
        var turns = 0;
        BatchOutcome? stopped = null; // the outcome that stopped it: no record may overtake one that is not settled
        SendNext();

        // A record that is refused at once reports from within SendNext: counting the calls avoids recursion.
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

                if (stopped is { } reason)
                {
                    var index = messages[next++].Index;
                    delivery.Begin();
                    delivery.Report(index, reason with { PossiblyPersistedRecords = 0 });
                    Interlocked.Increment(ref turns); // continue at once: there is no report to wait for
                }
                else
                {
                    SendAlone(messages[next++]);
                }
            }
            while (Interlocked.Decrement(ref turns) != 0);
        }

        void SendAlone((int Index, Message<byte[]?, RecordSlot> Message) record)
        {
            delivery.Begin();
            generation.Retain();
            var alone = new BatchDelivery(1, null, generation, outcome =>
            {
                stopped ??= outcome.Kind is OutcomeKind.Acknowledged or OutcomeKind.Rejected ? null : outcome;
                delivery.Report(record.Index, outcome);
                SendNext();
            });
            record.Message.Value = new RecordSlot(alone, 0, record.Message.Value.Value);
            Produce(generation, alone, topic, 0, record.Message);
            alone.HandedOver();
        }
    }
}
