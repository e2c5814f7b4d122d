using Confluent.Kafka;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// Collects the delivery reports of one send of a batch into its outcome. Reports come on the client's poll thread, and during a
/// flush at the same time on a second thread, in any order.
/// </summary>
/// <param name="recordsCount">The number of records in the batch, including skipped ones.</param>
/// <param name="skipped">See <see cref="SendRequest.Skipped"/>.</param>
/// <param name="generation">The producer that sends them.</param>
/// <param name="onOutcome">Called once, with the outcome.</param>
internal sealed class BatchDelivery(
    int recordsCount, bool[]? skipped, ProducerGeneration generation, Action<BatchOutcome> onOutcome)
{
    private readonly Lock _lock = new();

    // Records in flight, plus one until all are handed over to the client. So it is 0 once, and the outcome is reported once.
    private int _open = 1;
    private bool[]? _failed;
    private OutcomeKind _kind = OutcomeKind.Acknowledged;
    private string? _error;
    private int _possiblyPersisted;
    private List<RejectedRecord>? _rejected;
    private volatile bool _isOfSize = true;

    /// <summary>To be called before a record is given to the client.</summary>
    public void Begin() => Interlocked.Increment(ref _open);

    /// <summary>A record cannot be sent as it is.</summary>
    public void Refuse(int index, string reason)
    {
        Begin();
        _isOfSize = false;
        Fail(index, OutcomeKind.Rejected, reason, new RejectedRecord(index, reason), possiblyPersisted: false);
        EndOne();
    }

    /// <summary>All records were given to the client.</summary>
    public void HandedOver() => EndOne();

    /// <summary>The delivery report of a record.</summary>
    public void Report(int index, Error error, PersistenceStatus status)
    {
        if (error.Code == ErrorCode.NoError)
        {
            generation.Acknowledged();
        }
        else
        {
            Fail(index, error, status == PersistenceStatus.PossiblyPersisted);
        }

        EndOne();
    }

    /// <summary>The outcome of a record that was sent alone.</summary>
    public void Report(int index, BatchOutcome alone)
    {
        if (alone.Kind != OutcomeKind.Acknowledged)
        {
            Fail(index, alone.Kind, alone.Error!, alone.Rejected is [var only] ? only : null, alone.PossiblyPersistedRecords > 0);
        }

        EndOne();
    }

    private void Fail(int index, Error error, bool possiblyPersisted)
    {
        var kind = error.IsFatal ? OutcomeKind.Fatal : ProduceErrors.KindOf((int)error.Code);
        if (kind != OutcomeKind.Rejected)
        {
            generation.Failed(error, kind); // a refused record is not an error of the brokers
        }

        var rejected = new RejectedRecord(index, error.Code.ToString(), ProduceErrors.WhyRejected((int)error.Code));
        _isOfSize &= kind != OutcomeKind.Rejected || ProduceErrors.IsOfSize((int)error.Code);
        Fail(index, kind, generation.TextOf(error), rejected, possiblyPersisted);
    }

    private void Fail(int index, OutcomeKind kind, string error, RejectedRecord? rejected, bool possiblyPersisted)
    {
        lock (_lock)
        {
            (_failed ??= new bool[recordsCount])[index] = true;
            _possiblyPersisted += possiblyPersisted ? 1 : 0;
            if (ProduceErrors.Graver(kind, _kind) != _kind || _error is null)
            {
                _error = error;
            }

            _kind = ProduceErrors.Graver(kind, _kind);
            if (kind == OutcomeKind.Rejected)
            {
                (_rejected ??= []).Add((rejected ?? new RejectedRecord(index, error)) with { Index = index });
            }
        }
    }

    private void EndOne()
    {
        if (Interlocked.Decrement(ref _open) != 0)
        {
            return;
        }

        generation.Release();
        onOutcome(new BatchOutcome(_kind, _error, _possiblyPersisted, _rejected)
        {
            Acknowledged = _failed is null ? null : NotFailed(_failed),
            IsOfSize = _rejected is not null && _isOfSize,
        });
    }

    /// <summary>All sent records have their report, so those that did not fail are acknowledged.</summary>
    private bool[] NotFailed(bool[] failed)
    {
        var acknowledged = new bool[recordsCount];
        for (var i = 0; i < acknowledged.Length; i++)
        {
            acknowledged[i] = !failed[i] && skipped?[i] is not true;
        }

        return acknowledged;
    }
}
