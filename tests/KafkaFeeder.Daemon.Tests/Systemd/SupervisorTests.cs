using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Systemd;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Systemd;

/// <summary>The supervisor with a real socket and a clock that the test moves.</summary>
public sealed class SupervisorTests : IDisposable
{
    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(20);

    private readonly ManualTime _time = new();
    private readonly ServiceManager _manager = new();
    private readonly FeederStatus _status;
    private readonly Supervisor _supervisor;

    public SupervisorTests()
    {
        _status = new FeederStatus(_time);
        _supervisor = New(_manager.Address);
    }

    public void Dispose()
    {
        _supervisor.Dispose();
        _manager.Dispose();
    }

    [Fact]
    public void READY_is_sent_once_when_the_first_search_is_done()
    {
        Assert.DoesNotContain("READY=1", Look());
        _status.Scanned();
        Assert.Contains("READY=1", Look());
        _time.Advance(TimeSpan.FromHours(1));
        Assert.DoesNotContain("READY=1", Look());
    }

    [Fact]
    public void A_first_search_extends_the_start_timeout_while_it_makes_progress()
    {
        using var watcher = _status.Loops.Enter("the watcher");
        Assert.Contains("EXTEND_TIMEOUT_USEC=30000000", Look());
        Assert.DoesNotContain("EXTEND_TIMEOUT_USEC=30000000", Look());
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Contains("EXTEND_TIMEOUT_USEC=30000000", Look());
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.DoesNotContain("EXTEND_TIMEOUT_USEC=30000000", Look());
        watcher.MadeProgress();
        Assert.Contains("EXTEND_TIMEOUT_USEC=30000000", Look());
    }

