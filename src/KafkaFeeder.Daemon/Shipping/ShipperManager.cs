using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Units;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Runs one shipper for each log. If the settings of a log change, its shipper is stopped (it waits for acknowledgements) and a new
/// one is started with the new settings. A shipper that fails is started again. Other logs are not affected. Thread-safe.
/// </summary>
internal sealed class ShipperManager(
    FeederOptions options,
    StateDirectory state,
    CheckpointStore checkpoints,
    ITransportPool transports,
    Ledger ledger,
    LogRegistry registry,
    Loops loops,
    ILogger logger,
    TimeProvider time)
{
    private const long MiB = 1 << 20;
    private const int SearchesToWait = 2;
    private static readonly TimeSpan LongestRestartPause = TimeSpan.FromMinutes(10);
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Directory, string Component), RunningLog> _running = [];
    private readonly Dictionary<(string Directory, string Component), Task> _leaving = [];
    private readonly DirectoryListings _listings = new(time);
    private readonly InFlightBudget _budget = new(
        (logs, segments) => InFlightBudget.LimitFor(options.Shipper.MemoryLimitBytes, logs, segments), time);
    private bool _isStopping;
    private bool _isMemoryLogged;

    /// <summary>The space for records and bytes that cannot be shipped, shared by all logs.</summary>
    public QuarantineSpace Quarantine { get; } = new(state.RejectedRoot, options.Quarantine, logger, time);

    /// <summary>The state of each log.</summary>
    public LogRegistry Logs => registry;

    /// <summary>From now on ships these logs and no others.</summary>
    public void Apply(IReadOnlyList<PlannedLog> logs)
    {
        var logLines = new List<Action>(); // written after the lock is released: a blocked log output must not block it
        Apply(logs, logLines);
        logLines.ForEach(log => log());
    }

    /// <summary>Stops all shippers. Returns when everything is acknowledged and saved, or the drain time-out is over.</summary>
    public async Task StopAsync()
    {
        Task[] tasks;
        lock (_lock)
        {
            _isStopping = true;
            foreach (var running in _running.Values)
            {
                running.Stop();
            }

            tasks = [.. _running.Values.Select(b => b.Running), .. _leaving.Values];
        }

        await Task.WhenAll(tasks).ConfigureAwait(false);
    }

    private void Apply(IReadOnlyList<PlannedLog> logs, List<Action> logLines)
    {
        lock (_lock)
        {
            if (_isStopping)
            {
                return;
            }

            foreach (var (key, _) in _leaving.Where(l => l.Value.IsCompleted).ToList())
            {
                _leaving.Remove(key);
            }

            var wanted = logs.ToDictionary(l => l.Key);
            foreach (var (key, running) in _running.ToList())
            {
                if (!wanted.ContainsKey(key) && !MustFinish(running))
                {
                    running.Stop();
                    _running.Remove(key);
                    registry.Remove(running.Status);
                    _leaving[key] = running.Running; // if the log is configured again, its next shipper waits for this one
                    logLines.Add(() => FeederLog.LogRemoved(logger, key.Component, key.Directory));
                }
            }

            foreach (var log in logs)
            {
                Apply(log, logLines);
            }

            CheckMemory(logLines);
        }
    }

    /// <summary>
    /// If the directory of a log was removed together with its kafkafeeder.yaml, the log is no longer planned, but its open files can
    /// still be shipped. Its shipper detects within two searches that the names are gone.
    /// </summary>
    private static bool MustFinish(RunningLog running) =>
        running.Status.RemovedSegments > 0 // a writer may still write to them
            || (!Directory.Exists(running.Status.Directory) && running.SearchesSinceGone++ < SearchesToWait);

    private void CheckMemory(List<Action> logLines)
    {
        var count = _running.Count;
        var segments = _running.Values.Sum(b => b.Status.Segments);
        _budget.Segments = segments;
        var needed = InFlightBudget.NeededFor(count, segments);
        var areCounted = _running.Values.All(b => b.Status.IsLookedAt || b.Status.State == LogState.Failed);
        if (!_isMemoryLogged && areCounted && needed > options.Shipper.MemoryLimitBytes)
        {
            _isMemoryLogged = true;
            var limit = SizeText.Format(options.Shipper.MemoryLimitBytes);
            var enough = SizeText.Format((needed + MiB - 1) / MiB * MiB); // in a form that is valid for the setting
            var (logs, held) = (Words.Count(count, "log", "logs"), Words.Count(segments, "segment", "segments"));
            logLines.Add(() => FeederLog.MemoryLimitTooSmall(logger, limit, logs, held, enough));
        }
    }

    private void Apply(PlannedLog log, List<Action> logLines)
    {
        if (_running.TryGetValue(log.Key, out var running))
        {
            var options = running.Status.Options;
            running.SearchesSinceGone = 0;
            if (options.HasSameSettings(log.Options))
            {
                return;
            }

            logLines.Add(() => FeederLog.LogChanged(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker));
            if (options.GoesLike(log.Options))
            {
                running.Status.Options = log.Options; // the change does not affect batches in flight
                return;
            }

            running.Stop();
        }
        else
        {
            logLines.Add(() => FeederLog.LogAdded(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker));
        }

        _leaving.Remove(log.Key, out var left);
        var before = running?.Running ?? left ?? Task.CompletedTask;
        var account = ledger.AccountOf(log.Directory, log.Options.Component);
        var next = new RunningLog(new LogStatus(log.Options, log.Directory, time, account, running?.Status.History));
        next.Running = Task.Run(() => RunAsync(next, before));
        _running[log.Key] = next;
        registry.Set(next.Status);
    }

    private async Task RunAsync(RunningLog running, Task before)
    {
        await before.ConfigureAwait(false); // two shippers never share a checkpoint
        var stopping = running.Stopping;
        var restarts = new RestartPolicy(LongestRestartPause);
        using var progress = loops.Enter($"the shipper of {running.Status.Options.Component}", LoopKind.Log);
        while (!stopping.IsCancellationRequested)
        {
            var began = time.GetTimestamp();
            TimeSpan pause;
            try
            {
                progress.MadeProgress();
                await ShipAsync(running, progress).ConfigureAwait(false);
                return;
            }
            catch (Exception e)
            {
                // Whatever the error is, it concerns only this log. Other logs continue, and this one after a pause.
                pause = restarts.Failed(time.GetElapsedTime(began));
                Failed(running.Status, e, restarts, pause);
            }

            progress.Idle(pause);
            await Pause.ForAsync(pause, time, stopping).ConfigureAwait(false);
        }

        running.Status.Stopped();
    }

    private async Task ShipAsync(RunningLog running, LoopProgress progress)
    {
        var status = running.Status;
        var log = status.Options;
        if (!LogLock.TryTake(status.Directory, log.Component, out var held))
        {
            throw new IOException($"another kafkafeeder ships {log.Component} in {status.Directory}: two of them would ship everything "
                + "twice; stop one of them");
        }

        using var locked = held;
        var keeper = await CheckpointKeeper.OpenAsync(
                checkpoints, state, status.Directory, log.Component, options.Shipper.CheckpointInterval, logger, time,
                transports.FindsOut(log))
            .ConfigureAwait(false);
        using var transport = transports.Open(log, keeper.TransportState, keeper.MayHaveSent);
        var quarantine = new Quarantine(state.RejectedDirectory(status.Directory, log.Component), log.Component, Quarantine);
        var recorder = new LossRecorder(ledger, quarantine, status.Directory, log.Component, logger, time);
        var set = new SegmentSet(_listings.Of(status.Directory), log.Component);
        LogCursor Open(Action<FileReset> onReset) => new(status.Directory, set, keeper.TakeStart(), recorder, time, onReset);
        using var shipper = new Shipper(options.Shipper, transport, _budget, keeper, Open, recorder, status, logger, time);
        await shipper.RunAsync(progress, running.Stopping).ConfigureAwait(false);
    }

    private void Failed(LogStatus status, Exception e, RestartPolicy restarts, TimeSpan pause)
    {
        var isOfTheFiles = e is IOException or UnauthorizedAccessException;
        var reason = isOfTheFiles ? e.Message : $"{e.GetType().Name}: {e.Message}";
        var next = $"{reason}; failed {Words.Count(restarts.Failures, "time", "times")} in a row, next try in {Words.Age(pause)}";
        status.RemovedBytes = status.RemovedSegments = 0; // nothing is open
        status.Became(restarts.IsHeld ? LogState.Held : LogState.Failed, next);
        FeederLog.LoopFailed(logger, $"The shipper of {status.Options.Component}", isOfTheFiles ? next : $"{next}\n{e}");
    }

    /// <summary>A log that is shipped: its state, and the task of its shipper.</summary>
    [SuppressMessage(
        "Design",
        "CA1001",
        Justification = "A CancellationTokenSource without a timer holds nothing to dispose; Stop may come at any time.")]
    private sealed class RunningLog(LogStatus status)
    {
        private readonly CancellationTokenSource _stop = new();

        public LogStatus Status { get; } = status;

        public Task Running { get; set; } = Task.CompletedTask;

        /// <summary>The number of searches for logs since its directory was gone.</summary>
        public int SearchesSinceGone { get; set; }

        public CancellationToken Stopping => _stop.Token;

        public void Stop() => _stop.Cancel();
    }
}
