using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class SegmentNameTests
{
    [Fact]
    public void A_name_is_the_originals() => Assert.Equal(
        "20261120_092108_3600_UTC-orig-gzip.szn",
        SegmentName.Create(
            new DateTimeOffset(2026, 11, 20, 10, 21, 8, TimeSpan.FromHours(1)), TimeSpan.FromHours(1), "orig-gzip").FileName);

    [Theory]
    [InlineData("20261120_092108_3600_UTC-orig-gzip.szn", "orig-gzip")]
    [InlineData("20261120_092108_5_UTC-a.szn", "a")]
    [InlineData("1_2_3_UTC-x.y_z.szn", "x.y_z")]
    public void Names_of_segments_are_read(string name, string component) => Assert.Equal(component, SegmentName.TryParse(name)?.Component);

    [Theory]
    [InlineData("20261120_092108_3600_UTC-.szn")]
    [InlineData("20261120_092108_3600_UTC-..szn")]
    [InlineData("20261120_092108_3600_UTC-a.szn.tmp")]
    [InlineData("20261120_092108_3600_CET-a.szn")]
    [InlineData("x20261120_092108_3600_UTC-a.szn")]
    [InlineData("20261120_092108_UTC-a.szn")]
    [InlineData("99999999999_1_1_UTC-a.szn")]
    [InlineData("20261120_092108_3600_UTC-a b.szn")]
    [InlineData("20261120_092108_3600_UTC-a\n.szn")]
    [InlineData("kafkafeeder.yaml")]
    [InlineData("")]
    public void Other_names_are_not(string name) => Assert.Null(SegmentName.TryParse(name));

    [Fact]
    public void Names_are_ordered_by_date_and_time_not_by_interval()
    {
        string[] inOrder = ["20261120_092107_3600_UTC-a.szn", "20261120_092108_5_UTC-a.szn", "20261120_100000_3600_UTC-a.szn",
            "20261121_000000_60_UTC-a.szn"];
        Assert.Equal(inOrder, inOrder.Reverse().Select(n => SegmentName.TryParse(n)!).Order().Select(n => n.FileName));
    }
}
