
namespace KafkaFeeder.Daemon.Liveness;

/// <summary>
/// All supervised loops and their progress: watcher, cleaner, the shipper of each log. Loops write, the supervisor and <c>/healthz</c>
/// read. Thread-safe.
/// </summary>
internal sealed class Loops(TimeProvider time)
{
    private readonly long _origin = time.GetTimestamp();
    private readonly Lock _lock = new();
    private readonly HashSet<LoopProgress> _loops = [];

    /// <summary>Time since this object was created: the clock of <see cref="LoopState.Due"/>.</summary>
    public TimeSpan Now => time.GetElapsedTime(_origin);

    /// <summary>Registers a loop: from now on it must make progress, until the returned object is disposed of.</summary>
    /// <param name="name">Its name as the subject of a sentence: "the watcher".</param>
    /// <param name="kind">What it means for the daemon if it stalls.</param>
    public LoopProgress Enter(string name, LoopKind kind = LoopKind.Other)
    {
        var progress = new LoopProgress(this, name, kind);
        lock (_lock)
        {
            _loops.Add(progress);
        }

        return progress;
    }

    /// <summary>The stalled loops, by <see cref="LatenessPolicy"/>.</summary>
    public IReadOnlyList<LateLoop> Late(TimeSpan limit)
    {
        lock (_lock)
        {
            return LatenessPolicy.Late(_loops.Select(l => l.State), Now, limit);
        }
    }

    /// <summary>True if the daemon as a whole is stalled, by <see cref="LatenessPolicy"/>.</summary>
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

/// <summary>The progress of one loop. Written by that loop; disposed of when it ends.</summary>
internal sealed class LoopProgress(Loops loops, string name, LoopKind kind) : IDisposable
{
    private long _dueTicks = loops.Now.Ticks;

    /// <summary>Its current state.</summary>
    public LoopState State => new(name, TimeSpan.FromTicks(Interlocked.Read(ref _dueTicks)), kind);

    /// <summary>A round begins, or one step of it is done: a directory searched, a segment deleted.</summary>
    public void MadeProgress() => Idle(TimeSpan.Zero);

    /// <summary>The round is done. The next one begins after this pause at the latest.</summary>
    public void Idle(TimeSpan pause) => Interlocked.Exchange(ref _dueTicks, (loops.Now + pause).Ticks);

    /// <summary>Repeats an action with a pause after it until stopping. An exception of the action ends the loop.</summary>
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
