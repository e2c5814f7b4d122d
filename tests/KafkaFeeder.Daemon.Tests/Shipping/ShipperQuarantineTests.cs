using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>What a log does when there is no room for what it cannot ship.</summary>
public sealed class ShipperQuarantineTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly ShippingRig _rig = new() { Quarantine = new QuarantineOptions { MaxPerLogBytes = 4 * MiB, MaxTotalBytes = 4 * MiB } };

    private FakeTransport Transport => _rig.Transport;

    private string Filler => Path.Combine(_rig.RejectedDirectory, "of-an-earlier-run.damaged");

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void A_refused_record_is_not_passed_until_there_is_room_for_it()
    {
        Fill(4 * MiB);
        var path = _rig.Segment(["1", "bad", "2"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain(60);
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains(_rig.RejectedDirectory, _rig.Status.Error, StringComparison.Ordinal);
        Assert.Contains("quarantine.max_per_log", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Equal((0, 1), (_rig.Saved(path).Watermark.Position, _rig.Saved(path).Watermark.Record));
        Assert.Empty(_rig.Quarantined());
        Assert.InRange(_rig.Lines.Of(506).Length, 1, 7);
        Assert.Empty(_rig.Lines.Of(507));

        File.Delete(Filler);
        _rig.Drain(60);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal("bad", Assert.Single(_rig.Quarantined()));
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Single(_rig.Lines.Of(507));
    }

    [Fact]
    public void Nothing_is_set_aside_on_a_disk_that_checkpoints_need()
    {
        _rig.FreeBytes = 64 * MiB;
        _rig.Segment(["bad"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain();
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains("64MiB are kept for checkpoints", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Empty(_rig.Quarantined());
        _rig.FreeBytes = 66 * MiB;
        _rig.Drain();
        Assert.Equal("bad", Assert.Single(_rig.Quarantined()));
    }

    [Fact]
    public void Damage_is_passed_without_a_copy_and_the_segment_is_known_to_be_all_that_has_it()
    {
        Fill(4 * MiB);
        var path = Damaged(out var position, out var end);
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "3"], Transport.Topic);
        Assert.Equal([Filler], Directory.GetFiles(_rig.RejectedDirectory));
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("damaged", position, end), (entry.Kind, entry.Position, entry.EndPosition));
        Assert.Contains("; not copied: quarantine is full", entry.Reason, StringComparison.Ordinal);
        Assert.Contains("not copied: quarantine is full", Assert.Single(_rig.Lines.Of(502)), StringComparison.Ordinal);
        Assert.Equal((true, true), (_rig.Saved(path).IsDone, _rig.Saved(path).HasUncopied));

        _rig.Crash();
        _rig.Start();
        _rig.Drain(5);
        Assert.True(_rig.Saved(path).HasUncopied);
    }

    [Fact]
    public void Damage_that_was_copied_leaves_nothing_to_keep()
    {
        var path = Damaged(out _, out _);
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal((true, false), (_rig.Saved(path).IsDone, _rig.Saved(path).HasUncopied));
        Assert.Equal(8192, _rig.Status.QuarantineBytes); // two blocks
        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        _rig.Space!.WhyNot(_rig.RejectedDirectory, 0);
        Assert.Equal(8192, _rig.Space.Bytes);
    }

    private string Damaged(out long position, out long end)
    {
        var path = _rig.Segment(["1"], [new string('2', 5_000)], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        (position, end) = (batches[1].Position, batches[2].Position);
        using var file = File.OpenWrite(path);
        file.Position = position + 100;
        file.WriteByte(1);
        return path;
    }

    private void Fill(long bytes)
    {
        Directory.CreateDirectory(_rig.RejectedDirectory);
        File.WriteAllBytes(Filler, new byte[bytes]);
    }
}
