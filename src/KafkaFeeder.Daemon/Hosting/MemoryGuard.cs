namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Decides when the heap must be collected and compacted, so that the process stays below its limit: the runtime does not know the
/// limit, and keeps garbage for later. Pure.
/// </summary>
/// <param name="limitBytes">shipper.memory_limit.</param>
internal sealed class MemoryGuard(long limitBytes)
{
    /// <summary>The shortest time between two collections: each stops all threads for tens of milliseconds.</summary>
    public static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(5);

    /// <summary>The longest time, if collecting does not help: then the limit is too small, and event 207 reports it.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>Collects from this percentage of the limit on, since memory may grow until the next check.</summary>
    private const int PercentOfLimit = 92;

    private readonly long _enoughBytes = limitBytes / 100 * PercentOfLimit;
    private TimeSpan _pause = ShortestPause;
    private TimeSpan? _collectedAt;
    private bool _hasHelped;

    /// <summary>Checks the memory of the process.</summary>
    /// <param name="residentBytes">The resident memory of the process, in bytes.</param>
    /// <param name="now">Time since a fixed origin.</param>
    /// <returns>True: collect now.</returns>
    public bool Check(long residentBytes, TimeSpan now)
    {
        if (residentBytes < _enoughBytes)
        {
            _hasHelped = true;
            return false;
        }

        if (now - _collectedAt < _pause)
        {
            return false;
        }

        _pause = _collectedAt is null || _hasHelped ? ShortestPause : _pause * 2 < LongestPause ? _pause * 2 : LongestPause;
        (_collectedAt, _hasHelped) = (now, false);
        return true;
    }
}
