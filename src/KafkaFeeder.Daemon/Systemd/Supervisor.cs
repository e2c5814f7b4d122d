using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>
/// Supervises the loops and notifies the service manager: ready, reloading, stopping, a status line, and for its watchdog that the
/// daemon makes progress. The watchdog is notified only if the loops make progress, not because the supervisor itself runs. One
/// stalled log does not stop these notifications (<see cref="LatenessPolicy.IsStalled"/>). Without a service manager, stalled loops are
/// still logged.
/// </summary>
internal sealed class Supervisor : IDisposable
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan StartPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan StartExtension = TimeSpan.FromSeconds(30);

    private readonly ISupervised _daemon;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly NotifySocket? _socket;
    private readonly TimeSpan? _watchdog;

    // Written only by the loop of the supervisor.
    private readonly Interval _watchdogSent;
    private readonly Interval _statusSent;
    private readonly Interval _extended;
    private string _statusText = "";
    private bool _isReady;
    private bool _isLate;

    // Also written by signal handlers, under the lock.
    private readonly Lock _lock = new();
    private readonly RepeatLimit _failureLogged;
    private int _reloads;
    private volatile bool _isStopping;

    public Supervisor(NotifyEnvironment asked, ISupervised daemon, ILogger logger, TimeProvider time)
    {
        _socket = asked.Address is { } address ? new NotifySocket(address) : null;
        _watchdog = asked.Watchdog;
        _daemon = daemon;
        _logger = logger;
        _time = time;
        _watchdogSent = new Interval(time);
        _statusSent = new Interval(time);
        _extended = new Interval(time);
        _failureLogged = new RepeatLimit(time);
    }

    /// <summary>A loop without progress for longer than this is stalled.</summary>
    private TimeSpan Limit => _watchdog ?? LatenessPolicy.DefaultLimit;

    /// <summary>The pause of the loop: short enough to notify the watchdog after half its time and to update the status line.</summary>
    internal TimeSpan PauseTime =>
        _socket is not null && !_isReady ? StartPause
        : _watchdog is { } limit ? TimeSpan.FromTicks(Math.Clamp(limit.Ticks / 4, ShortestPause.Ticks, LongestPause.Ticks))
        : LongestPause;

    /// <summary>Supervises until it is stopped, which is after all other loops have stopped.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            RunOnce();
            await Pause.ForAsync(PauseTime, _time, stopping).ConfigureAwait(false);
        }
    }

    /// <summary>Checks the loops once.</summary>
    public void RunOnce()
    {
        var late = _daemon.Loops.Late(Limit);
        if (_socket is not null)
        {
            NotifyReady(late);
            NotifyStatus(late);
            NotifyWatchdog();
        }

        // Last: if nobody reads the log output, writing to it blocks. That may be what stalls the loops, and it would block here too.
        Log(late);
    }

    /// <summary>Runs a reload, and notifies the service manager of its start and end.</summary>
    /// <param name="reload">Starts the reload; its task completes when the reload is done.</param>
    /// <returns>Completes when the reload is done.</returns>
    public Task Reload(Func<Task> reload)
    {
        lock (_lock)
        {
            _reloads++;
            Send(NotifyMessage.Reloading(_time.GetTimestamp(), _time.TimestampFrequency));
        }

        return reload().ContinueWith(_ => Reloaded(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Stopping begins, and takes at most this long.</summary>
    public void Stopping(TimeSpan atMost)
    {
        _isStopping = true;
        Send(NotifyMessage.Stopping(atMost));
    }

    public void Dispose() => _socket?.Dispose();

    private void Reloaded()
    {
        lock (_lock)
        {
            if (--_reloads == 0 && !_isStopping)
            {
                Send(NotifyMessage.Ready);
            }
        }
    }

    /// <summary>Ready is sent when the first search for logs is done. Until then, the time limit of the manager is extended.</summary>
    private void NotifyReady(IReadOnlyList<LateLoop> late)
    {
        if (_isReady || _isStopping)
        {
            return;
        }

        if (_daemon.IsReady)
        {
            _isReady = Send(NotifyMessage.Ready);
        }
        else if (late.Count == 0 && _extended.IsOver(StartExtension / 4) && Send(NotifyMessage.ExtendTimeout(StartExtension)))
        {
            _extended.Restart();
        }
    }

    private void NotifyStatus(IReadOnlyList<LateLoop> late)
    {
        if (!_statusSent.IsOver(LongestPause))
        {
            return;
        }

        var text = _daemon.Describe(_isStopping, late);
        if (text != _statusText && Send(NotifyMessage.Status(text)))
        {
            _statusText = text;
            _statusSent.Restart();
        }
    }

    private void NotifyWatchdog()
    {
        if (_watchdog is { } limit && !_daemon.Loops.IsStalled(limit) && _watchdogSent.IsOver(limit / 2) && Send(NotifyMessage.Watchdog))
        {
            _watchdogSent.Restart();
        }
    }

    private void Log(IReadOnlyList<LateLoop> late)
    {
        if (late.Count > 0 && !_isLate)
        {
            var others = late.Count == 1 ? "" : $"; so have {Words.Count(late.Count - 1, "other part", "other parts")}";
            FeederLog.LoopStalled(_logger, late[0].Name, Words.Age(late[0].By), others);
        }
        else if (late.Count == 0 && _isLate)
        {
            FeederLog.LoopsRecovered(_logger);
        }

        _isLate = late.Count > 0;
    }

    private bool Send(string message)
    {
        if (_socket is null || _socket.TrySend(message, out var problem))
        {
            return true;
        }

        lock (_lock)
        {
            if (_failureLogged.TryTake())
            {
                FeederLog.NotNotified(_logger, problem);
            }
        }

        return false;
    }

    /// <summary>Measures the time since something was last done. If it was never done, every interval is over.</summary>
    private sealed class Interval(TimeProvider time)
    {
        private long? _since;

        public bool IsOver(TimeSpan length) => _since is not { } since || time.GetElapsedTime(since) >= length;

        public void Restart() => _since = time.GetTimestamp();
    }
}
