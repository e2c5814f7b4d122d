using System.Net.Sockets;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Retention;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>What a log does when quarantine has no room for records that cannot be shipped.</summary>
public sealed class ShipperQuarantineTests : IDisposable
{
    private const long MiB = 1 << 20;

    private readonly ShippingRig _rig = new() { Quarantine = new QuarantineOptions { MaxPerLogBytes = 4 * MiB, MaxTotalBytes = 4 * MiB } };

    private FakeTransport Transport => _rig.Transport;

    private string Filler => Path.Combine(_rig.RejectedDirectory, "of-an-earlier-run.damaged");

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void A_refused_record_is_not_skipped_until_quarantine_has_room_for_it()
    {
        Fill(4 * MiB);
        var path = _rig.Segment(["1", "bad", "2"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain(60);
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains(_rig.RejectedDirectory, _rig.Status.Error, StringComparison.Ordinal);
        Assert.Contains("quarantine.max_per_log", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Equal((0, 1), (_rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record));
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

    /// <summary>The same records are refused again and again, and the topic accepts all others: no reason to hold the log.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(25)]
    public void Refused_records_are_set_aside_as_soon_as_quarantine_can_be_written(int refused)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_rig.RejectedDirectory)!);
        File.WriteAllText(_rig.RejectedDirectory, "a file is in the way");
        var path = _rig.Segment(["1", .. Enumerable.Repeat("bad", refused), "2"]);
        Transport.Refuses = value => value == "bad";
        Transport.RefusesAs = RejectionKind.Topic;
        _rig.Start();
        _rig.Drain(60);
        Assert.InRange(Transport.Sent.Count, 25, 100);
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.Contains(_rig.RejectedDirectory, _rig.Status.Error, StringComparison.Ordinal);

        File.Delete(_rig.RejectedDirectory);
        _rig.Drain(60);
        Assert.Equal((LogState.Idle, null), (_rig.Status.State, _rig.Status.Error));
        Assert.Equal(Enumerable.Repeat("bad", refused), _rig.Quarantined());
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void Nothing_is_set_aside_while_the_disk_has_only_the_room_for_checkpoints()
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
    public void Damage_without_room_for_a_copy_is_skipped_and_its_segment_is_marked_as_the_only_copy()
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
    public void A_segment_whose_damage_was_copied_need_not_be_kept()
    {
        var path = Damaged(out _, out _);
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal((true, false), (_rig.Saved(path).IsDone, _rig.Saved(path).HasUncopied));
        Assert.Equal(8192, _rig.Status.QuarantineBytes); // two blocks
        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.True(_rig.Space!.HasRoom(_rig.RejectedDirectory, 0, out _)); // this scans the directory
        Assert.Equal(8192, _rig.Space.Bytes);
    }

    /// <summary>The existing copy may be damaged, or be no file at all. That stops no log.</summary>
    [Theory]
    [InlineData("socket")] // opening it fails with an error like that of a broken disk
    [InlineData("directory")]
    [InlineData("fifo")] // opening it would wait forever
    [InlineData("locked away")]
    public void Damage_is_copied_under_another_name_if_its_own_is_taken_by_something_unreadable(string what)
    {
        var path = Damaged(out var position, out var end);
        var content = File.ReadAllBytes(path).AsSpan((int)position, (int)(end - position)).ToArray();
        Directory.CreateDirectory(_rig.RejectedDirectory);
        var place = Path.Combine(_rig.RejectedDirectory, $"{Path.GetFileName(path)}.{position}.damaged");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        switch (what)
        {
            case "socket":
                socket.Bind(new UnixDomainSocketEndPoint(_rig.Logs + ".s")); // the path of the copy is too long for a socket
                File.Move(_rig.Logs + ".s", place);
                break;
            case "directory":
                Directory.CreateDirectory(place);
                break;
            case "fifo":
                RunningProgram.Run("mkfifo", place);
                break;
            default:
                File.WriteAllBytes(place, content);
                File.SetUnixFileMode(place, UnixFileMode.None);
                break;
        }

        using var rights = new CommonRights();
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "3"], Transport.Topic);
        Assert.Equal((LogState.Idle, false), (_rig.Status.State, _rig.Saved(path).HasUncopied));
        Assert.Equal("damaged", Assert.Single(_rig.Ledger()).Kind);
        var copy = Assert.Single(Directory.GetFiles(_rig.RejectedDirectory), f => f != place);
        Assert.Equal(content, File.ReadAllBytes(copy));
    }

