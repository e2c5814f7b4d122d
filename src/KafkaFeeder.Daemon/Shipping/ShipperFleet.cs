using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using KafkaFeeder.Daemon.Transport;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// One shipper for each log, each on its own. A log whose settings change is stopped (its acknowledgements waited for)
/// and started with the new ones; no other log notices. A shipper that fails is started again, alone. Thread-safe.
/// </summary>
internal sealed class ShipperFleet(FeederOptions options, StateDirectory state, ITransportPool transports, Ledger ledger, Loops loops, ILogger logger, TimeProvider time)
{
    private static readonly TimeSpan RestartPause = TimeSpan.FromSeconds(5);

    private readonly Lock _lock = new();
    private readonly Dictionary<(string Directory, string Component), Berth> _berths = [];
    private readonly InFlightBudget _budget = new(InFlightBudget.LimitFor(options.Shipper.MemoryLimitBytes));
    private bool _isStopping;

    /// <summary>The state of each log.</summary>
    public IReadOnlyList<LogStatus> Statuses
    {
        get
        {
            lock (_lock)
            {
                return [.. _berths.Values.Select(b => b.Status).OrderBy(s => s.Directory, StringComparer.Ordinal).ThenBy(s => s.Options.Component, StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>Each log with the checkpoint that is on disk, for the cleaner; null before the first is read.</summary>
    public IReadOnlyList<(LogStatus Status, Checkpoint? Saved)> Saved
    {
        get
        {
            lock (_lock)
            {
                return [.. _berths.Values.Select(b => (b.Status, b.Shipper?.Saved))];
            }
        }
    }

    /// <summary>Ships these logs, and no others, from now on.</summary>
    public void Apply(IReadOnlyList<PlannedLog> logs)
    {
        lock (_lock)
        {
            if (_isStopping)
            {
                return;
            }

            var wanted = logs.ToDictionary(l => l.Key);
            foreach (var (key, berth) in _berths.ToList())
            {
                if (!wanted.ContainsKey(key))
                {
                    berth.Stop();
                    _berths.Remove(key);
                    FeederLog.LogRemoved(logger, key.Component, key.Directory);
                }
            }

            foreach (var log in logs)
            {
                Apply(log);
            }
        }
    }

    /// <summary>Stops reading everywhere, and returns when all is acknowledged and saved, or the drain time-out is over.</summary>
    public async Task StopAsync()
    {
        Task[] running;
        lock (_lock)
        {
            _isStopping = true;
            foreach (var berth in _berths.Values)
            {
                berth.Stop();
            }

            running = [.. _berths.Values.Select(b => b.Running)];
        }

        await Task.WhenAll(running).ConfigureAwait(false);
    }

    private void Apply(PlannedLog log)
    {
        if (_berths.TryGetValue(log.Key, out var berth))
        {
            if (berth.Status.Options.HasSameSettings(log.Options))
            {
                return;
            }

            berth.Stop();
            FeederLog.LogChanged(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker);
        }
        else
        {
            FeederLog.LogAdded(logger, log.Options.Component, log.Directory, log.Options.Topic, log.Options.Broker);
        }

        var next = new Berth(new LogStatus(log.Options, log.Directory, time));
        var before = berth?.Running ?? Task.CompletedTask;
        next.Running = Task.Run(() => RunAsync(next, before));
        _berths[log.Key] = next;
    }

    private async Task RunAsync(Berth berth, Task before)
    {
        await before.ConfigureAwait(false); // two shippers never share a checkpoint
        var stopping = berth.Stopping;
        using var turns = loops.Enter($"the shipper of {berth.Status.Options.Component}");
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                turns.Turned();
                using var shipper = Launch(berth.Status);
                berth.Shipper = shipper;
                await shipper.RunAsync(turns, stopping).ConfigureAwait(false);
                return;
            }
            catch (Exception e)
            {
                // Whatever it is, it is this log's alone: the others go on, and so does this one after a pause.
                berth.Status.State = LogState.Failed;
                berth.Status.Error = e.Message;
                FeederLog.LoopFailed(logger, $"The shipper of {berth.Status.Options.Component}", e is IOException or UnauthorizedAccessException ? e.Message : e.ToString());
            }
            finally
            {
                berth.Shipper = null;
            }

            turns.SleepsFor(RestartPause);
            await Pause.ForAsync(RestartPause, time, stopping).ConfigureAwait(false);
        }
    }

    private Shipper Launch(LogStatus status)
    {
        var log = status.Options;
        var keeper = CheckpointKeeper.Open(state, log.Component, status, options.Shipper.CheckpointInterval, logger, time);
        var book = new LossBook(ledger, new Quarantine(state.RejectedDirectory(status.Directory, log.Component), log.Component), status, logger);
        return new Shipper(log, options.Shipper, transports.For(log), _budget, keeper, book, status, logger, time);
    }

    /// <summary>A log's place: its state, and the shipper that is at work on it.</summary>
    [SuppressMessage("Design", "CA1001", Justification = "A CancellationTokenSource without a timer holds nothing to dispose; Stop may come at any time.")]
    private sealed class Berth(LogStatus status)
    {
        private readonly CancellationTokenSource _stop = new();

        public LogStatus Status { get; } = status;

        public volatile Shipper? Shipper;

        public Task Running { get; set; } = Task.CompletedTask;

        public CancellationToken Stopping => _stop.Token;

        public void Stop() => _stop.Cancel();
    }
}
