using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class SegmentNameTests
{
    [Fact]
    public void A_name_is_written_as_the_original_writes_it() => Assert.Equal(
        "20261120_092108_3600_UTC-orig-gzip.szn",
        SegmentName.Create(
            new DateTimeOffset(2026, 11, 20, 10, 21, 8, TimeSpan.FromHours(1)), TimeSpan.FromHours(1), "orig-gzip").FileName);

    [Theory]
    [InlineData("20261120_092108_3600_UTC-orig-gzip.szn", "orig-gzip")]
    [InlineData("20261120_092108_5_UTC-a.szn", "a")]
    [InlineData("1_2_3_UTC-x.y_z.szn", "x.y_z")]
    public void Segment_names_are_parsed(string name, string component) => Assert.Equal(component, SegmentName.TryParse(name)?.Component);

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
    public void Other_names_are_refused(string name) => Assert.Null(SegmentName.TryParse(name));

    [Fact]
    public void Names_are_ordered_by_date_and_time_not_by_interval()
    {
        string[] inOrder = ["20261120_092107_3600_UTC-a.szn", "20261120_092108_5_UTC-a.szn", "20261120_100000_3600_UTC-a.szn",
            "20261121_000000_60_UTC-a.szn"];
        Assert.Equal(inOrder, inOrder.Reverse().Select(n => SegmentName.TryParse(n)!).Order().Select(n => n.FileName));
    }

    [Theory]
    [InlineData("20261120_092108_3600_UTC-orig-gzip.szn")]
    [InlineData("1_2_3_UTC-x.y_z.szn")]
    [InlineData("20261120_092108_0005_UTC-a.szn")]
    [InlineData("0020261120_92108_9999999999_UTC-a.szn")]
    public void A_name_stays_as_it_is_in_the_directory(string name)
    {
        Assert.Equal(name, SegmentName.TryParse(name)!.FileName);
        Assert.Equal(SegmentName.TryParse(name), SegmentName.TryParse(name));
        Assert.NotEqual(SegmentName.TryParse(name), SegmentName.TryParse("0" + name));
    }

    [Fact]
    public void A_file_name_compares_like_the_name_parsed_from_it()
    {
        string[] names = ["20261120_092108_3600_UTC-a.szn", "20261120_092108_3600_UTC-ab.szn", "20261120_092108_3600_UTC-b.szn",
            "20261120_092108_5_UTC-a.szn", "020261120_092108_5_UTC-a.szn", "20261120_92108_5_UTC-a.szn", "1_2_3_UTC-x.y_z.szn",
            "20261121_000000_60_UTC-a.szn"];
        foreach (var (one, other) in names.SelectMany(one => names.Select(other => (SegmentName.TryParse(one)!, other))))
        {
            Assert.Equal(Math.Sign(one.CompareTo(SegmentName.TryParse(other))), Math.Sign(one.CompareTo(other.AsSpan())));
        }

        Assert.Equal(1, SegmentName.TryParse(names[0])!.CompareTo("kafkafeeder.yaml".AsSpan()));
    }
}
