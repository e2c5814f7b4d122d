using KafkaFeeder.Daemon.Hosting;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Hosting;

public sealed class PoolGrowthTests
{
    private readonly PoolGrowth _growth = new(2);

    [Fact]
    public void The_pool_does_not_grow_while_work_is_completed()
    {
        for (var completed = 0; completed < 10; completed++)
        {
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
        }
    }

    [Fact]
    public void The_pool_does_not_grow_after_one_interval_without_completed_work()
    {
        for (var completed = 0; completed < 10; completed++)
        {
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
            Assert.Equal(2, _growth.Check(threads: 2, pending: 100, completed));
        }
    }

    [Fact]
    public void While_no_work_is_completed_the_pool_doubles_up_to_the_work_that_waits()
    {
        Assert.Equal(2, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(2, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(4, _growth.Check(threads: 2, pending: 38, completed: 7));
        Assert.Equal(8, _growth.Check(threads: 4, pending: 36, completed: 7));
        Assert.Equal(11, _growth.Check(threads: 8, pending: 3, completed: 7));
        Assert.Equal(11, _growth.Check(threads: 11, pending: 3, completed: 8));
    }

    [Fact]
    public void The_pool_grows_only_to_its_limit() => Assert.Equal(PoolGrowth.MaxThreads, Stick(threads: 200, pending: long.MaxValue / 2));

    [Fact]
    public void The_pool_shrinks_to_its_first_size_when_no_work_has_stuck_for_a_while()
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
