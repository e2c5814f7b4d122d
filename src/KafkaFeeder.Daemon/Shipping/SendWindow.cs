using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// What of one log is on the way, and what may join it. Pure but for the shared budget; not thread-safe.
/// <list type="bullet">
/// <item>Bytes are bounded per log, memory by the budget that all logs share.</item>
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

    private readonly long _maxBytes;
    private readonly InFlightBudget _budget;
    private int _records;
    private bool _isClosed;
    private bool _isIsolating;
    private long _costBytes;

    /// <param name="maxBytes">Bytes of segments that may be on the way.</param>
    /// <param name="budget">The memory that all logs share.</param>
    public SendWindow(long maxBytes, InFlightBudget budget)
    {
        _maxBytes = maxBytes;
        _budget = budget;
        _budget.Join();
    }

    /// <summary>Batches on the way.</summary>
    public int Count { get; private set; }

    /// <summary>Their bytes.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => Count == 0;

    /// <summary>Whether one more batch may be read for it. Into an empty window one always goes.</summary>
    public bool HasRoom(bool isStrict) =>
        IsEmpty
        || (!_isIsolating
            && (isStrict
                ? !_isClosed && _records < StrictRecords && Bytes < StrictBytes
                : Bytes < _maxBytes && _budget.Allows(_costBytes)));

    /// <summary>Whether this very batch may join.</summary>
    public bool Fits(OutboundBatch batch, bool isStrict) =>
        IsEmpty
        || (!batch.IsIsolated
            && (!isStrict || (_records + batch.RecordsCount <= StrictRecords && Bytes + batch.Bytes <= StrictBytes)));

    /// <summary>A batch is about to be sent.</summary>
    public void Add(OutboundBatch batch)
    {
        if (IsEmpty)
        {
            _records = 0;
            _isClosed = false;
            _isIsolating = false;
        }

        Count++;
        Bytes += batch.Bytes;
        _records += batch.RecordsCount;
        _isIsolating |= batch.IsIsolated;
    }

    /// <summary>It was sent, and binds memory until it is back.</summary>
    public void Sent(OutboundBatch batch)
    {
        _costBytes += batch.CostBytes;
        _budget.Take(batch.CostBytes);
    }

    /// <summary>A batch that was sent has had its outcome.</summary>
    public void Returned(OutboundBatch batch)
    {
        _isClosed = true;
        _costBytes -= batch.CostBytes;
        _budget.GiveBack(batch.CostBytes);
        Withdraw(batch);
    }

    /// <summary>A batch could not be sent after all.</summary>
    public void Withdraw(OutboundBatch batch)
    {
        Count--;
        Bytes -= batch.Bytes;
    }

    /// <summary>What is on the way is waited for no more.</summary>
    public void Dispose()
    {
        _budget.GiveBack(_costBytes);
        _budget.Leave();
    }
}
