using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class RetryScheduleTests
{
    [Theory]
    [InlineData(nameof(OutcomeKind.Retriable), 5)]
    [InlineData(nameof(OutcomeKind.Unknown), 5)]
    [InlineData(nameof(OutcomeKind.Held), 15)]
    [InlineData(nameof(OutcomeKind.Fatal), 60)]
    public void The_wait_doubles_up_to_the_limit_of_the_failure(string name, int longestSeconds)
    {
        var kind = Enum.Parse<OutcomeKind>(name);
        var retries = new RetrySchedule();
        var expected = TimeSpan.FromMilliseconds(100);
        var longest = TimeSpan.FromSeconds(longestSeconds);
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(expected, retries.Failed(kind));
            expected = expected * 2 < longest ? expected * 2 : longest;
        }
    }

    [Fact]
    public void After_an_acknowledgement_the_next_wait_is_the_shortest_again()
    {
        var retries = new RetrySchedule();
        for (var i = 0; i < 10; i++)
        {
            retries.Failed(OutcomeKind.Fatal);
        }

        retries.Succeeded();
        Assert.Equal(TimeSpan.FromMilliseconds(100), retries.Failed(OutcomeKind.Retriable));
    }
}
