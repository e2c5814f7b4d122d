using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A log that is to be shipped.</summary>
/// <param name="Directory">The real path of its directory.</param>
/// <param name="Options">Its settings.</param>
internal sealed record PlannedLog(string Directory, LogOptions Options)
{
    /// <summary>What makes it one log, however its settings change.</summary>
    public (string Directory, string Component) Key => (Directory, Options.Component);
}

/// <summary>
/// Decides which logs are shipped with which settings: what the files say now, and for what they do not say any more
/// because they are broken, what they said last. Pure but for the memory of the last good settings.
/// </summary>
internal sealed class LogPlan(IReadOnlySet<string> brokerGroups, Func<string, string?> realPath)
{
    private readonly Dictionary<string, IReadOnlyList<LogOptions>> _lastGood = new(StringComparer.Ordinal);

    /// <summary>The logs, each once.</summary>
    /// <param name="files">Every file that was found, with what it says.</param>
    /// <param name="faults">Takes all that is wrong.</param>
    public IReadOnlyList<PlannedLog> Make(IEnumerable<(string Path, ParsedLogs Parsed)> files, List<ConfigFault> faults)
    {
        var planned = new Dictionary<(string, string), PlannedLog>();
        var present = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (path, unchecked_) in files)
        {
            present.Add(path);
            var parsed = BrokerGroupCheck.Apply(unchecked_, brokerGroups);
            faults.AddRange(parsed.Faults);
            foreach (var log in SettingsOf(path, parsed))
            {
                var directory = realPath(log.Directory) ?? Path.GetFullPath(log.Directory);
                var entry = new PlannedLog(directory, log);
                if (!planned.TryAdd(entry.Key, entry))
                {
                    var first = planned[entry.Key].Options;
                    faults.Add(new ConfigFault(log.SourceFile, log.SourceLine, $"topics.{log.Component}", $"names the log in {directory} that {first.SourceFile}:{first.SourceLine} has already; this entry is ignored."));
                }
            }
        }

        foreach (var gone in _lastGood.Keys.Where(path => !present.Contains(path)).ToList())
        {
            _lastGood.Remove(gone); // removed by its author
        }

        return [.. planned.Values];
    }

    private IReadOnlyList<LogOptions> SettingsOf(string path, ParsedLogs parsed)
    {
        var last = _lastGood.GetValueOrDefault(path, []);
        var kept = parsed.FileReadable ? last.Where(l => parsed.FaultyComponents.Contains(l.Component)) : last;
        IReadOnlyList<LogOptions> now = [.. parsed.Logs, .. kept];
        _lastGood[path] = now;
        return now;
    }
}
