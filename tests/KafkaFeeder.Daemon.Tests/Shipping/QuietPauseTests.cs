using KafkaFeeder.Daemon.Shipping;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class QuietPauseTests
{
    [Theory]
    [InlineData(0, 250)]
    [InlineData(1, 250)]
    [InlineData(25, 500)]
    [InlineData(100, 2000)]
    [InlineData(1000, 2500)]
    [InlineData(1_000_000, 2500)]
    public void All_quiet_logs_together_poll_fifty_times_a_second_and_each_at_least_every_2500_ms(int logs, int milliseconds) =>
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), QuietPause.LongestFor(logs));

    [Theory]
    [InlineData(10, 3, 10)]
    [InlineData(249, 3, 249)]
    [InlineData(250, 0, 250)]
    [InlineData(250, 1, 299)]
    [InlineData(250, 49, 251)]
    [InlineData(1000, 1, 1099)]
    [InlineData(2500, 77, 2523)]
    public void Long_pauses_end_at_the_same_time_and_short_ones_keep_their_length(int pause, int now, int expected) => Assert.Equal(
        TimeSpan.FromMilliseconds(expected), QuietPause.OnGrid(TimeSpan.FromMilliseconds(pause), TimeSpan.FromMilliseconds(now)));

    [Fact]
    public void Logs_of_all_groups_count_until_they_leave()
    {
        var budget = new InFlightBudget((_, _) => 1 << 20);
        using var first = budget.Join("a");
        var second = budget.Join("b");
        Assert.Equal(2, budget.Logs);

        second.Dispose();
        second.Dispose();

        Assert.Equal(1, budget.Logs);
    }
}
