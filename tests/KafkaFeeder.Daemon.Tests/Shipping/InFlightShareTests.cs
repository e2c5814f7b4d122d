using KafkaFeeder.Daemon.Shipping;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class InFlightShareTests
{
    [Fact]
    public void What_the_others_of_a_group_may_take_yet_is_left_for_them()
    {
        var budget = new InFlightBudget((_, _) => 1_000);
        using var greedy = budget.Join("kafka");
        using var other = budget.Join("kafka");
        greedy.Take(749);
        Assert.True(greedy.AllowsMore(brokersAnswer: true));
        greedy.Take(1);
        Assert.False(greedy.AllowsMore(brokersAnswer: true)); // a quarter is the other's
        Assert.True(other.AllowsMore(brokersAnswer: true));
    }
}
