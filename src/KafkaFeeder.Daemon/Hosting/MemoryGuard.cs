namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// When the heap is to be collected and compacted at once, so that the process stays below its limit: the runtime knows no
/// limit of its own, and leaves what is free for later. Pure.
/// </summary>
/// <param name="limitBytes">shipper.memory_limit.</param>
internal sealed class MemoryGuard(long limitBytes)
{
    /// <summary>At least between two times: each stops all threads for some ten milliseconds.</summary>
    public static readonly TimeSpan ShortestPause = TimeSpan.FromSeconds(5);

    /// <summary>At most, while it does not help: more memory is needed than the limit allows, and event 207 says so.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(5);

    /// <summary>How much of the limit may be taken before it is done, in percent: more comes until the next look.</summary>
    private const int PercentOfLimit = 92;

    private readonly long _enoughBytes = limitBytes / 100 * PercentOfLimit;
    private TimeSpan _pause = ShortestPause;
    private TimeSpan? _collectedAt;
    private bool _hasHelped;

    /// <summary>Looks at the memory.</summary>
    /// <param name="residentBytes">What the process has.</param>
    /// <param name="now">Since any time.</param>
    /// <returns>True: collect now.</returns>
    public bool Look(long residentBytes, TimeSpan now)
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
