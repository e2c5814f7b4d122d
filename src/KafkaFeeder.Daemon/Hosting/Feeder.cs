using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Control;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Retention;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Signals;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Systemd;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport.Choosing;
using KafkaFeeder.Units;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Starts and stops all loops as one hosted service: watcher, cleaner, signals, a shipper for each log, the status server and the
/// supervisor. Stops in this order: watcher and cleaner, shippers, supervisor, producers.
/// </summary>
internal sealed class Feeder : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan LongestRestartPause = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan DrainPoll = TimeSpan.FromMilliseconds(50);

    /// <summary>When 100,000 new segments are found, memory grows by 10 MB in this time.</summary>
    private static readonly TimeSpan MemoryCheckInterval = TimeSpan.FromMilliseconds(500);

    private readonly FeederOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly TransportPool _transports;
    private readonly Ledger _ledger;
    private readonly Watcher _watcher;
    private readonly SegmentCleaner _cleaner;
    private readonly SignalHandlers _signals;
    private readonly Supervisor _supervisor;
    private readonly StatusServer _server;
    private readonly CancellationTokenSource _stopping = new();
    private readonly CancellationTokenSource _stopped = new();
    private Task _loops = Task.CompletedTask;
    private Task _supervision = Task.CompletedTask;

    public Feeder(FeederOptions options, StateDirectory state, CheckpointStore checkpoints, ILogger logger, TimeProvider time)
    {
        _options = options;
        _logger = logger;
        _time = time;
        Status = new FeederStatus(time);
        _transports = new TransportPool(options.BrokerGroups, logger, time);
        checkpoints.Loops = Status.Loops;
        _ledger = new Ledger(state.LedgerPath, time);
        Shippers = new ShipperManager(options, state, checkpoints, _transports, _ledger, Status.Logs, Status.Loops, logger, time);
        Status.Quarantine = Shippers.Quarantine;
        var directories = new PlannedDirectories();
        _watcher = new Watcher(options, directories, checkpoints, Found, logger, time);
        _cleaner = new SegmentCleaner(options.Cleaner.Interval, () => Cleanable(checkpoints, directories), logger, time);
        _supervisor =
            new Supervisor(NotifyEnvironment.Read(Environment.GetEnvironmentVariable, Environment.ProcessId), Status, logger, time);
        _signals = new SignalHandlers(signal => _ = ReloadAsync(signal), () => StateLines.Write(Status.Logs.All, logger));
        var commands = new[] { new DaemonCommand(DaemonCommand.Reload, ReloadAsync) };
        _server = new StatusServer(options, Status, commands, state.StatusSocketPath, logger, time);
    }

    public FeederStatus Status { get; }

    public ShipperManager Shippers { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        EarlySignals.Begun();
        await _server.StartAsync(cancellationToken).ConfigureAwait(false);
        FeederLog.Started(
            _logger,
            Build.Version,
            _options.SourceFile,
            $"librdkafka {Confluent.Kafka.Library.VersionString}, status {_server.Address ?? "off"}");
        foreach (var warning in _options.Warnings)
        {
            FeederLog.ConfigurationWarning(_logger, warning.ToString());
        }

        _signals.Start();
        _loops = Task.WhenAll(
            Launch("the watcher", _watcher.RunAsync),
            Launch("the cleaner", _cleaner.RunAsync),
            Launch("the ledger", _ledger.RunAsync),
            Launch("the memory guard", GuardMemoryAsync),
            Launch("the quarantine", Shippers.Quarantine.RunAsync));
        _supervision =
            Task.Run(() => KeepRunningAsync("the supervisor", _supervisor.RunAsync, _ => { }, _stopped.Token), CancellationToken.None);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _supervisor.Stopping(_options.Shipper.StopLimit);
        FeederLog.Stopping(_logger, DurationText.Format(_options.Shipper.DrainTimeout));
        if (_options.Shipper.DrainOnStop)
        {
            await DrainAsync().ConfigureAwait(false);
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
        await Shippers.StopAsync().ConfigureAwait(false);
        await _stopped.CancelAsync().ConfigureAwait(false);
        await _supervision.ConfigureAwait(false);
        LogStopped(Status.Logs.All);
    }

    private void Found(FoundLogs found)
    {
        Status.Faults = found.Faults;
        Shippers.Apply(found.Logs);
        Status.Unclaimed = [.. found.Unclaimed.Where(u => !u.IsLeft || !Status.Logs.Has(u.Directory, u.Component))]; // still being read
        Status.Scanned();
    }

    private Task ReloadAsync(string askedBy) => _supervisor.Reload(() =>
    {
        FeederLog.Reloading(_logger, askedBy);
        return _watcher.ScanNow(forgetParsed: true);
    });

    private async Task<CommandResult> ReloadAsync(CancellationToken cancellation)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _stopping.Token);
        try
        {
            await ReloadAsync("kafkafeeder reload").WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return new CommandResult(false, "The daemon is stopping.\n"); // no search comes any more
        }

        var faults = string.Concat(Status.Faults.Select(f => $"configuration: {f}\n"));
        return new CommandResult(faults.Length == 0, $"{faults}{Words.Count(Status.Logs.All.Count, "log", "logs")} configured.\n");
    }

    /// <summary>Each log with its segments that are done in the checkpoint on disk.</summary>
    private IReadOnlyList<CleanableLog> Cleanable(CheckpointStore checkpoints, PlannedDirectories directories) =>
    [
        .. Status.Logs.All.Select(l => new CleanableLog(
            l.Directory,
            directories.TryGet(l.Directory, out var directory) ? directory.Id : null,
            l.Options.Retention,
            checkpoints.Of(l.Directory, l.Options.Component).Done(),
            l.AddCleaned)),
    ];

    private void LogStopped(IReadOnlyCollection<LogStatus> logs)
    {
        var missing = logs.Sum(l => l.MissingBytes) + Status.Unclaimed.Where(u => u.IsLeft).Sum(u => u.Bytes);
        var unknown = logs.Count(l => !l.IsLookedAt);
        FeederLog.Stopped(
            _logger,
            logs.Count,
            logs.Sum(l => l.LagBytes - l.RemovedBytes),
            missing == 0 ? "" : $"; bytes of segments that are gone, lost unless they come back: {missing}",
            unknown == 0 ? "" : $"; logs not examined yet: {unknown}");
    }

    public async ValueTask DisposeAsync()
    {
        _signals.Dispose();
        await _server.DisposeAsync().ConfigureAwait(false);
        _transports.Dispose();
        _supervisor.Dispose();
        _stopping.Dispose();
        _stopped.Dispose();
    }

    /// <summary>Starts a loop. It is supervised from now on, even before it runs for the first time.</summary>
    private Task Launch(string name, Func<LoopProgress, CancellationToken, Task> loop)
    {
        var progress = Status.Loops.Enter(name);
        return Task.Run(
            async () =>
            {
                using (progress)
                {
                    await KeepRunningAsync(name, stopping => loop(progress, stopping), progress.Idle, _stopping.Token)
                        .ConfigureAwait(false);
                }
            },
            CancellationToken.None);
    }

    private async Task GuardMemoryAsync(LoopProgress progress, CancellationToken stopping)
    {
        var guard = new MemoryGuard(_options.Shipper.MemoryLimitBytes);
        var began = _time.GetTimestamp();
        while (!stopping.IsCancellationRequested)
        {
            progress.MadeProgress();
            if (guard.Check(Environment.WorkingSet, _time.GetElapsedTime(began)))
            {
                GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            }

            progress.Idle(MemoryCheckInterval);
            await Pause.ForAsync(MemoryCheckInterval, _time, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>Ships what is on disk now: a last search for logs, then every log to its end. Nothing is lost at a time-out.</summary>
    private async Task DrainAsync()
    {
        using var limit = new CancellationTokenSource(_options.Shipper.DrainTimeout, _time);
        var asked = _time.GetTimestamp();
        var scan = _watcher.ScanNow(forgetParsed: false);
        while (!limit.IsCancellationRequested && (!scan.IsCompleted || Status.Logs.All.Any(l => !l.IsAtEndSince(asked))))
        {
            await Pause.ForAsync(DrainPoll, _time, limit.Token).ConfigureAwait(false);
        }
    }

    private async Task KeepRunningAsync(
        string name, Func<CancellationToken, Task> loop, Action<TimeSpan> onPause, CancellationToken stopping)
    {
        var restarts = new RestartPolicy(LongestRestartPause);
        while (!stopping.IsCancellationRequested)
        {
            var began = _time.GetTimestamp();
            try
            {
                await loop(stopping).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // Without its loop the daemon would run and do nothing: log the error and start the loop again.
                FeederLog.LoopFailed(_logger, name, e is IOException or UnauthorizedAccessException ? e.Message : e.ToString());
                var pause = restarts.Failed(_time.GetElapsedTime(began));
                onPause(pause);
                await Pause.ForAsync(pause, _time, stopping).ConfigureAwait(false);
            }
        }
    }
}
