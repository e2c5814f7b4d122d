namespace KafkaFeeder.Daemon.Status;

/// <summary>The last changes of a log's state in this run, oldest first. Thread-safe.</summary>
internal sealed class StateHistory
{
    /// <summary>The most changes that are kept.</summary>
    public const int MaxChanges = 10;

    private readonly Lock _lock = new();
    private readonly Queue<StateChange> _changes = new();
    private LogState? _last;

    /// <summary>A copy of the changes.</summary>
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

    /// <summary>Adds a state, unless it is the same as the last one.</summary>
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

/// <summary>A change of a log's state.</summary>
/// <param name="At">The time of the change.</param>
/// <param name="State">The new state.</param>
/// <param name="Error">The error at that time; null: none.</param>
internal readonly record struct StateChange(DateTimeOffset At, LogState State, string? Error);
