namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// How many threads the pool is to have at once. More when work waits and nothing was done for a while: then its threads wait
/// for something. Few again when that has not happened for long. Pure.
/// </summary>
/// <param name="least">What it is to have in any case.</param>
internal sealed class PoolGrowth(int least)
{
    /// <summary>More than this many that wait are a fault of the machine that no thread helps.</summary>
    public const int MaxThreads = 256;

    /// <summary>Intervals in a row in which nothing was done until there are more: on a busy machine one alone means nothing.</summary>
    public const int StuckIntervals = 2;

    /// <summary>Intervals in a row in which it was not so, until it is as at the start.</summary>
    public const int QuietIntervals = 300;

    private readonly int _least = least;
    private int _wanted = least;
    private long _completed = -1;
    private int _stuck;
    private int _quiet;

    /// <summary>Looks at the pool, at the end of an interval.</summary>
    /// <param name="threads">Threads that it has.</param>
    /// <param name="pending">Work that waits for one.</param>
    /// <param name="completed">Work that was done since the start.</param>
    /// <returns>The threads that it is to have at least.</returns>
    public int Look(int threads, long pending, long completed)
    {
        var isStuck = pending > 0 && completed == _completed;
        _completed = completed;
        (_stuck, _quiet) = isStuck ? (_stuck + 1, 0) : (0, _quiet + 1);
        if (_stuck >= StuckIntervals)
        {
            // Twice as many each time: memory for threads that were not needed is not given back soon.
            _wanted = (int)Math.Min(MaxThreads, threads + Math.Min(pending, Math.Max(threads, _least)));
        }
        else if (_quiet >= QuietIntervals)
        {
            _wanted = _least;
        }

        return _wanted;
    }
}
