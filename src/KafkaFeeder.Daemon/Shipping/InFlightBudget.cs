namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Shares the memory for records on the way among all logs. A log with nothing on the way may always send one batch, so
/// none starves; beyond that a log has its own window, and when memory is short only its share. Thread-safe.
/// </summary>
internal sealed class InFlightBudget
{
    private readonly long _limitBytes;
    private long _usedBytes;
    private int _logs;

    /// <param name="limitBytes">What all logs together may bind, in bytes of memory.</param>
    public InFlightBudget(long limitBytes) => _limitBytes = limitBytes;

    /// <summary>Memory bound by all logs, in bytes.</summary>
    public long UsedBytes => Interlocked.Read(ref _usedBytes);

    /// <summary>
    /// What the process takes before the first record, in bytes: runtime, client library, status page. The rest of
    /// <c>memory_limit</c> is for records. Measured: docs/OPERATIONS.md.
    /// </summary>
    public const long BaseBytes = 72L << 20;

    /// <summary>The budget that a memory limit leaves: at least 8 MiB, so that a log can be shipped at all.</summary>
    public static long LimitFor(long memoryLimitBytes) => Math.Max(8L << 20, memoryLimitBytes - BaseBytes);

    public void Join() => Interlocked.Increment(ref _logs);

    public void Leave() => Interlocked.Decrement(ref _logs);

    /// <summary>Whether a log may send one more batch.</summary>
    /// <param name="ownCostBytes">Memory that its batches on the way bind.</param>
    public bool Allows(long ownCostBytes)
    {
        var used = UsedBytes;
        return ownCostBytes == 0
            || (used < _limitBytes && (used < _limitBytes / 2 || ownCostBytes < _limitBytes / Math.Max(1, Volatile.Read(ref _logs))));
    }

    public void Take(long costBytes) => Interlocked.Add(ref _usedBytes, costBytes);

    public void GiveBack(long costBytes) => Interlocked.Add(ref _usedBytes, -costBytes);
}
