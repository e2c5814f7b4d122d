using KafkaFeeder.Daemon.Hosting;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Hosting;

public sealed class PoolGrowthTests
{
    private readonly PoolGrowth _growth = new(2);

    [Fact]
    public void Work_that_waits_while_other_work_is_done_gets_no_thread()
    {
        for (var completed = 0; completed < 10; completed++)
        {
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
        }
    }

    [Fact]
    public void An_interval_in_which_nothing_is_done_may_be_one_of_a_busy_machine()
    {
        for (var completed = 0; completed < 10; completed++)
        {
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
        }
    }

    [Fact]
    public void As_long_as_nothing_is_done_there_are_twice_as_many_each_time_and_no_more_than_work_that_waits()
    {
        Assert.Equal(2, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(2, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(4, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(8, _growth.Check(threads: 4, pending: 36, completed: 7));
        Assert.Equal(11, _growth.Check(threads: 8, pending: 3, completed: 7));
        Assert.Equal(11, _growth.Check(threads: 11, pending: 3, completed: 8));
    }

    [Fact]
    public void There_is_a_limit() => Assert.Equal(PoolGrowth.MaxThreads, Stick(threads: 200, pending: long.MaxValue / 2));

    [Fact]
    public void When_no_work_has_stuck_for_a_while_it_is_as_at_the_start()
    {
        Assert.Equal(40, Stick(threads: 20, pending: 38));
        for (var look = 1; look < PoolGrowth.QuietIntervals; look++)
        {
            Assert.Equal(40, _growth.Check(threads: 40, pending: 1000, completed: 100 + look));
        }

        Assert.Equal(2, _growth.Check(threads: 40, pending: 0, completed: 7));
    }

    private int Stick(int threads, long pending)
    {
        var wanted = 0;
        for (var look = 0; look <= PoolGrowth.StuckIntervals; look++)
        {
            wanted = _growth.Check(threads, pending, completed: 7);
        }

        return wanted;
    }
}
