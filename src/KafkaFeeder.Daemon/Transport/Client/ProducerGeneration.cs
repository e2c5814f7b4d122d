using Confluent.Kafka;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// One producer of the client library. After a fatal error it is broken: it takes no more batches, and is closed when its last batch
/// has had its outcome. Closing it earlier would lose delivery reports.
/// </summary>
internal sealed class ProducerGeneration : IDisposable
{
    // Long enough for the client's threads to start sending lingering records, short enough to block a loop.
    private static readonly TimeSpan PushTime = TimeSpan.FromMilliseconds(10);

    private readonly IProducer<byte[]?, RecordSlot> _producer;
    private readonly Action<Error, OutcomeKind> _onError;
    private readonly Action _onAcknowledged;
    private readonly Func<string, string> _shown; // removes secrets from texts of the library
    private int _users = 1; // the slot itself

    public ProducerGeneration(
        Dictionary<string, string> settings,
        bool isIdempotent,
        Action<Error, OutcomeKind> onError,
        Action<LogMessage> onLog,
        Action onAcknowledged,
        Func<string, string> shown)
    {
        IsIdempotent = isIdempotent;
        _onError = onError;
        _onAcknowledged = onAcknowledged;
        _shown = shown;
        _producer = new ProducerBuilder<byte[]?, RecordSlot>(settings)
            .SetKeySerializer(Serializers.ByteArray!)
            .SetValueSerializer(new RecordSlot.Serializer())
            .SetErrorHandler((_, error) => Failed(error, error.IsFatal ? OutcomeKind.Fatal : ProduceErrors.KindOf((int)error.Code)))
            .SetLogHandler((_, message) => onLog(message))
            .Build();
    }

    public bool IsIdempotent { get; }

    /// <summary>True after a fatal error: use another producer.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>The fatal error.</summary>
    public string? Reason { get; private set; }

    /// <summary>True if the error was that the brokers do not support the idempotent producer.</summary>
    public bool LacksIdempotence { get; private set; }

    /// <summary>To be called when a batch begins to use it.</summary>
    public void Retain() => Interlocked.Increment(ref _users);

    /// <summary>To be called when a batch, or the slot, no longer uses it.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
        {
            // Not here: the last report may come on the client's poll thread, and Dispose waits for that thread.
            _ = Task.Run(_producer.Dispose);
        }
    }

    public void Produce(string topic, Message<byte[]?, RecordSlot> message) => _producer.Produce(topic, message, OnReport);

    /// <summary>Sends lingering records at once; returns when all records are delivered, or after 10 ms.</summary>
    public void SendNow() => _producer.Flush(PushTime);

    public void Acknowledged() => _onAcknowledged();

    public void Failed(Error error, OutcomeKind kind)
    {
        if (kind == OutcomeKind.Fatal)
        {
            Reason = TextOf(error);
            IsBroken = true;
            LacksIdempotence |= error.Code is ErrorCode.Local_UnsupportedFeature
                || (error.IsFatal && error.Reason.Contains("dempoten", StringComparison.Ordinal)
                    && error.Reason.Contains("not supported", StringComparison.Ordinal));
        }

        _onError(new Error(error.Code, _shown(error.Reason), error.IsFatal), kind);
    }

    /// <summary>The text of an error without secrets.</summary>
    public string TextOf(Error error) => _shown($"{error.Code}: {error.Reason}");

    /// <summary>Withdraws all records: each gets its report.</summary>
    public void Purge() => ProducerPurge.All(_producer);

    public void Dispose() => Release();

    private static void OnReport(DeliveryReport<byte[]?, RecordSlot> report)
    {
        var slot = report.Message.Value;
        slot.Delivery.Report(slot.Index, report.Error, report.Status);
    }
}
