namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Decides how many threads the thread pool has at least. More if work items wait and none was completed for a while: then the
/// threads are blocked. Few again if that has not happened for a longer time. Pure.
/// </summary>
/// <param name="least">The smallest number of threads.</param>
internal sealed class PoolGrowth(int least)
{
    /// <summary>The most threads. If this many are blocked, more threads do not help.</summary>
    public const int MaxThreads = 256;

    /// <summary>After this many intervals without completed work, threads are added. One may be chance if the machine is busy.</summary>
    public const int StuckIntervals = 2;

    /// <summary>After this many intervals in a row that were not blocked, the number goes back to the smallest.</summary>
    public const int QuietIntervals = 300;

    private readonly int _least = least;
    private int _wanted = least;
    private long _completed = -1;
    private int _stuck;
    private int _quiet;

    /// <summary>To be called at the end of each interval.</summary>
    /// <param name="threads">The number of threads now.</param>
    /// <param name="pending">The number of waiting work items.</param>
    /// <param name="completed">The number of work items completed since the start.</param>
    /// <returns>The number of threads that the pool must have at least.</returns>
    public int Check(int threads, long pending, long completed)
    {
        var isStuck = pending > 0 && completed == _completed;
        _completed = completed;
        (_stuck, _quiet) = isStuck ? (_stuck + 1, 0) : (0, _quiet + 1);
        if (_stuck >= StuckIntervals)
        {
            // At most doubled each time: the memory of threads that are not needed is not freed soon.
            _wanted = (int)Math.Min(MaxThreads, threads + Math.Min(pending, Math.Max(threads, _least)));
        }
        else if (_quiet >= QuietIntervals)
        {
            _wanted = _least;
        }

        return _wanted;
    }
}