    /// <summary>A record in quarantine that is not in the ledger yet is not copied again, and needs no more room.</summary>
    [Fact]
    public void A_refused_record_that_cannot_be_recorded_in_the_ledger_is_in_quarantine_once()
    {
        var path = _rig.Segment(["1", "bad", "2", "bad too"], ["3"]);
        Transport.Refuses = value => value.StartsWith("bad", StringComparison.Ordinal);
        Directory.CreateDirectory(_rig.LedgerPath);
        _rig.Start();
        _rig.Drain(60);
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.InRange(Transport.Sent.Count, 10, 200); // it was tried again
        Assert.Equal(["bad", "bad too"], _rig.Quarantined());
        Assert.Equal(0, _rig.Saved(path).Acknowledged.Position);
        Fill(4 * MiB);

        Directory.Delete(_rig.LedgerPath);
        _rig.Drain(60);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal(["bad", "bad too"], _rig.Quarantined());
        Assert.Equal(["rejected", "rejected"], _rig.Ledger().Select(e => e.Kind));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Theory]
    [InlineData("damage")]
    [InlineData("tail")]
    [InlineData("growing tail")]
    public void Damage_that_cannot_be_recorded_in_the_ledger_is_in_quarantine_once(string what)
    {
        var path = Damaged(out var position, out _);
        if (what != "damage")
        {
            var content = File.ReadAllBytes(path)[..(int)(position + 2_000)];
            File.Delete(path);
            File.WriteAllBytes(path, content); // it is unknown whether the writer of a copy lives
            File.SetLastWriteTimeUtc(path, _rig.Time.GetUtcNow().UtcDateTime - TimeSpan.FromDays(3));
        }

        _rig.Start();
        Directory.CreateDirectory(_rig.LedgerPath);
        for (var i = 0; i < 20; i++)
        {
            if (what == "growing tail")
            {
                File.AppendAllText(path, "more");
                File.SetLastWriteTimeUtc(path, _rig.Time.GetUtcNow().UtcDateTime - TimeSpan.FromDays(3));
            }

            Run(1);
        }

        Assert.Equal(LogState.Failed, _rig.Status.State);
        var copy = Assert.Single(Directory.GetFiles(_rig.RejectedDirectory));
        var bytes = new FileInfo(copy).Length;
        Directory.Delete(_rig.LedgerPath);
        Run(20);
        Assert.Equal(copy, Assert.Single(Directory.GetFiles(_rig.RejectedDirectory)));
        Assert.Equal(LogState.Idle, _rig.Status.State);
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal((position, position + bytes), (entry.Position, entry.EndPosition));
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.True(_rig.Space!.HasRoom(_rig.RejectedDirectory, 0, out _)); // this scans the directory
        Assert.InRange(_rig.Space.Bytes, 1, 8192);
    }

    [Fact]
    public void Damage_of_two_files_with_the_same_name_is_copied_for_each()
    {
        var path = _rig.Segment(["1"]);
        byte[][] garbage = [[.. Enumerable.Repeat((byte)'a', 300)], [.. Enumerable.Repeat((byte)'b', 400)]];
        _rig.Start();
        foreach (var bytes in garbage)
        {
            File.Delete(path);
            File.WriteAllBytes(path, bytes);
            File.SetLastWriteTimeUtc(path, _rig.Time.GetUtcNow().UtcDateTime - TimeSpan.FromDays(3)); // its writer is gone
            _rig.Drain(10);
        }

        Assert.Equal([300, 400], _rig.Ledger().Where(e => e.Kind == "damaged").Select(e => e.EndPosition - e.Position));
        var copies = Directory.GetFiles(_rig.RejectedDirectory).Select(File.ReadAllBytes).OrderBy(c => c.Length);
        Assert.Equal(garbage, copies);
    }

    [Fact]
    public void Long_sparse_damage_takes_little_room_in_quarantine()
    {
        var paths = Enumerable.Range(0, 5).Select(i => Sparse($"{i}")).ToList();
        _rig.Start();
        Run(20);
        Assert.Equal(Enumerable.Range(0, 5).SelectMany(i => new[] { $"{i} before", $"{i} behind" }), Transport.Topic);
        Assert.Equal(5, _rig.Ledger().Count(e => e.Kind == "damaged" && e.EndPosition - e.Position > 15 * MiB));
        Assert.DoesNotContain(_rig.Ledger(), e => e.Reason.Contains("not copied", StringComparison.Ordinal));
        var copies = Directory.GetFiles(_rig.RejectedDirectory);
        Assert.Equal(5, copies.Length);
        Assert.All(copies, c => Assert.InRange(new FileInfo(c).Length, 15 * MiB, 17 * MiB));
        Assert.InRange(copies.Sum(c => FileFacts.Of(c).DiskBytes), 1, 5 * 64 << 10);
        Assert.InRange(_rig.Status.QuarantineBytes, 1, 5 * 64 << 10);
        Assert.All(paths, p => Assert.Equal((true, false), (_rig.Saved(p).IsDone, _rig.Saved(p).HasUncopied)));
    }

