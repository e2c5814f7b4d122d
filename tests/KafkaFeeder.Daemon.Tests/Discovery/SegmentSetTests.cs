using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class SegmentSetTests : IDisposable
{
    private static readonly DateTime Stamp = new(2026, 11, 21, 10, 0, 0, DateTimeKind.Utc);

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new(new DateTimeOffset(Stamp));
    private readonly DirectoryListing _listing;
    private readonly SegmentSet _set;

    public SegmentSetTests()
    {
        _listing = new DirectoryListing(_folder.Path, _time);
        _set = new SegmentSet(_listing, "orders");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Segments_are_in_the_order_of_their_dates_and_other_files_are_ignored()
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
        Assert.True(_set.Refresh());
        Assert.Equal(
            ["20261120_235959_60_UTC-orders.szn", "20261121_095959_86400_UTC-orders.szn", "20261121_100000_3600_UTC-orders.szn"],
            _set.Names.Select(n => n.FileName));
    }

    [Fact]
    public void An_unchanged_directory_is_not_listed_again()
    {
        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(0);
        Assert.True(RefreshAt(200));
        Assert.False(RefreshAt(300));

        Touch("20261121_110000_3600_UTC-orders.szn");
        SetStamp(250);
        Assert.True(RefreshAt(400));
        Assert.Equal(2, _set.Names.Count);

        File.Delete(_folder.File("20261121_100000_3600_UTC-orders.szn"));
        SetStamp(500);
        Assert.True(RefreshAt(700));
        Assert.Single(_set.Names);
        Assert.False(RefreshAt(800));
    }

    [Fact]
    public void A_segment_created_in_the_clock_tick_of_the_last_listing_is_found_after_the_tick()
    {
        SetStamp(0);
        RefreshAt(2);
        Assert.Empty(_set.Names);

        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(0); // the clock of the file system has not moved
        Assert.False(RefreshAt(50));
        Assert.True(RefreshAt(101));
        Assert.Single(_set.Names);
    }

    [Fact]
    public void A_segment_that_left_the_directory_time_unchanged_is_found_within_seconds()
    {
        SetStamp(0);
        RefreshAt(500);
        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(0); // times in whole seconds, or a clock that was set back
        Assert.False(RefreshAt(1_000));
        Assert.True(RefreshAt(3_500));
        Assert.Single(_set.Names);
    }

    [Fact]
    public void A_directory_with_a_time_in_the_future_is_listed()
    {
        SetStamp(86_400_000);
        RefreshAt(0);
        Touch("20261121_100000_3600_UTC-orders.szn");
        SetStamp(86_400_000);
        Assert.True(RefreshAt(3_000));
    }

    [Fact]
    public void Logs_of_one_directory_share_its_listing_and_see_only_their_own_changes()
    {
        var other = new SegmentSet(_listing, "payments");
        Touch("20261121_100000_3600_UTC-orders.szn", "20261121_100000_3600_UTC-payments.szn");
        SetStamp(0);
        Assert.True(RefreshAt(200));
        Assert.True(other.Refresh());

        Touch("20261121_110000_3600_UTC-orders.szn");
        SetStamp(250);
        Assert.True(RefreshAt(400));
        Assert.False(other.Refresh());
        Assert.Single(other.Names);

        File.Delete(_folder.File("20261121_100000_3600_UTC-payments.szn"));
        SetStamp(500);
        Assert.False(RefreshAt(700));
        Assert.True(other.Refresh());
        Assert.Empty(other.Names);
    }

    [Fact]
    public void A_missing_directory_is_an_error_and_not_an_empty_set()
    {
        Touch("20261121_100000_3600_UTC-orders.szn");
        RefreshAt(1_000);
        Directory.Move(_folder.Path, _folder.Path + ".aside");
        Assert.ThrowsAny<IOException>(() => RefreshAt(2_000));
        Assert.Single(_set.Names);
        Directory.Move(_folder.Path + ".aside", _folder.Path);
    }

    private bool RefreshAt(int milliseconds)
    {
        _time.Advance(new DateTimeOffset(Stamp).AddMilliseconds(milliseconds) - _time.GetUtcNow());
        return _set.Refresh();
    }

    private void SetStamp(int milliseconds) => Directory.SetLastWriteTimeUtc(_folder.Path, Stamp.AddMilliseconds(milliseconds));

    private void Touch(params string[] names)
    {
        foreach (var name in names)
        {
            File.WriteAllText(_folder.File(name), "");
        }
    }
}
