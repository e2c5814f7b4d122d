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
    public void A_missing_or_replaced_directory_is_waited_for_longer_than_a_segment(
        bool isSame, int present, int missing, int minutes) =>
        Assert.Equal(TimeSpan.FromMinutes(minutes), MissingPolicy.PatienceFor(isSame, present, missing));

    [Theory]
    [InlineData(1, 100_000, false)] // a volume that is missing for hours, however much is on it
    [InlineData(25, 999, false)]
    [InlineData(25, 1_000, true)]
    [InlineData(169, 0, true)]
    public void A_missing_segment_is_remembered_for_at_least_a_day_and_at_most_a_week(int hours, int younger, bool isForgotten) =>
        Assert.Equal(isForgotten, MissingPolicy.IsForgotten(TimeSpan.FromHours(hours), younger));
}
