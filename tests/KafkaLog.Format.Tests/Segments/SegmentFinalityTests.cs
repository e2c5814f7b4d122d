using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class SegmentFinalityTests
{
    private static readonly SegmentName Hour = SegmentName.TryParse("20261121_101500_3600_UTC-orders.szn")!;

    [Theory]
    [InlineData("2026-11-21T10:20:00", "2026-11-21T11:17:00")] // the interval, and the slack
    [InlineData("2026-11-21T11:16:30", "2026-11-21T11:17:30")] // written to just before: quiet first
    [InlineData("2026-11-20T08:00:00", "2026-11-20T09:02:00")] // its name lies in the future of its last write
    public void A_segment_whose_writer_is_unknown_is_final_when_its_time_is_over(string modified, string final)
    {
        var at = Time(final);
        Assert.Equal(at, SegmentFinality.FinalAt(Hour, Time(modified)));
        Assert.False(SegmentFinality.IsFinal(WriterState.Unknown, Hour, Time(modified), at.AddTicks(-1)));
        Assert.True(SegmentFinality.IsFinal(WriterState.Unknown, Hour, Time(modified), at));
    }

    [Fact]
    public void A_segment_is_final_as_soon_as_its_writer_is_known_to_be_gone()
    {
        Assert.True(SegmentFinality.IsFinal(WriterState.Gone, Hour, Time("2026-11-21T10:20:00"), Time("2026-11-21T10:20:00")));
        Assert.False(SegmentFinality.IsFinal(WriterState.Alive, Hour, Time("2026-11-21T10:20:00"), Time("2027-11-21T10:20:00")));
    }

    [Theory]
    [InlineData("20261399_996099_3600_UTC-orders.szn", "2026-11-21T11:22:00")] // no date
    [InlineData("20261121_101500_9999999999_UTC-orders.szn", "2026-11-28T10:17:00")] // an interval that nobody waits for
    [InlineData("1_1_3600_UTC-orders.szn", "2026-11-21T11:22:00")]
    public void A_segment_with_an_absurd_time_in_its_name_becomes_final(string name, string final) =>
        Assert.Equal(Time(final), SegmentFinality.FinalAt(SegmentName.TryParse(name), Time("2026-11-21T10:20:00")));

    [Fact]
    public void A_file_without_a_segments_name_is_final_when_it_is_quiet() =>
        Assert.Equal(Time("2026-11-21T10:21:00"), SegmentFinality.FinalAt(null, Time("2026-11-21T10:20:00")));

    [Fact]
    public void Times_at_the_end_of_the_calendar_do_not_overflow()
    {
        var name = SegmentName.TryParse("99991231_235959_86400_UTC-orders.szn")!;
        Assert.Equal(DateTimeOffset.MaxValue, SegmentFinality.FinalAt(name, DateTimeOffset.MaxValue));
        Assert.False(SegmentFinality.IsFinal(WriterState.Unknown, name, DateTimeOffset.MaxValue, Time("2026-11-21T10:20:00")));
    }

    private static DateTimeOffset Time(string text) => DateTimeOffset.Parse(text + "Z", System.Globalization.CultureInfo.InvariantCulture);
}