    [Fact]
    public void The_watchdog_is_fed_at_half_its_time_while_every_loop_turns_or_sleeps()
    {
        using var watcher = _status.Loops.Enter("the watcher");
        using var cleaner = _status.Loops.Enter("the cleaner");
        cleaner.Idle(TimeSpan.FromHours(2));
        var fed = 0;
        for (var second = 0; second < 3_600; second++)
        {
            watcher.MadeProgress();
            fed += Look().Count(m => m == "WATCHDOG=1");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(360, fed);
    }

    [Fact]
    public void The_watchdog_is_not_fed_while_every_log_is_stalled_even_if_the_watcher_turns()
    {
        using var watcher = _status.Loops.Enter("the watcher");
        using var shipper = _status.Loops.Enter("the shipper of orders", LoopKind.Log);
        _status.Scanned();
        var fedAt = new List<int>();
        var words = new List<string>();
        for (var second = 0; second <= 120; second++)
        {
            watcher.MadeProgress();
            if (second is 0 or 100)
            {
                shipper.MadeProgress();
            }

            var messages = Look();
            fedAt.AddRange(messages.Where(m => m == "WATCHDOG=1").Select(_ => second));
            words.AddRange(messages.Where(m => m.StartsWith("STATUS=", StringComparison.Ordinal)));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([0, 10, 20, 100, 110, 120], fedAt);
        Assert.Contains("STATUS=stalled: the shipper of orders, no progress for 21 s; no log is configured yet", words);
        Assert.Equal("STATUS=no log is configured yet", words[^1]);
    }

    [Fact]
    public void One_stalled_log_is_reported_and_the_watchdog_is_still_fed()
    {
        using var hanging = _status.Loops.Enter("the shipper of orders", LoopKind.Log);
        using var turning = _status.Loops.Enter("the shipper of payments", LoopKind.Log);
        _status.Scanned();
        var fed = 0;
        var words = new List<string>();
        for (var second = 0; second <= 120; second++)
        {
            turning.MadeProgress();
            var messages = Look();
            fed += messages.Count(m => m == "WATCHDOG=1");
            words.AddRange(messages.Where(m => m.StartsWith("STATUS=", StringComparison.Ordinal)));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(13, fed);
        Assert.Contains("STATUS=stalled: the shipper of orders, no progress for 21 s; no log is configured yet", words);
    }

    [Fact]
    public void A_stalled_checkpoint_store_stops_feeding_the_watchdog()
    {
        using var turning = _status.Loops.Enter("the shipper of payments", LoopKind.Log);
        using var store = _status.Loops.Enter("the checkpoint store", LoopKind.Vital);
        _status.Scanned();
        var fed = 0;
        for (var second = 0; second <= 120; second++)
        {
            turning.MadeProgress();
            fed += Look().Count(m => m == "WATCHDOG=1");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(3, fed);
    }

    [Fact]
    public void Without_a_watchdog_time_only_READY_and_STATUS_are_sent()
    {
        using var supervisor = new Supervisor(new NotifyEnvironment(_manager.Address, null), _status, NullLogger.Instance, _time);
        _status.Scanned();
        supervisor.RunOnce();
        _time.Advance(TimeSpan.FromMinutes(1));
        supervisor.RunOnce();
        Assert.Equal(["READY=1", "STATUS=no log is configured yet"], _manager.Received());
    }

    [Fact]
    public void Without_a_service_manager_nothing_is_sent()
    {
        using var supervisor = new Supervisor(default, _status, NullLogger.Instance, _time);
        _status.Scanned();
        supervisor.RunOnce();
        supervisor.Reload(() => Task.CompletedTask);
        supervisor.Stopping(TimeSpan.FromSeconds(1));
        Assert.Empty(_manager.Received());
        Assert.Equal(TimeSpan.FromSeconds(1), supervisor.PauseTime); // nobody waits to hear that it is ready
    }

    [Fact]
    public void The_status_is_sent_when_it_changes_and_at_most_once_a_second()
    {
        Assert.Contains("STATUS=starting: searching for logs", Look());
        _time.Advance(TimeSpan.FromSeconds(0.9));
        _status.Scanned();
        Assert.DoesNotContain("STATUS=no log is configured yet", Look());
        _time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.Contains("STATUS=no log is configured yet", Look());
        _time.Advance(TimeSpan.FromSeconds(5));
        Assert.Empty(Look());
    }

    [Fact]
    public async Task READY_is_sent_when_the_last_of_several_reloads_is_over()
    {
        _status.Scanned();
        Look();
        _time.Advance(TimeSpan.FromSeconds(2));
        TaskCompletionSource first = new(), second = new();
        _ = _supervisor.Reload(() => first.Task);
        _ = _supervisor.Reload(() => second.Task);
        Assert.Equal(["RELOADING=1\nMONOTONIC_USEC=2000000", "RELOADING=1\nMONOTONIC_USEC=2000000"], _manager.Received());
        second.SetResult();
        first.SetResult();
        List<string> messages = [];
        while (messages.Count == 0)
        {
            await Task.Yield();
            messages = _manager.Received();
        }

        Assert.Equal(["READY=1"], messages);
    }

    [Fact]
    public void A_message_that_did_not_arrive_is_sent_again()
    {
        using var late = New(_manager.Address + "-later");
        _status.Scanned();
        late.RunOnce();
        using var manager = new ServiceManager(_manager.Address + "-later");
        late.RunOnce();
        Assert.Equal(["READY=1", "STATUS=no log is configured yet", "WATCHDOG=1"], manager.Received());
    }

    [Fact]
    public void READY_is_not_sent_after_a_stop_has_begun()
    {
        _supervisor.Stopping(TimeSpan.FromSeconds(45));
        _status.Scanned();
        Assert.Equal(["STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000", "STATUS=stopping, 0 B in flight, all shipped", "WATCHDOG=1"], Look());
    }

    private Supervisor New(string address) => new(new NotifyEnvironment(address, Watchdog), _status, NullLogger.Instance, _time);

    private List<string> Look()
    {
        _supervisor.RunOnce();
        return _manager.Received();
    }
}
