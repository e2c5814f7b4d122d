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
            Assert.Equal(2, _growth.Look(threads: 2, pending: 100, completed));
        }
    }

    [Fact]
    public void Work_that_waits_while_nothing_is_done_gets_a_thread_each()
    {
        Assert.Equal(2, _growth.Look(threads: 2, pending: 38, completed: 7));
        Assert.Equal(40, _growth.Look(threads: 2, pending: 38, completed: 7));
        Assert.Equal(45, _growth.Look(threads: 40, pending: 5, completed: 7));
    }

    [Fact]
    public void There_is_a_limit()
    {
        _growth.Look(threads: 2, pending: long.MaxValue / 2, completed: 7);
        Assert.Equal(PoolGrowth.MaxThreads, _growth.Look(threads: 2, pending: long.MaxValue / 2, completed: 7));
    }

    [Fact]
    public void When_nothing_has_waited_for_a_while_it_is_as_at_the_start()
    {
        _growth.Look(threads: 2, pending: 38, completed: 7);
        _growth.Look(threads: 2, pending: 38, completed: 7);
        for (var look = 1; look < PoolGrowth.QuietLooks; look++)
        {
            Assert.Equal(40, _growth.Look(threads: 40, pending: 0, completed: 7));
        }

        Assert.Equal(2, _growth.Look(threads: 40, pending: 0, completed: 7));
    }
}
