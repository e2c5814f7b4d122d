using KafkaFeeder.Daemon.Shipping.Reading;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// What of one log is on the way, and what may join it. Pure but for the shared budget; not thread-safe.
/// <list type="bullet">
/// <item>Bytes are bounded per log, memory by the budget that all logs share.</item>
/// <item>It begins small and grows by what is acknowledged, so a log of which nothing arrives holds little.</item>
/// <item>Strict: without the idempotent producer order holds only if all that is on the way goes in one request, so a
/// window is filled at once, and the next begins when all of it has come back.</item>
/// <item>A batch in which a refused record is looked for is alone.</item>
/// </list>
/// </summary>
internal sealed class SendWindow : IDisposable
{
    // What fits into one request of the client with its default settings, with room for what each record adds to it.
    private const int StrictRecords = 8000;
    private const long StrictBytes = 800_000;

    private const long FirstBytes = 256 << 10;

    private readonly long _maxBytes;
    private readonly InFlightBudget.Account _account;
    private long _allowedBytes;
    private int _records;
    private bool _isClosed;
    private bool _isIsolating;

    /// <param name="maxBytes">Bytes of segments that may be in flight.</param>
    /// <param name="account">The log's part of the memory that all logs share.</param>
    public SendWindow(long maxBytes, InFlightBudget.Account account)
    {
        _maxBytes = maxBytes;
        _account = account;
        Shrink();
    }

    /// <summary>Batches on the way.</summary>
    public int Count { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>Whether one more batch may be read for it. Into an empty window one goes as long as brokers answer anybody.</summary>
    /// <param name="isStrict">See <see cref="SendWindow"/>.</param>
    /// <param name="isOne">One batch at a time.</param>
    /// <param name="brokersAnswer">See <see cref="InFlightBudget"/>.</param>
    public bool HasRoom(bool isStrict, bool isOne, bool brokersAnswer) =>
        IsEmpty ? _account.AllowsFirst(brokersAnswer)
        : !_isIsolating && !isOne
            && (isStrict
                ? !_isClosed && _records < StrictRecords && Bytes < StrictBytes
                : Bytes < _allowedBytes && _account.AllowsMore(brokersAnswer));

    /// <summary>Whether this very batch may join.</summary>
    public bool Fits(PendingBatch batch, bool isStrict) =>
        IsEmpty
        || (!batch.IsIsolated
            && (!isStrict || (_records + batch.Stored.RecordsCount <= StrictRecords && Bytes + batch.Stored.Bytes <= StrictBytes)));

    /// <summary>A batch is about to be sent.</summary>
    public void Add(PendingBatch batch)
    {
        if (IsEmpty)
        {
            _records = 0;
            _isClosed = false;
            _isIsolating = false;
        }

        Count++;
        Bytes += batch.Stored.Bytes;
        _records += batch.Stored.RecordsCount;
        _isIsolating |= batch.IsIsolated;
    }

    /// <summary>It was sent, and holds so many bytes of memory until it is back.</summary>
    public void Sent(PendingBatch batch, long costBytes)
    {
        batch.CostBytes = costBytes;
        _account.Take(costBytes);
    }

    /// <summary>Something was acknowledged: as much more may be in flight.</summary>
    public void Grow(long bytes) => _allowedBytes = Math.Min(_maxBytes, _allowedBytes + bytes);

    /// <summary>Something is wrong: it begins small again.</summary>
    public void Shrink() => _allowedBytes = Math.Min(_maxBytes, FirstBytes);

    /// <summary>A batch that was sent has had its outcome.</summary>
    public void Returned(PendingBatch batch)
    {
        _isClosed = true;
        _account.GiveBack(batch.CostBytes);
        Withdraw(batch);
    }

    /// <summary>Nothing more joins what is in flight, if one window is sent at a time: it may be on its way as a request.</summary>
    public void Complete() => _isClosed = true;

    /// <summary>A batch could not be sent after all.</summary>
    public void Withdraw(PendingBatch batch)
    {
        Count--;
        Bytes -= batch.Stored.Bytes;
    }

    /// <summary>What is on the way is waited for no more.</summary>
    public void Dispose() => _account.Dispose();
}
