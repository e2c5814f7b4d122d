using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>The result of a search.</summary>
/// <param name="Files">The number of kafkafeeder.yaml files.</param>
/// <param name="Logs">The logs that are to be shipped.</param>
/// <param name="Unclaimed">Segments that no entry ships.</param>
/// <param name="Faults">Faults of the configuration, limited to a readable number.</param>
internal sealed record FoundLogs(
    int Files,
    IReadOnlyList<PlannedLog> Logs,
    IReadOnlyList<UnclaimedSegments> Unclaimed,
    IReadOnlyList<ConfigFault> Faults);

/// <summary>
/// Finds the logs below log_dir: searches, reads the files, decides what is shipped. It remembers the last good settings, so the
/// daemon uses the same instance for all searches. Not thread-safe.
/// </summary>
internal sealed class LogFinder(FeederOptions options, Authority authority, ScanLimits limits)
{
    private readonly LogFileReader _reader = new(authority);
    private readonly LogPlan _plan = new(options, authority, Place.TryFind);

    /// <summary>The next search reads every file again, changed or not.</summary>
    public void Forget() => _reader.Forget();

    /// <summary>One search.</summary>
    /// <param name="onStep">Called for each directory: in a large tree on a slow disk this takes long.</param>
    public FoundLogs Find(Action onStep)
    {
        var faults = new List<ConfigFault>();
        var territory = Territory.Of(options, out var errno);
        var found = Search(territory, errno, faults, onStep);
        var files = _reader.Read(found.Files, territory);
        var logs = _plan.Make(files, territory, found.IsUnseen, faults);
        var unclaimed = UnclaimedSegments.Of(found, logs, limits, onStep).Where(u => !IsOwnLog(u)).ToList();
        return new FoundLogs(files.Count, logs, unclaimed, FaultDigest.Of(faults, territory.BranchOf));
    }

    /// <summary>True for the daemon's own log. It is shipped only if it is configured, and never reported as unclaimed.</summary>
    private bool IsOwnLog(UnclaimedSegments segments) => options.Logging is { } own
        && segments.Component == own.Component && segments.Directory == Files.RealPath.OrLexical(own.Dir);

    private ScanResult Search(Territory territory, int errno, List<ConfigFault> faults, Action onStep)
    {
        var problem =
            errno != 0 && Files.Errors.IsAbsent(errno) ? "this log_dir does not exist; logs below it are found when it does."
            : errno != 0 ? $"this log_dir cannot be examined ({Files.Errors.Text(errno)}); the settings of all logs stay as they are "
                + $"until it can."
            : territory.IsState(territory.LogDir) ? "this log_dir lies below checkpoint_dir or journal_dir, where nothing is ever a log."
            : null;
        if (problem is null)
        {
            return ConfigurationScan.Find(territory, limits, faults, onStep);
        }

        faults.Add(new ConfigFault(options.LogDir, 0, "", problem));
        var nothing = new ScanResult(territory.LogDir);
        nothing.AddUnseen(territory.LogDir);
        return nothing;
    }
}
