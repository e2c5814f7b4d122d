using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.Cat;

namespace KafkaLog.Tool.Tests.Cat;

public class RecordRangeTests
{
    [Theory]
    [InlineData("0", 0, false)]
    [InlineData("1234", 1234, false)]
    [InlineData("@1795255200000", 1_795_255_200_000, true)]
    [InlineData("2026-11-21T10:00:00Z", 1_795_255_200_000, true)]
    [InlineData("2026-11-21T10:00:00", 1_795_255_200_000, true)]
    [InlineData("2026-11-21 10:00", 1_795_255_200_000, true)]
    [InlineData("2026-11-21T11:30:00+01:30", 1_795_255_200_000, true)]
    [InlineData("2026-11-21T10:00:00.250Z", 1_795_255_200_250, true)]
    [InlineData("2026-11-21", 1_795_219_200_000, true)]
    public void A_bound_is_an_offset_or_a_time(string text, long number, bool isTime) =>
        Assert.Equal(new RangeBound(number, isTime), RangeBound.Parse(text));

    [Theory]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("@")]
    [InlineData("@-5")]
    [InlineData("yesterday")]
    [InlineData("1/2/2026")]
    [InlineData("2026-13-01")]
    [InlineData("2026-11-21T25:00")]
    [InlineData("99999999999999999999")]
    public void Anything_else_is_not_a_bound(string text) => Assert.Null(RangeBound.Parse(text));

    [Fact]
    public void From_is_inclusive_and_to_is_exclusive()
    {
        var offsets = new RecordRange(new RangeBound(10, false), new RangeBound(20, false));
        Assert.Equal(Enumerable.Range(10, 10), Enumerable.Range(0, 100).Where(offset => offsets.Contains(offset, null)));
        var times = new RecordRange(new RangeBound(10, true), new RangeBound(20, true));
        Assert.Equal(Enumerable.Range(10, 10), Enumerable.Range(0, 100).Where(time => times.Contains(5000, time)));
    }

    [Fact]
    public void A_record_without_a_timestamp_is_in_no_range_of_time()
    {
        Assert.False(new RecordRange(new RangeBound(0, true), null).Contains(1, null));
        Assert.False(new RecordRange(null, new RangeBound(1, true)).Contains(1, null));
        Assert.True(new RecordRange(null, null).Contains(1, null));
    }

    [Fact]
    public void A_batch_that_is_skipped_without_decompressing_it_has_no_record_in_the_range() =>
        Prop.ForAll<Tuple<bool, int>, Tuple<bool, int>, NonEmptyArray<byte>>((from, to, timestamps) =>
        {
            var range = new RecordRange(new RangeBound(from.Item2 % 50, from.Item1), new RangeBound(to.Item2 % 50, to.Item1));
            var records = timestamps.Get.Select((time, offset) => (Offset: (long)offset, Time: (long?)(time % 60))).ToList();
            var isMeant = records.Any(record => range.Contains(record.Offset, record.Time));
            return !(range.IsBefore(records.Count, records.Max(record => record.Time)!.Value) && isMeant)
                && !(range.IsOver(records[0].Offset) && isMeant);
        }).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData(nameof(WriterState.Alive), false, true, true, "Wait")] // it may still write here
    [InlineData(nameof(WriterState.Alive), false, false, false, "Wait")]
    [InlineData(nameof(WriterState.Unknown), false, true, true, "Wait")] // a foreign file, whose time is not over
    [InlineData(nameof(WriterState.Unknown), true, true, true, "GoOn")]
    [InlineData(nameof(WriterState.Unknown), true, false, false, "Wait")] // a foreign file, whose writer cannot be seen
    [InlineData(nameof(WriterState.Gone), true, true, true, "GoOn")]
    [InlineData(nameof(WriterState.Gone), true, true, false, "Wait")] // for the next segment
    [InlineData(nameof(WriterState.Gone), true, false, false, "End")] // a segment under another name
    public void What_a_follower_does_at_the_end(string writer, bool isFinal, bool isSegment, bool hasNext, string expected) =>
        Assert.Equal(expected, FollowDecision.Of(Enum.Parse<WriterState>(writer), isFinal, isSegment, hasNext).ToString());
}
