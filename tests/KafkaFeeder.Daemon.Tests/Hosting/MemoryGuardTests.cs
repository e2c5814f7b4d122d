using KafkaFeeder.Daemon.Hosting;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Hosting;

public sealed class MemoryGuardTests
{
    private readonly MemoryGuard _guard = new(1000);

    [Fact]
    public void Garbage_is_not_collected_while_there_is_room()
    {
        for (var second = 0; second < 1000; second++)
        {
            Assert.False(Check(919, second));
        }
    }

    [Fact]
    public void Near_the_limit_garbage_is_collected_every_five_seconds_while_that_helps()
    {
        var collected = Enumerable.Range(0, 60).Where(second => Check(920 + second, second) | Check(500, second)).ToList();
        Assert.Equal([0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55], collected);
    }

    [Fact]
    public void Collections_that_do_not_help_become_rarer_until_there_is_room_again()
    {
        var collected = Enumerable.Range(0, 2000).Where(second => Check(5000, second)).ToList();
        Assert.Equal([0, 5, 15, 35, 75, 155, 315, 615, 915, 1215, 1515, 1815], collected);
        Assert.False(Check(500, 2000));
        Assert.False(Check(5000, 2100));
        Assert.True(Check(5000, 2115));
        Assert.True(Check(5000, 2125));
    }

    private bool Check(long bytes, int second) => _guard.Check(bytes, TimeSpan.FromSeconds(second));
}
