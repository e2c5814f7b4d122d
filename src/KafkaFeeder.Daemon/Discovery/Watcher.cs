using System.Threading.Channels;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Looks for logs, again and again: a full scan each time, because notifications of the system lose events without
/// saying so. A file is parsed again only when it has changed.
/// </summary>
internal sealed class Watcher(FeederOptions options, ShipperFleet fleet, FeederStatus status, ILogger logger, TimeProvider time)
{
    private readonly LogPlan _plan = new(options.BrokerGroups.Keys.ToHashSet(), RealPath.Of);
    private readonly Dictionary<string, (FileStamp Stamp, ParsedLogs Parsed)> _parsed = new(StringComparer.Ordinal);
    private readonly Channel<bool> _now = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private HashSet<string> _told = [];
    private TaskCompletionSource? _asked;

    /// <summary>Scans at once, and from then on by the interval.</summary>
    public async Task RunAsync(LoopTurns turns, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            turns.Turned();
            RunOnce(turns.Turned);
            turns.SleepsFor(options.Watcher.Interval);
            await Pause.ForAsync(_now.Reader, options.Watcher.Interval, time, stopping).ConfigureAwait(false);
            _now.Reader.TryRead(out _);
        }
    }

    /// <summary>Scans without waiting for the interval: somebody has changed a file and says so.</summary>
    /// <returns>Done with the scan: whatever it found.</returns>
    public Task ScanNow(bool forgetParsed)
    {
        TaskCompletionSource asked;
        lock (_parsed)
        {
            if (forgetParsed)
            {
                _parsed.Clear();
                _told = [];
            }

            asked = _asked ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _now.Writer.TryWrite(true);
        return asked.Task;
    }

    /// <summary>One scan: finds the files, reads the changed ones, tells the fleet what to ship.</summary>
    /// <param name="onStep">Called for each directory: in a large tree on a slow disk a turn is long.</param>
    public void RunOnce(Action onStep)
    {
        TaskCompletionSource? asked;
        lock (_parsed)
        {
            (asked, _asked) = (_asked, null);
        }

        try
        {
            Scan(onStep);
        }
        finally
        {
            asked?.TrySetResult();
        }
    }

    private void Scan(Action onStep)
    {
        var faults = new List<ConfigFault>();
        IReadOnlyList<PlannedLog> logs;
        lock (_parsed)
        {
            var files = ConfigurationScan.Find(options.LogDir, faults, onStep).ConvertAll(path => (path, Parse(path)));
            foreach (var gone in _parsed.Keys.Except(files.Select(f => f.path)).ToList())
            {
                _parsed.Remove(gone);
            }

            logs = _plan.Make(files, faults);
        }

        Tell(faults);
        status.Faults = faults;
        fleet.Apply(logs);
        status.Scanned();
    }

    private ParsedLogs Parse(string path)
    {
        var stamp = FileStamp.Of(path);
        if (_parsed.TryGetValue(path, out var known) && known.Stamp == stamp)
        {
            return known.Parsed;
        }

        var parsed = ConfigLoader.LoadLogs(path);
        _parsed[path] = (stamp, parsed);
        return parsed;
    }

    /// <summary>Each fault once, until it is gone.</summary>
    private void Tell(List<ConfigFault> faults)
    {
        var now = faults.Select(f => f.ToString()).ToHashSet();
        foreach (var fault in now.Where(f => !_told.Contains(f)))
        {
            FeederLog.ConfigurationFault(logger, fault);
        }

        _told = now;
    }

    /// <summary>What changes when a file does.</summary>
    private readonly record struct FileStamp(string RealPath, DateTime Modified, long Bytes)
    {
        /// <summary>Of the file itself: a link to another file, or to another version in a ConfigMap, is another file.</summary>
        public static FileStamp Of(string path)
        {
            var file = new FileInfo(Discovery.RealPath.Of(path) ?? path);
            return file.Exists ? new FileStamp(file.FullName, file.LastWriteTimeUtc, file.Length) : default;
        }
    }
}
