using System.Threading.Channels;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Searches for logs at intervals: a full search each time, because notifications of the kernel (inotify) can lose events silently. A
/// file is parsed again only if it has changed.
/// </summary>
internal sealed class Watcher(
    FeederOptions options,
    PlannedDirectories directories,
    CheckpointStore checkpoints,
    Action<FoundLogs> onFound,
    ILogger logger,
    TimeProvider time)
{
    /// <summary>The most lines of one kind that are logged after one search; the status shows more.</summary>
    private const int MaxLines = 100;

    private readonly Lock _lock = new();
    private readonly LogFinder _finder = new(options, Authority.Of(options), new ScanLimits());
    private readonly Channel<bool> _now =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private HashSet<string> _logged = [];
    private HashSet<(string, string)> _loggedUnclaimed = [];
    private bool _forgets;
    private TaskCompletionSource? _asked;

    /// <summary>Searches at once, and then at intervals.</summary>
    public async Task RunAsync(LoopProgress progress, CancellationToken stopping)
    {
        try
        {
            await ScanByIntervalAsync(progress, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            return; // stopped during a search
        }
    }

    private async Task ScanByIntervalAsync(LoopProgress progress, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            progress.MadeProgress();
            RunOnce(() =>
            {
                progress.MadeProgress();
                stopping.ThrowIfCancellationRequested();
            });
            progress.Idle(options.Watcher.Interval);
            await Pause.ForAsync(_now.Reader, options.Watcher.Interval, time, stopping).ConfigureAwait(false);
            _now.Reader.TryRead(out _);
        }
    }

    /// <summary>Searches now, without waiting for the interval.</summary>
    /// <returns>Completes when the search is done, with or without faults.</returns>
    public Task ScanNow(bool forgetParsed)
    {
        TaskCompletionSource asked;
        lock (_lock)
        {
            _forgets |= forgetParsed;
            asked = _asked ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        _now.Writer.TryWrite(true);
        return asked.Task;
    }

    /// <summary>One search: finds the files, reads the changed ones, passes the logs to ship on.</summary>
    /// <param name="onStep">Called for each directory: in a large tree on a slow disk a turn is long.</param>
    public void RunOnce(Action onStep)
    {
        TaskCompletionSource? asked;
        bool forgets;
        lock (_lock)
        {
            (asked, _asked) = (_asked, null);
            (forgets, _forgets) = (_forgets, false);
        }

        try
        {
            Scan(forgets, onStep);
        }
        finally
        {
            asked?.TrySetResult();
        }
    }

    private void Scan(bool forgets, Action onStep)
    {
        if (forgets)
        {
            _finder.Forget();
            _logged = [];
            _loggedUnclaimed = [];
        }

        var found = _finder.Find(onStep);
        Log(found.Faults);
        UnclaimedSegments[] unclaimed =
            [.. found.Unclaimed, .. UnclaimedSegments.LeftOf(checkpoints.All, found.Logs, found.Unclaimed)];
        Log(unclaimed);
        directories.Set(found.Logs);
        onFound(found with { Unclaimed = unclaimed });
    }

    /// <summary>Logs each fault once, until it is gone.</summary>
    private void Log(IReadOnlyList<ConfigFault> faults)
    {
        var now = faults.Select(f => f.ToString()).ToHashSet();
        var news = now.Where(f => !_logged.Contains(f)).ToList();
        foreach (var fault in news.Take(MaxLines))
        {
            FeederLog.ConfigurationFault(logger, fault);
        }

        if (news.Count > MaxLines)
        {
            FeederLog.MoreFaults(logger, Words.Count(news.Count - MaxLines, "fault", "faults"));
        }

        _logged = now;
    }

    /// <summary>Logs each component once, whatever its number of segments, until it is shipped or gone.</summary>
    private void Log(IReadOnlyList<UnclaimedSegments> unclaimed)
    {
        foreach (var segments in unclaimed.Where(u => !_loggedUnclaimed.Contains((u.Directory, u.Component))).Take(MaxLines))
        {
            FeederLog.Unclaimed(logger, segments.ToString());
        }

        _loggedUnclaimed = [.. unclaimed.Select(u => (u.Directory, u.Component))];
    }
}
