using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Retention;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Retention;

public sealed class RetentionPolicyTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public void A_done_segment_older_than_the_retention_is_deleted() =>
        Assert.Equal(RetentionVerdict.Delete, Judge(age: Day + TimeSpan.FromSeconds(1)));

    [Fact]
    public void A_segment_exactly_as_old_as_the_retention_stays() => Assert.Equal(RetentionVerdict.TooYoung, Judge(age: Day));

    [Fact]
    public void A_segment_from_the_future_stays() => Assert.Equal(RetentionVerdict.TooYoung, Judge(age: -Day));

    [Fact]
    public void Without_a_retention_every_segment_stays() => Assert.Equal(RetentionVerdict.KeptForEver, Judge(retention: null));

    [Fact]
    public void A_segment_that_is_not_done_in_the_checkpoint_stays() => Assert.Equal(RetentionVerdict.NotShipped, Judge(isDone: false));

    [Theory]
    [InlineData(1001)]
    [InlineData(999)]
    public void A_segment_of_another_size_than_was_shipped_stays(long bytes) => Assert.Equal(RetentionVerdict.Grown, Judge(bytes: bytes));

    private static RetentionVerdict Judge(TimeSpan? age = null, bool isDone = true, long bytes = 1000) => Judge(Day, age, isDone, bytes);

    private static RetentionVerdict Judge(TimeSpan? retention, TimeSpan? age = null, bool isDone = true, long bytes = 1000) =>
        RetentionPolicy.Judge(
        new SegmentCheckpoint(
            "20261121_100000_3600_UTC-orders.szn".AsSegment(), new AcknowledgedPosition(1000, 0, 10, null, 0), 1000, isDone, null),
        new SegmentStat(1, 1, bytes, Now - (age ?? TimeSpan.FromDays(9))),
        retention,
        Now);
}
