using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class SegmentSetTests : IDisposable
{
    private static readonly DateTime Stamp = new(2026, 11, 21, 10, 0, 0, DateTimeKind.Utc);

    private readonly TempFolder _folder = new();
    private readonly SegmentSet _set;

    public SegmentSetTests() => _set = new SegmentSet(_folder.Path, "orders");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Segments_are_in_the_order_of_their_dates_and_what_is_none_of_the_log_is_ignored()
    {
        Touch(
            "20261121_100000_3600_UTC-orders.szn",
            "20261120_235959_60_UTC-orders.szn",
            "20261121_095959_86400_UTC-orders.szn",
            "20261121_100000_3600_UTC-orders2.szn",
            "20261121_100000_3600_UTC-my-orders.szn",
            "20261121_100000_3600_UTC-Orders.szn",
            "20261121_100000_3600_UTC-orders.szn.bak",
            "20261121_100000_3600_UTC-orders.SZN",
            "20261121_100000_3600-orders.szn",
            "x20261121_100000_3600_UTC-orders.szn",
            "orders.szn",
            ".szn",
            "kafkafeeder.yaml");
        Directory.CreateDirectory(_folder.File("20261121_110000_3600_UTC-orders.szn"));
        Assert.True(_set.Refresh(Later));
        Assert.Equal(
            ["20261120_235959_60_UTC-orders.szn", "20261121_095959_86400_UTC-orders.szn", "20261121_100000_3600_UTC-orders.szn"],
            _set.Names.Select(n => n.FileName));
    }

    [Fact]
    public void A_settled_directory_is_not_listed_again_until_it_changes()
    {
        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(Stamp);
        Assert.True(_set.Refresh(At(200)));
        Assert.False(_set.Refresh(At(300)));

        Touch("20261121_110000_3600_UTC-orders.szn");
        SetStamp(Stamp.AddMilliseconds(250));
        Assert.True(_set.Refresh(At(400)));
        Assert.Equal(2, _set.Names.Count);

        File.Delete(_folder.File("20261121_100000_3600_UTC-orders.szn"));
        SetStamp(Stamp.AddMilliseconds(500));
        Assert.True(_set.Refresh(At(10_000)));
        Assert.Single(_set.Names);
        Assert.False(_set.Refresh(At(10_000)));
    }

    [Fact]
    public void A_segment_that_comes_within_the_tick_of_the_last_listing_is_seen()
    {
        SetStamp(Stamp);
        Assert.True(_set.Refresh(At(2)));
        Assert.Empty(_set.Names);

        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(Stamp); // the clock of the file system has not moved
        Assert.True(_set.Refresh(At(4)));
        Assert.Single(_set.Names);
        Assert.True(_set.Refresh(At(101)));
        Assert.False(_set.Refresh(At(102)));
    }

    [Fact]
    public void A_directory_stamped_in_the_future_is_listed_each_time_and_nothing_is_missed()
    {
        SetStamp(Stamp.AddDays(1));
        Assert.True(_set.Refresh(At(0)));
        Assert.True(_set.Refresh(At(10_000)));
    }

    [Fact]
    public void A_directory_that_is_gone_is_an_error_and_not_an_empty_set()
    {
        Touch("20261121_100000_3600_UTC-orders.szn");
        _set.Refresh(Later);
        Directory.Move(_folder.Path, _folder.Path + ".aside");
        Assert.ThrowsAny<IOException>(() => _set.Refresh(Later));
        Assert.Single(_set.Names);
        Directory.Move(_folder.Path + ".aside", _folder.Path);
    }

    private static DateTimeOffset Later => DateTimeOffset.UtcNow.AddDays(1);

    private static DateTimeOffset At(int milliseconds) => new DateTimeOffset(Stamp).AddMilliseconds(milliseconds);

    private void SetStamp(DateTime stamp) => Directory.SetLastWriteTimeUtc(_folder.Path, stamp);

    private void Touch(params string[] names)
    {
        foreach (var name in names)
        {
            File.WriteAllText(_folder.File(name), "");
        }
    }
}
