using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Losses;

public sealed class QuarantineRoomTests
{
    private const long MiB = 1 << 20;
    private const long Free = 1_000 * MiB;

    private readonly QuarantineRoom _room =
        new("/c/rejected", new QuarantineOptions { MaxPerLogBytes = 10 * MiB, MaxTotalBytes = 15 * MiB });

    [Fact]
    public void Quarantine_has_a_limit_for_each_log_and_one_for_all_logs()
    {
        Assert.True(_room.TryTake("a", 10 * MiB, Free, out _));
        Assert.False(_room.TryTake("a", 1, Free, out var ofLog));
        Assert.Contains("/c/rejected/a holds 10 MB of 10MiB (quarantine.max_per_log of conf.yaml)", ofLog, StringComparison.Ordinal);
        Assert.True(_room.TryTake("b", 5 * MiB, Free, out _));
        Assert.False(_room.HasRoom("c", 1, Free, out var ofAll));
        Assert.Contains("/c/rejected holds 16 MB of 15MiB (quarantine.max_total of conf.yaml)", ofAll, StringComparison.Ordinal);
        Assert.Equal((15 * MiB, 10 * MiB, 5 * MiB, 0), (_room.Bytes, _room.BytesOf("a"), _room.BytesOf("b"), _room.BytesOf("c")));
        Assert.True(_room.TryTake("a", 0, 0, out _)); // already there
    }

    [Fact]
    public void Quarantine_leaves_disk_space_for_checkpoints()
    {
        Assert.False(_room.TryTake("a", MiB, (65 * MiB) - 1, out var reason));
        Assert.Contains("64MiB are kept for checkpoints", reason, StringComparison.Ordinal);
        Assert.Equal(0, _room.Bytes);
        Assert.True(_room.TryTake("a", MiB, 65 * MiB, out _));
    }

    [Fact]
    public void Quarantine_is_full_until_the_refused_request_would_fit()
    {
        Look(("a", 9 * MiB), ("gone", 2 * MiB));
        Assert.False(_room.HasRoom("a", 2 * MiB, Free, out _));
        Look(("a", 9 * MiB));
        Assert.NotNull(_room.Full);
        Look(("a", 7 * MiB));
        Assert.Null(_room.Full);
        Assert.Equal(7 * MiB, _room.Bytes);
    }

    [Fact]
    public void Bytes_written_during_a_scan_of_quarantine_are_counted()
    {
        Assert.True(_room.TryTake("a", 3 * MiB, Free, out _));
        _room.Written("a");
        Assert.True(_room.TryTake("b", 4 * MiB, Free, out _)); // not seen by this scan
        _room.ScanBegins();
        Assert.True(_room.TryTake("c", 1 * MiB, Free, out _));
        _room.Written("c");
        _room.Scanned(new Dictionary<string, long> { ["a"] = 2 * MiB }, Free);
        Assert.Equal((2 * MiB, 4 * MiB, 1 * MiB), (_room.BytesOf("a"), _room.BytesOf("b"), _room.BytesOf("c")));
        _room.Written("b");
        Look(("a", 2 * MiB), ("b", 4 * MiB), ("c", 1 * MiB));
        Assert.Equal(7 * MiB, _room.Bytes);
    }

    private void Look(params (string Log, long Bytes)[] found)
    {
        _room.ScanBegins();
        _room.Scanned(found.ToDictionary(f => f.Log, f => f.Bytes), Free);
    }
}
