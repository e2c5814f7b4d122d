using KafkaFeeder.Daemon.Shipping.Reading;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Reading;

public sealed class MissingPolicyTests
{
    [Theory]
    [InlineData(true, 5, 3, 1)]
    [InlineData(true, 0, 1, 1)]
    [InlineData(true, 0, 2, 10)]
    [InlineData(false, 5, 1, 10)]
    public void A_directory_that_went_as_a_whole_or_is_another_one_is_waited_for_longer(
        bool isSame, int present, int missing, int minutes) =>
        Assert.Equal(TimeSpan.FromMinutes(minutes), MissingPolicy.PatienceFor(isSame, present, missing));

    [Theory]
    [InlineData(1, 100_000, false)] // a volume that is away for hours, however much is on it
    [InlineData(25, 999, false)]
    [InlineData(25, 1_000, true)]
    [InlineData(169, 0, true)]
    public void What_is_gone_is_remembered_for_a_day_in_any_case_and_for_a_week_at_most(int hours, int younger, bool isForgotten) =>
        Assert.Equal(isForgotten, MissingPolicy.IsForgotten(TimeSpan.FromHours(hours), younger));
}
