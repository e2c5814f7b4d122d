namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// How many threads the pool is to have at once. More when work waits and nothing was done since the last look: then its
/// threads wait for something. Few again when nothing has waited for a while. Pure.
/// </summary>
/// <param name="least">What it is to have in any case.</param>
internal sealed class PoolGrowth(int least)
{
    /// <summary>More than this many that wait are a fault of the machine that no thread helps.</summary>
    public const int MaxThreads = 256;

    /// <summary>Looks in a row at which nothing waited, until it is as at the start.</summary>
    public const int QuietLooks = 300;

    private readonly int _least = least;
    private int _wanted = least;
    private long _completed = -1;
    private int _quietLooks;

    /// <summary>Looks at the pool.</summary>
    /// <param name="threads">Threads that it has.</param>
    /// <param name="pending">Work that waits for one.</param>
    /// <param name="completed">Work that was done since the start.</param>
    /// <returns>The threads that it is to have at least.</returns>
    public int Look(int threads, long pending, long completed)
    {
        _quietLooks = pending == 0 ? _quietLooks + 1 : 0;
        if (pending > 0 && completed == _completed)
        {
            _wanted = Math.Max(_least, (int)Math.Min(MaxThreads, threads + pending));
        }
        else if (_quietLooks >= QuietLooks)
        {
            _wanted = _least;
        }

        _completed = completed;
        return _wanted;
    }
}
