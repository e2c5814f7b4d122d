
namespace KafkaFeeder.Daemon.Liveness;

/// <summary>
/// Every loop that has to come round, and when each did last: watcher, cleaner, the shipper of each log. Loops write,
/// the supervisor and <c>/healthz</c> read. Thread-safe.
/// </summary>
internal sealed class Loops(TimeProvider time)
{
    private readonly long _origin = time.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly HashSet<LoopProgress> _loops = [];

    /// <summary>Time since this was made: the clock of <see cref="LoopState.Due"/>.</summary>
    public TimeSpan Now => time.GetElapsedTime(_origin);

    /// <summary>A loop begins: from now on it has to turn, until it is disposed of.</summary>
    /// <param name="name">As a sentence's subject: "the watcher".</param>
    /// <param name="kind">What it means if it hangs.</param>
    public LoopProgress Enter(string name, LoopKind kind = LoopKind.Other)
    {
        var progress = new LoopProgress(this, name, kind);
        lock (_lock)
        {
            _loops.Add(progress);
        }

        return progress;
    }

    /// <summary>The loops that hang, by <see cref="LatenessPolicy"/>.</summary>
    public IReadOnlyList<LateLoop> Late(TimeSpan limit)
    {
        lock (_lock)
        {
            return LatenessPolicy.Late(_loops.Select(l => l.State), Now, limit);
        }
    }

    /// <summary>Whether the daemon as a whole hangs, by <see cref="LatenessPolicy"/>.</summary>
    public bool IsStalled(TimeSpan limit)
    {
        lock (_lock)
        {
            return LatenessPolicy.IsStalled(_loops.Select(l => l.State), Now, limit);
        }
    }

    internal void Leave(LoopProgress progress)
    {
        lock (_lock)
        {
            _loops.Remove(progress);
        }
    }
}

/// <summary>One loop's own record of its progress. Written by that loop; disposed of when it ends.</summary>
internal sealed class LoopProgress(Loops loops, string name, LoopKind kind) : IDisposable
{
    private long _dueTicks = loops.Now.Ticks;

    /// <summary>As it is now.</summary>
    public LoopState State => new(name, TimeSpan.FromTicks(Interlocked.Read(ref _dueTicks)), kind);

    /// <summary>A turn begins, or has got one step further: a directory looked at, a segment deleted.</summary>
    public void MadeProgress() => Idle(TimeSpan.Zero);

    /// <summary>The turn is done, and the next begins by itself after so long, or earlier.</summary>
    public void Idle(TimeSpan pause) => Interlocked.Exchange(ref _dueTicks, (loops.Now + pause).Ticks);

    /// <summary>The loop of those that do one thing now and then: a turn, a pause, until the stop. What a turn throws ends it.</summary>
    public async Task RepeatAsync(Action turn, TimeSpan pause, TimeProvider time, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            MadeProgress();
            turn();
            Idle(pause);
            await Pause.ForAsync(pause, time, stopping).ConfigureAwait(false);
        }
    }

    public void Dispose() => loops.Leave(this);
}
