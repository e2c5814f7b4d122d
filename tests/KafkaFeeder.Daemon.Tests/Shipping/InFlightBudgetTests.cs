using KafkaFeeder.Daemon.Shipping;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class InFlightBudgetTests
{
    [Fact]
    public void A_log_with_nothing_on_the_way_may_send_however_short_memory_is()
    {
        var budget = new InFlightBudget(1_000);
        budget.Join();
        budget.Take(5_000);
        Assert.True(budget.Allows(0));
        Assert.False(budget.Allows(1));
    }

    [Fact]
    public void Up_to_half_of_it_goes_to_whoever_asks_and_beyond_that_each_has_its_share()
    {
        var budget = new InFlightBudget(1_000);
        for (var i = 0; i < 4; i++)
        {
            budget.Join();
        }

        budget.Take(499);
        Assert.True(budget.Allows(499)); // one alone
        budget.Take(1);
        Assert.False(budget.Allows(250));
        Assert.True(budget.Allows(249));
        budget.Take(500);
        Assert.False(budget.Allows(1));
        budget.GiveBack(1);
        Assert.True(budget.Allows(1));
    }

    [Fact]
    public void A_log_that_leaves_leaves_its_share_to_the_others()
    {
        var budget = new InFlightBudget(1_000);
        budget.Join();
        budget.Join();
        budget.Take(600);
        Assert.False(budget.Allows(600));
        budget.Leave();
        Assert.True(budget.Allows(600));
        Assert.Equal(600, budget.UsedBytes);
    }

    [Fact]
    public void The_memory_limit_leaves_what_the_process_itself_does_not_take_and_never_nothing()
    {
        Assert.Equal(40 << 20, InFlightBudget.LimitFor(InFlightBudget.BaseBytes + (40 << 20)));
        Assert.Equal(8 << 20, InFlightBudget.LimitFor(InFlightBudget.BaseBytes + (1 << 20)));
        Assert.Equal(8 << 20, InFlightBudget.LimitFor(1));
    }
}
