using KafkaFeeder.Daemon.Shipping.Reading;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// The batches of one log that are in flight, and the decision whether one more may be sent. Pure except for the shared budget; not
/// thread-safe.
/// <list type="bullet">
/// <item>Bytes are limited per log; memory is limited by the budget that all logs share.</item>
/// <item>The window starts small and grows by the bytes that are acknowledged, so a log that gets no acknowledgements holds little.</item>
/// <item>Strict: without the idempotent producer, order is only kept if everything in flight goes in one request. So a window is
/// filled at once, and the next one starts when all batches of it have their outcome.</item>
/// <item>A batch whose records are sent one by one is in flight alone.</item>
/// </list>
/// </summary>
internal sealed class SendWindow : IDisposable
{
    // Fits into one request of the client with its default settings, including the overhead of each record.
    private const int StrictRecords = 8000;
    private const long StrictBytes = 800_000;

    private const long FirstBytes = 256 << 10;

    private readonly long _maxBytes;
    private readonly InFlightBudget.Account _account;
    private long _allowedBytes;
    private int _records;
    private bool _isClosed;
    private bool _isIsolating;

    /// <param name="maxBytes">How many bytes of segments may be in flight.</param>
    /// <param name="account">The log's share of the memory.</param>
    public SendWindow(long maxBytes, InFlightBudget.Account account)
    {
        _maxBytes = maxBytes;
        _account = account;
        Shrink();
    }

    /// <summary>The number of batches in flight.</summary>
    public int Count { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>True if one more batch may be read for this window.</summary>
    /// <param name="isStrict">See <see cref="SendWindow"/>.</param>
    /// <param name="isOne">True: one batch at a time.</param>
    /// <param name="brokersAnswer">See <see cref="InFlightBudget"/>.</param>
    public bool HasRoom(bool isStrict, bool isOne, bool brokersAnswer) =>
        IsEmpty ? _account.AllowsFirst(brokersAnswer)
        : !_isIsolating && !isOne
            && (isStrict
                ? !_isClosed && _records < StrictRecords && Bytes < StrictBytes
                : Bytes < _allowedBytes && _account.AllowsMore(brokersAnswer));

    /// <summary>True if this batch may be sent in this window.</summary>
    public bool Fits(PendingBatch batch, bool isStrict) =>
        IsEmpty
        || (!batch.IsIsolated
            && (!isStrict || (_records + batch.Stored.RecordsCount <= StrictRecords && Bytes + batch.Stored.Bytes <= StrictBytes)));

    /// <summary>Adds a batch that is about to be sent.</summary>
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

    /// <summary>Counts the memory of a batch that was sent, in bytes. It holds that memory until it has its outcome.</summary>
    public void Sent(PendingBatch batch, long costBytes)
    {
        batch.CostBytes = costBytes;
        _account.Take(costBytes);
    }

    /// <summary>Bytes were acknowledged: this many more may be in flight from now on.</summary>
    public void Grow(long bytes) => _allowedBytes = Math.Min(_maxBytes, _allowedBytes + bytes);

    /// <summary>After a failure: the window starts small again.</summary>
    public void Shrink() => _allowedBytes = Math.Min(_maxBytes, FirstBytes);

    /// <summary>A batch that was sent has had its outcome.</summary>
    public void Returned(PendingBatch batch)
    {
        _isClosed = true;
        _account.GiveBack(batch.CostBytes);
        Withdraw(batch);
    }

    /// <summary>Closes a strict window: no batch is added, since its request may have been sent.</summary>
    public void Complete() => _isClosed = true;

    /// <summary>Removes a batch that could not be sent.</summary>
    public void Withdraw(PendingBatch batch)
    {
        Count--;
        Bytes -= batch.Stored.Bytes;
    }

    /// <summary>Gives back all memory: outcomes of batches in flight are no longer handled.</summary>
    public void Dispose() => _account.Dispose();
}