    [Fact]
    public void With_little_room_damage_stays_in_its_segments_and_a_refused_record_holds_the_log()
    {
        _rig.Quarantine = new QuarantineOptions { MaxPerLogBytes = 4096, MaxTotalBytes = 4 * MiB };
        _rig.Log = _rig.Log with { Retention = TimeSpan.FromHours(1) };
        var damaged = Enumerable.Range(0, 3).Select(i => Sparse($"{i}")).ToList();
        var refused = _rig.Segment(["good", "bad"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        Run(60);
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains("quarantine.max_per_log", _rig.Status.Error, StringComparison.Ordinal);
        var reasons = _rig.Ledger().Where(e => e.Kind == "damaged").Select(e => e.Reason);
        Assert.Equal([false, true, true], reasons.Select(r => r.Contains("; not copied: quarantine is full", StringComparison.Ordinal)));
        var copy = Assert.Single(Directory.GetFiles(_rig.RejectedDirectory));
        Assert.InRange(FileFacts.Of(copy).DiskBytes, 1, 4096);
        Assert.Equal([false, true, true], damaged.Select(p => _rig.Saved(p).HasUncopied));
        var later = _rig.Segment(["later"]);
        Run(10);
        Assert.Equal((0, 1), (_rig.Saved(refused).Acknowledged.Position, _rig.Saved(refused).Acknowledged.Record));
        Assert.DoesNotContain("later", Transport.Topic);

        Clean();
        Assert.Equal([.. damaged[1..], refused, later], Directory.GetFiles(_rig.Logs).Order(StringComparer.Ordinal));

        File.Delete(copy);
        Run(60);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal("bad", Assert.Single(_rig.Quarantined()));
        Assert.Equal(["good", "later"], Transport.Topic.TakeLast(2));
        Assert.True(_rig.Saved(refused).IsDone);

        _rig.Crash();
        _rig.Start();
        Run(5);
        Clean();
        Assert.Equal(damaged[1..], Directory.GetFiles(_rig.Logs).Order(StringComparer.Ordinal)); // they stay, although there is room now
        Assert.Contains(_rig.Lines.Of(452), l => l.Contains("holds damaged bytes that are not in quarantine", StringComparison.Ordinal));
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

    /// <summary>A segment of two good batches. Between them are garbage and 16 MiB of holes.</summary>
    private string Sparse(string value)
    {
        var path = _rig.Segment([$"{value} before"], [$"{value} behind"]);
        var whole = File.ReadAllBytes(path);
        var second = (int)ShippingRig.BatchesOf(path)[1].Position;
        using var file = File.OpenWrite(path);
        file.Position = second;
        file.Write("this is no batch, whatever it says"u8);
        file.SetLength(second + 34);
        file.Position = 16 * MiB;
        file.Write(whole.AsSpan(second));
        return path;
    }

    /// <summary>Runs turns, a second apart, without the check of the checkpoint, which would read all of the holes after each.</summary>
    private void Run(int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
            _rig.Time.Advance(TimeSpan.FromSeconds(1));
        }

        _rig.Shipper!.RunOnce();
    }

    /// <summary>Cleans by the saved checkpoint at a time when every retention is over.</summary>
    private void Clean()
    {
        var time = new ManualTime(_rig.Time.GetUtcNow() + TimeSpan.FromDays(30));
        IReadOnlyList<CleanableLog> logs =
        [
            new(_rig.Logs, null, _rig.Status.Options.Retention, [.. _rig.Saved()!.Segments.Where(s => s.IsDone)], () => { }),
        ];
        var cleaner = new SegmentCleaner(TimeSpan.FromHours(1), () => logs, _rig.Lines, time);
        cleaner.RunOnce(() => { }, CancellationToken.None);
    }

    private void Fill(long bytes)
    {
        Directory.CreateDirectory(_rig.RejectedDirectory);
        File.WriteAllBytes(Filler, new byte[bytes]);
    }
}
