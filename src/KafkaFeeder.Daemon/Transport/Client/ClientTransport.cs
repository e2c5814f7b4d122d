using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
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

    private static readonly TimeSpan MinRenewal = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxRenewal = TimeSpan.FromSeconds(60);

    private readonly BrokerGroupOptions _group;
    private readonly AckLevel _ack;
    private readonly PartitionerKind _partitioner;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly ThreadLocal<RecordBatchDecoder> _decoder = new(() => new RecordBatchDecoder());
    private ProducerGeneration? _generation;
    private bool _isIdempotent;
    private TimeSpan _renewal = MinRenewal;
    private long _renewedAt;
    private bool _acknowledgedSinceRenewal = true;
    private long _errorLoggedAt;
    private volatile string? _lastError;

    public ClientTransport(BrokerGroupOptions group, AckLevel ack, PartitionerKind partitioner, ILogger logger, TimeProvider time)
    {
        _group = group;
        _ack = ack;
        _partitioner = partitioner;
        _logger = logger;
        _time = time;
        _isIdempotent = ProducerSettings.MayBeIdempotent(group, ack);
    }

    public bool KeepsOrder => _isIdempotent;

    public string Description => $"librdkafka {Library.VersionString} to {_group.Name} ({string.Join(", ", _group.Brokers)}), {(_isIdempotent ? "idempotent" : "not idempotent")}";

    public string? LastError => _lastError;

    public void Send(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, Action<BatchOutcome> onOutcome)
    {
        var messages = Decode(batch, stored, log, out var bytes);
        CollectionPace.Allocated(bytes + (messages.Count * (long)CollectionPace.RecordBytes));
        batch.CostBytes = bytes + ((long)messages.Count * RecordOverheadBytes);
        if (TakeGeneration(out var refusal) is not { } generation)
        {
            onOutcome(new BatchOutcome(batch, refusal, _lastError ?? "the producer is being replaced"));
            return;
        }

        if (batch.IsIsolated && messages.Count > 1)
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

    public ValueTask DisposeAsync()
    {
        ProducerGeneration? last;
        lock (_lock)
        {
            last = _generation;
            _generation = null;
        }

        last?.Dispose();
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

    /// <summary>The producer to use, retained for a batch; null while a broken one may not be replaced yet, or none can be made.</summary>
    private ProducerGeneration? TakeGeneration(out OutcomeKind refusal)
    {
        refusal = OutcomeKind.Retriable;
        lock (_lock)
        {
            if (_generation is { IsBroken: true } broken)
            {
                _isIdempotent &= !broken.LacksIdempotence;
                _generation = null;
                broken.Dispose();
                FeederLog.ProducerBroken(_logger, _group.Name, _lastError ?? "fatal error", _isIdempotent);
                _renewal = _acknowledgedSinceRenewal ? MinRenewal : TimeSpan.FromTicks(Math.Min(_renewal.Ticks * 2, MaxRenewal.Ticks));
            }

            if (_generation is null)
            {
                if (_renewedAt != 0 && _time.GetElapsedTime(_renewedAt) < _renewal)
                {
                    return null;
                }

                _renewedAt = _time.GetTimestamp();
                _acknowledgedSinceRenewal = false;
                var settings = ProducerSettings.For(_group, _ack, _partitioner, _isIdempotent);
                try
                {
                    _generation = new ProducerGeneration(settings, _isIdempotent, OnError, OnLog, OnAcknowledged);
                }
                catch (Exception e) when (e is ArgumentException or InvalidOperationException or KafkaException)
                {
                    _lastError = $"the properties of broker group {_group.Name} are refused by librdkafka: {e.Message}";
                    refusal = OutcomeKind.Held;
                    return null;
                }

                FeederLog.ProducerMade(_logger, Description);
            }

            _generation.Retain();
            return _generation;
        }
    }

    private void OnAcknowledged()
    {
        if (_lastError is not null || !_acknowledgedSinceRenewal)
        {
            _lastError = null;
            _acknowledgedSinceRenewal = true;
        }
    }

    private void OnError(Error error, OutcomeKind kind)
    {
        _lastError = $"{error.Code}: {error.Reason}";
        var last = Interlocked.Read(ref _errorLoggedAt);
        if ((last == 0 || _time.GetElapsedTime(last) >= FeederLog.RepeatInterval)
            && Interlocked.CompareExchange(ref _errorLoggedAt, _time.GetTimestamp(), last) == last)
        {
            FeederLog.BrokerTrouble(_logger, _group.Name, kind, _lastError);
        }
    }

    private void OnLog(LogMessage message) => FeederLog.ClientLibrary(_logger, _group.Name, message.Facility, message.Message);
}
