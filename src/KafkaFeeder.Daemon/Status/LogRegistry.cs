namespace KafkaFeeder.Daemon.Status;

/// <summary>The status of all configured logs. The shipper of a log writes its status; others read it here. Thread-safe.</summary>
internal sealed class LogRegistry
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Directory, string Component), LogStatus> _logs = [];

    /// <summary>All logs, ordered by directory and component.</summary>
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

    /// <summary>True if this log is configured.</summary>
    public bool Has(string directory, string component)
    {
        lock (_lock)
        {
            return _logs.ContainsKey((directory, component));
        }
    }

    /// <summary>Sets the status of a log that has a new shipper. It replaces the previous one.</summary>
    public void Set(LogStatus log)
    {
        lock (_lock)
        {
            _logs[KeyOf(log)] = log;
        }
    }

    /// <summary>Removes the status of a log that is no longer configured, unless another one has replaced it.</summary>
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
