using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class RollPolicyTests
{
    private static readonly DateTimeOffset Morning = new(2026, 11, 21, 10, 20, 30, TimeSpan.Zero);

    [Theory]
    [InlineData(0, false)]
    [InlineData(1, true)]
    [InlineData(7, false)]
    [InlineData(60, true)]
    [InlineData(3600, true)]
    [InlineData(86400, true)]
    [InlineData(172800, false)]
    [InlineData(-60, false)]
    public void An_interval_divides_an_hour_or_a_day(int seconds, bool valid) =>
        Assert.Equal(valid, RollPolicy.IsValidInterval(TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void A_segment_ends_at_the_boundary_in_UTC_not_an_interval_after_it_began()
    {
        var policy = new RollPolicy(TimeSpan.FromHours(1), 1000);
        Assert.False(policy.IsOver(Morning, Morning.AddMinutes(39)));
        Assert.True(policy.IsOver(Morning, new DateTimeOffset(2026, 11, 21, 11, 0, 0, TimeSpan.Zero)));
        Assert.False(policy.IsOver(Morning, new DateTimeOffset(2026, 11, 21, 11, 59, 59, TimeSpan.FromHours(1))));
    }

    [Fact]
    public void A_clock_set_back_before_the_interval_ends_the_segment() =>
        Assert.True(new RollPolicy(TimeSpan.FromHours(1), 1000).IsOver(Morning, Morning.AddHours(-2)));

    [Fact]
    public void An_empty_segment_takes_any_batch_and_a_full_one_none()
    {
        var policy = new RollPolicy(TimeSpan.FromHours(1), 1000);
        Assert.False(policy.IsFull(0, 5000));
        Assert.False(policy.IsFull(900, 100));
        Assert.True(policy.IsFull(900, 101));
    }

    [Fact]
    public void The_next_boundary_is_later_by_at_most_an_interval_and_divides_the_day() =>
        Prop.ForAll<DateTime, PositiveInt>((when, choice) =>
        {
            int[] intervals = [1, 5, 60, 900, 3600, 21600, 86400];
            var interval = TimeSpan.FromSeconds(intervals[choice.Get % intervals.Length]);
            var now = new DateTimeOffset(DateTime.SpecifyKind(when.Year > 9998 ? DateTime.UnixEpoch : when, DateTimeKind.Utc));
            var next = new RollPolicy(interval, 1).NextBoundary(now);
            return next > now && next - now <= interval && next.TimeOfDay.Ticks % interval.Ticks == 0;
        }).QuickCheckThrowOnFailure();
}
