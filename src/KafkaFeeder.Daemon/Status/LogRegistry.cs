namespace KafkaFeeder.Daemon.Status;

/// <summary>The state of each log that is configured: its shipper writes it, everybody else reads it here. Thread-safe.</summary>
internal sealed class LogRegistry
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Directory, string Component), LogStatus> _logs = [];

    /// <summary>All of them now, by directory and component.</summary>
    public IReadOnlyList<LogStatus> All
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _logs.Values
                        .OrderBy(s => s.Directory, StringComparer.Ordinal)
                        .ThenBy(s => s.Options.Component, StringComparer.Ordinal),
                ];
            }
        }
    }

    /// <summary>Whether this log is there.</summary>
    public bool Has(string directory, string component)
    {
        lock (_lock)
        {
            return _logs.ContainsKey((directory, component));
        }
    }

    /// <summary>A log has a new shipper, which writes this from now on. It takes the place of the one before it.</summary>
    public void Set(LogStatus log)
    {
        lock (_lock)
        {
            _logs[KeyOf(log)] = log;
        }
    }

    /// <summary>A log is no longer configured. Nothing happens if another has taken its place.</summary>
    public void Remove(LogStatus log)
    {
        lock (_lock)
        {
            if (_logs.TryGetValue(KeyOf(log), out var current) && current == log)
            {
                _logs.Remove(KeyOf(log));
            }
        }
    }

    private static (string Directory, string Component) KeyOf(LogStatus log) => (log.Directory, log.Options.Component);
}
