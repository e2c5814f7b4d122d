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
/// One shipper for each log, each on its own. A log whose settings change is stopped (its acknowledgements waited for)
/// and started with the new ones; no other log notices. A shipper that fails is started again, alone. Thread-safe.
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
    private bool _isMemoryTold;

    /// <summary>The room that all logs share for what cannot be shipped.</summary>
    public QuarantineSpace Quarantine { get; } = new(state.RejectedRoot, options.Quarantine, logger, time);

    /// <summary>Where it keeps the state of each log.</summary>
    public LogRegistry Logs => registry;

    /// <summary>Ships these logs, and no others, from now on.</summary>
    public void Apply(IReadOnlyList<PlannedLog> logs)
    {
        var said = new List<Action>(); // after the lock: a log that nobody reads must not keep the status from anybody
        Apply(logs, said);
        said.ForEach(say => say());
    }

    /// <summary>Stops reading everywhere, and returns when all is acknowledged and saved, or the drain time-out is over.</summary>
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

    private void Apply(IReadOnlyList<PlannedLog> logs, List<Action> said)
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
                    _leaving[key] = running.Running; // if it is put back, the next one waits for it
                    said.Add(() => FeederLog.LogRemoved(logger, key.Component, key.Directory));
                }
            }

            foreach (var log in logs)
            {
                Apply(log, said);
            }

            LookAtMemory(said);
        }
    }

    /// <summary>
    /// A log whose directory went with its kafkafeeder.yaml is no longer planned, but what is open of it can be shipped yet. Its shipper
    /// sees within a search or two that the names are gone.
    /// </summary>
    private static bool MustFinish(RunningLog running) =>
        running.Status.RemovedSegments > 0 // a writer may write to them yet
            || (!Directory.Exists(running.Status.Directory) && running.SearchesSinceGone++ < SearchesToWait);

    private void LookAtMemory(List<Action> said)
    {
        var count = _running.Count;
        var segments = _running.Values.Sum(b => b.Status.Segments);
        _budget.Segments = segments;
        var needed = InFlightBudget.NeededFor(count, segments);
        var areCounted = _running.Values.All(b => b.Status.IsLookedAt || b.Status.State == LogState.Failed);
        if (!_isMemoryTold && areCounted && needed > options.Shipper.MemoryLimitBytes)
        {
            _isMemoryTold = true;
            var limit = SizeText.Format(options.Shipper.MemoryLimitBytes);
            var enough = SizeText.Format((needed + MiB - 1) / MiB * MiB); // as it may be set
            said.Add(() => FeederLog.MemoryLimitTooSmall(logger, limit, count, segments, enough));
        }
    }

    private void Apply(PlannedLog log, List<Action> said)
    {
        if (_running.TryGetValue(log.Key, out var running))
        {
            var options = running.Status.Options;
            running.SearchesSinceGone = 0;
            if (options.HasSameSettings(log.Options))
            {
                return;
            }

            said.Add(() => FeederLog.LogChanged(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker));
            if (options.GoesLike(log.Options))
            {
                running.Status.Options = log.Options; // nothing of what is sent already is concerned
                return;
            }

            running.Stop();
        }
        else
        {
            said.Add(() => FeederLog.LogAdded(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker));
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
        using var turns = loops.Enter($"the shipper of {running.Status.Options.Component}", LoopKind.Log);
        while (!stopping.IsCancellationRequested)
        {
            var began = time.GetTimestamp();
            TimeSpan pause;
            try
            {
                turns.MadeProgress();
                await ShipAsync(running, turns).ConfigureAwait(false);
                return;
            }
            catch (Exception e)
            {
                // Whatever it is, it is this log's alone: the others go on, and so does this one after a pause.
                pause = restarts.Failed(time.GetElapsedTime(began));
                Failed(running.Status, e, restarts, pause);
            }

            turns.SleepsFor(pause);
            await Pause.ForAsync(pause, time, stopping).ConfigureAwait(false);
        }

        running.Status.Stopped();
    }

    private async Task ShipAsync(RunningLog running, LoopProgress turns)
    {
        var status = running.Status;
        var log = status.Options;
        if (!LogLock.TryTake(status.Directory, log.Component, out var held))
        {
            throw new IOException($"another kafkafeeder ships {log.Component} in {status.Directory}: two of them would ship everything "
                + "twice; stop one of them");
        }

        using var locked = held;
        using var transport = transports.Open(log, checkpoints.Of(status.Directory, log.Component).TransportState);
        var keeper = await CheckpointKeeper.OpenAsync(
                checkpoints, state, status.Directory, log.Component, options.Shipper.CheckpointInterval, logger, time)
            .ConfigureAwait(false);
        var quarantine = new Quarantine(state.RejectedDirectory(status.Directory, log.Component), log.Component, Quarantine);
        var book = new LossRecorder(ledger, quarantine, status.Directory, log.Component, logger, time);
        var set = new SegmentSet(_listings.Of(status.Directory), log.Component);
        LogCursor Open(Action<FileReset> onReset) => new(status.Directory, set, keeper.TakeStart(), book, time, onReset);
        using var shipper = new Shipper(options.Shipper, transport, _budget, keeper, Open, book, status, logger, time);
        await shipper.RunAsync(turns, running.Stopping).ConfigureAwait(false);
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

    /// <summary>A log's place: its state, and the task that ships it.</summary>
    [SuppressMessage(
        "Design",
        "CA1001",
        Justification = "A CancellationTokenSource without a timer holds nothing to dispose; Stop may come at any time.")]
    private sealed class RunningLog(LogStatus status)
    {
        private readonly CancellationTokenSource _stop = new();

        public LogStatus Status { get; } = status;

        public Task Running { get; set; } = Task.CompletedTask;

        /// <summary>Searches for logs since its directory was gone.</summary>
        public int SearchesSinceGone { get; set; }

        public CancellationToken Stopping => _stop.Token;

        public void Stop() => _stop.Cancel();
    }
}
