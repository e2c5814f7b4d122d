using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Liveness;

public sealed class LoopsTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private readonly Loops _loops;

    public LoopsTests() => _loops = new Loops(_time);

    [Fact]
    public void A_loop_has_to_make_progress_from_its_start_to_its_end()
    {
        var loop = _loops.Enter("it");
        _time.Advance(Limit);
        Assert.Empty(_loops.Late(Limit));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([new LateLoop("it", TimeSpan.FromSeconds(11))], _loops.Late(Limit));
        loop.MadeProgress();
        Assert.Empty(_loops.Late(Limit));
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Single(_loops.Late(Limit));
        loop.Dispose();
        Assert.Empty(_loops.Late(Limit));
    }

    [Fact]
    public void A_sleeping_loop_is_late_only_after_its_sleep_and_the_limit()
    {
        using var loop = _loops.Enter("it");
        loop.Idle(TimeSpan.FromDays(366));
        _time.Advance(TimeSpan.FromDays(366) + Limit);
        Assert.Empty(_loops.Late(Limit));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Single(_loops.Late(Limit));
    }

    [Fact]
    public void A_loop_that_wakes_early_has_to_make_progress_within_the_limit()
    {
        using var loop = _loops.Enter("it");
        loop.Idle(TimeSpan.FromHours(1));
        loop.MadeProgress();
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Single(_loops.Late(Limit));
    }

    [Fact]
    public void Two_loops_of_one_name_are_watched_separately()
    {
        using var first = _loops.Enter("the shipper of orders");
        using var second = _loops.Enter("the shipper of orders");
        _time.Advance(TimeSpan.FromSeconds(11));
        first.MadeProgress();
        Assert.Single(_loops.Late(Limit));
    }
}
