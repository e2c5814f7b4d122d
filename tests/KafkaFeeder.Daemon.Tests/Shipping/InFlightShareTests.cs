using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class InFlightShareTests
{
    [Fact]
    public void A_log_leaves_the_shares_of_the_other_logs_of_its_group()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var greedy = budget.Join("kafka");
        using var other = budget.Join("kafka");
        greedy.Take(749);
        Assert.True(greedy.AllowsMore(brokersAnswer: true));
        greedy.Take(1);
        Assert.False(greedy.AllowsMore(brokersAnswer: true)); // a quarter is left for the other
        Assert.True(other.AllowsMore(brokersAnswer: true));
    }

    [Fact]
    public void A_group_without_answers_keeps_only_the_bytes_it_holds()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var dead = budget.Join("dead");
        using var log = budget.Join("kafka");
        Assert.True(dead.AllowsFirst(brokersAnswer: false));
        dead.Take(100);
        log.Take(899);
        Assert.True(log.AllowsMore(brokersAnswer: true));
        log.Take(1);
        Assert.False(log.AllowsMore(brokersAnswer: true));
    }

    [Fact]
    public void A_group_without_answers_keeps_trying_with_few_bytes()
    {
        var time = new ManualTime(DateTimeOffset.UnixEpoch);
        var budget = new InFlightBudget((_, _) => 1_000, time);
        using var healthy = budget.Join("kafka");
        var logs = Enumerable.Range(0, 20).Select(_ => budget.Join("dead")).ToList();
        Assert.True(healthy.AllowsFirst(brokersAnswer: true));
        foreach (var log in logs)
        {
            time.Advance(TimeSpan.FromSeconds(5));
            if (log.AllowsFirst(brokersAnswer: false))
            {
                log.Take(15);
            }
        }

        Assert.Equal(9 * 15, budget.UsedBytes); // an eighth of all, and the last batch
    }

    [Fact]
    public void Groups_that_are_answered_have_equal_shares()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var back = budget.Join("back");
        using var log = budget.Join("kafka");
        Assert.True(log.AllowsFirst(brokersAnswer: true));
        log.Take(900);
        Assert.True(back.AllowsFirst(brokersAnswer: true));
        Assert.False(log.AllowsMore(brokersAnswer: true));
        back.Take(499);
        Assert.True(back.AllowsMore(brokersAnswer: true));
        back.Take(1);
        Assert.False(back.AllowsMore(brokersAnswer: true));
    }
}
