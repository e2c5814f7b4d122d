namespace KafkaFeeder.Daemon.Status;

/// <summary>The last changes of a log's state in this run, oldest first. Thread-safe.</summary>
internal sealed class StateHistory
{
    /// <summary>The most changes that are kept.</summary>
    public const int MaxChanges = 10;

    private readonly Lock _lock = new();
    private readonly Queue<StateChange> _changes = new();
    private LogState? _last;

    /// <summary>The changes so far: a copy.</summary>
    public IReadOnlyList<StateChange> Changes
    {
        get
        {
            lock (_lock)
            {
                return [.. _changes];
            }
        }
    }

    /// <summary>The log is in this state. Nothing is added if it was before.</summary>
    public void Add(DateTimeOffset at, LogState state, string? error)
    {
        lock (_lock)
        {
            if (state == _last)
            {
                return;
            }

            _last = state;
            _changes.Enqueue(new StateChange(at, state, error));
            if (_changes.Count > MaxChanges)
            {
                _changes.Dequeue();
            }
        }
    }
}

/// <summary>A log came into a state.</summary>
/// <param name="At">When.</param>
/// <param name="State">Which.</param>
/// <param name="Error">Why, as it was said then; null if nothing was wrong.</param>
internal readonly record struct StateChange(DateTimeOffset At, LogState State, string? Error);
