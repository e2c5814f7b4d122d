using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>Files that are not as their writer left them, or vanish, or whose writer lives or died.</summary>
public sealed class ShipperFileFaultTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1); // of the rig's segments

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void The_torn_tail_of_a_dead_writer_is_never_sent_and_the_next_segment_follows()
    {
        var path = _rig.Segment(["1"], ["2", "3"]);
        var tail = ShippingRig.BatchesOf(path)[1].Position;
        Cut(path, new FileInfo(path).Length - 1);
        _rig.Segment(["4"]);
        _rig.Start();
        _rig.Drain();

        Assert.Equal(["1", "4"], Transport.Topic);
        Assert.Equal(
            [("torn", Path.GetFileName(path), tail, new FileInfo(path).Length)],
            _rig.Ledger().Select(e => (e.Kind, e.Segment, e.Position, e.EndPosition)));
        Assert.Equal(new FileInfo(path).Length - tail, _rig.Status.TornBytes);
        Assert.True(_rig.Saved(path).IsDone);

        _rig.Crash();
        _rig.Start();
        _rig.Drain();
        Assert.Single(_rig.Ledger());
        Assert.Equal(["1", "4"], Transport.Topic);
    }

    /// <summary>EIO, as of a broken disk: its descriptor is made that of a file that cannot be read at its start.</summary>
    [Fact]
    public void A_segment_that_cannot_be_read_any_more_keeps_nothing_from_being_saved()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        SetLength(path, new FileInfo(path).Length + 4096); // prepared space: then its head is not looked at when it is found
        _rig.Start();
        _rig.Turn();
        using (OtherFile.InPlaceOf(path, "/proc/self/mem"))
        {
            Transport.Answer(Transport.InFlight[0]);
            _rig.Turn();
            Assert.Equal(batches[1].Position, _rig.Saved(path).Acknowledged.Position);
            Assert.NotNull(_rig.Saved(path).Head); // from when its first batch was read
        }

        Transport.Answer(Transport.InFlight[0]);
        _rig.Turn();
        Assert.Equal(batches[2].Position, _rig.Saved(path).Acknowledged.Position);
        _rig.Drain(3);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(["torn"], _rig.Ledger().Select(e => e.Kind)); // the space
    }

    private static void SetLength(string path, long bytes)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(bytes);
    }

    [Fact]
    public void A_torn_tail_cut_at_any_byte_is_passed_and_what_stands_before_it_is_delivered()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var whole = File.ReadAllBytes(path);
        var tail = (int)ShippingRig.BatchesOf(path)[1].Position;
        for (var bytes = tail; bytes <= whole.Length; bytes++)
        {
            using var rig = new ShippingRig();
            File.WriteAllBytes(path, whole[..bytes]); // the same file: its writer is known to be gone from it
            File.Move(path, Path.Combine(rig.Logs, Path.GetFileName(path)));
            rig.Start();
            rig.Drain(3);
            Assert.Equal(bytes == whole.Length ? ["1", "2"] : ["1"], rig.Transport.Topic);
            Assert.Equal(bytes == tail || bytes == whole.Length ? 0 : 1, rig.Ledger().Count);
            Assert.True(rig.Saved(path).IsDone);
            File.Move(Path.Combine(rig.Logs, Path.GetFileName(path)), path);
        }
    }

    [Fact]
    public void A_torn_tail_of_a_copy_is_kept_like_damage_once_its_time_is_over()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var torn = File.ReadAllBytes(path)[..^1];
        var tail = ShippingRig.BatchesOf(path)[1].Position;
        File.Delete(path);
        File.WriteAllBytes(path, torn);
        _rig.Start();
        _rig.Drain();
        Assert.Equal(["1"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.False(_rig.Saved(path).IsDone);

        _rig.Time.Advance(Interval + SegmentFinality.Slack);
        _rig.Drain(5);
        Assert.Equal(("damaged", tail, (long)torn.Length), _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)).Single());
        Assert.Contains("whether its writer is gone cannot be told", _rig.Ledger()[0].Reason, StringComparison.Ordinal);
        Assert.Equal(torn[(int)tail..], File.ReadAllBytes(Assert.Single(Directory.GetFiles(_rig.RejectedDirectory))));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_first_batch_that_was_torn_tells_no_identity_so_it_is_waited_for_before_it_is_passed()
    {
        var path = _rig.Segment(["1", "2"]);
        Cut(path, 60);
        _rig.Start();
        _rig.Drain(5);
        _rig.Time.Advance(TimeSpan.FromMinutes(5));
        _rig.Drain(5);
        Assert.Empty(_rig.Ledger());
        _rig.Time.Advance(Interval + SegmentFinality.Slack);
        _rig.Drain(5);
        Assert.Empty(Transport.Topic);
        Assert.Equal("damaged", Assert.Single(_rig.Ledger()).Kind);
    }

    [Fact]
    public void An_unfinished_batch_is_waited_for_while_its_writer_lives()
    {
        var path = _rig.Segment(["1"], ["2", "3"]);
        var whole = File.ReadAllBytes(path);
        File.Delete(path);
        using (SegmentWriter.Create(path)) // holds its lock, and writes nothing yet
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite, 1);
            file.Write(whole.AsSpan(0, whole.Length - 5));
            _rig.Start();
            _rig.Drain();
            _rig.Time.Advance(TimeSpan.FromHours(1));
            _rig.Drain();
            Assert.Equal(["1"], Transport.Topic);
            Assert.Empty(_rig.Ledger());

            file.Write(whole.AsSpan(whole.Length - 5));
            _rig.Drain();
        }

        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void Damage_in_the_middle_costs_its_batch_and_nothing_else()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        var whole = File.ReadAllBytes(path);
        whole[batches[1].Position + 40] ^= 0x10;
        File.WriteAllBytes(path, whole);
        _rig.Start();
        _rig.Drain();

        Assert.Equal(["1", "3"], Transport.Topic);
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("damaged", batches[1].Position, batches[2].Position), (entry.Kind, entry.Position, entry.EndPosition));
        Assert.Equal(batches[2].Position - batches[1].Position, _rig.Status.DamagedBytes);
        Assert.Equal(
            whole[(int)batches[1].Position..(int)batches[2].Position],
            File.ReadAllBytes(Path.Combine(_rig.RejectedDirectory, $"{Path.GetFileName(path)}.{batches[1].Position}.damaged")));
        Assert.True(_rig.Saved(path).IsDone);
    }

    /// <summary>The CRC does not cover the base offset; the reader repairs it, and what is read once more has to be the same.</summary>
    [Fact]
    public void A_batch_that_is_sent_again_keeps_the_offset_that_was_repaired()
    {
        var path = _rig.Segment(["0"], ["1", "2"], ["3"]);
        using (var file = File.OpenWrite(path))
        {
            file.Position = ShippingRig.BatchesOf(path)[1].Position + 7;
            file.WriteByte(99); // instead of 1
        }

        Transport.Refuses = value => value == "2";
        _rig.Start();
        SendTwice();
        Assert.Equal([[0], [1, 2], [3], [0], [1, 2], [3]], Transport.Sent.Select(s => s.Offsets));
        _rig.Drain();
        Assert.Equal("offset 2: MsgSizeTooLarge", Assert.Single(_rig.Ledger()).Reason);
    }

    /// <summary>There a wrapper has the offset of its last message, and those in it may be counted from that.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_wrapper_of_an_old_format_is_sent_again_with_the_same_offsets(byte magic)
    {
        var options = new LogWriterOptions { Directory = _rig.Logs, Component = "orders", Magic = magic };
        using (var writer = new LogWriter(options with { Codec = CompressionType.Gzip }))
        {
            ShippingRig.Append(writer, "0");
            ShippingRig.Append(writer, [.. Enumerable.Repeat(new string('x', 500), 3)]); // worth compressing
        }

        _rig.Start();
        SendTwice();
        Assert.Equal([[0], [1, 2, 3], [0], [1, 2, 3]], Transport.Sent.Select(s => s.Offsets));
    }

    [Fact]
    public void A_batch_that_is_damaged_on_disk_before_it_can_be_sent_again_is_accounted_for()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        _rig.Start();
        _rig.Turn();
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        using (var file = File.OpenWrite(path))
        {
            file.Position = batches[1].Position + 64;
            file.WriteByte(0xff);
        }

        _rig.Drain();
        Assert.Equal(["1", "3"], Transport.Topic);
        Assert.Equal("damaged", Assert.Single(_rig.Ledger()).Kind);
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_batch_that_is_cut_off_before_it_can_be_sent_again_is_lost_and_told()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        var bytes = new FileInfo(path).Length;
        _rig.Start();
        _rig.Turn();
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(batches[1].Position);
        }

        _rig.Drain();
        Assert.Equal(["1"], Transport.Topic);
        Assert.Equal(bytes - batches[1].Position, _rig.Status.LostBytes); // each byte once
        var seen = Assert.Single(_rig.Ledger(), e => e.Kind != "lost"); // the size that is found later is not called shipped
        Assert.EndsWith("had been shipped, or are in an earlier entry", seen.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_that_was_removed_unread_is_lost_once_and_loudly()
    {
        var first = _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Start();
        _rig.Turn();
        Assert.Single(Transport.InFlight);
        var bytes = new FileInfo(second).Length;
        File.Delete(second);
        _rig.Drain(3);
        Assert.Empty(_rig.Ledger()); // it may come back
        Assert.Equal(LogState.Retrying, _rig.Status.State);
        Assert.Contains("missing", _rig.Status.Error, StringComparison.Ordinal);
        _rig.Time.Advance(MissingPolicy.Patience);
        _rig.Drain(3);

        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal(["1"], Transport.Topic);
        Assert.Equal(
            [("lost", Path.GetFileName(second), 0L, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Segment, e.Position, e.EndPosition)));
        Assert.Equal(bytes, _rig.Status.LostBytes);
        Assert.Equal(Path.GetFileName(first), Assert.Single(_rig.Saved()!.Segments, s => s.MissingSince is null).Name);

        _rig.Crash();
        _rig.Start();
        _rig.Drain(3);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(3);
        Assert.Single(_rig.Ledger());
    }

    [Fact]
    public void A_segment_that_was_removed_while_the_daemon_was_away_is_lost()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var bytes = new FileInfo(path).Length;
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        var confirmed = _rig.Saved(path).Acknowledged.Position;
        _rig.Crash();
        File.Delete(path);
        _rig.Start();
        _rig.Drain(3);
        Assert.Empty(_rig.Ledger()); // the directory may be one that is not mounted yet
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(3);
        Assert.Equal([("lost", confirmed, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
    }

    [Fact]
    public void A_loss_that_could_not_be_noted_is_noted_when_it_can_be_and_shipping_goes_on()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Segment(["3"]);
        _rig.Time.Advance(TimeSpan.FromMinutes(1)); // so that one look at the directory is enough
        _rig.Start();
        _rig.Turn();
        Directory.CreateDirectory(_rig.LedgerPath);
        File.Delete(second);
        _rig.Drain(5);
        _rig.Time.Advance(MissingPolicy.Patience);
        _rig.Drain(5);
        Assert.Equal(LogState.Failed, _rig.Status.State);

        Directory.Delete(_rig.LedgerPath);
        _rig.Drain();
        Assert.Equal("lost", Assert.Single(_rig.Ledger()).Kind);
        Assert.Equal(["1", "3"], Transport.Topic);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_segment_that_is_removed_while_it_is_read_is_read_to_its_end()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Start();
        _rig.Turn();
        File.Delete(path);
        _rig.Drain(10);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.All(_rig.Saved()!.Segments, s => Assert.True(s.IsDone && s.MissingSince is not null)); // remembered, if it comes back
    }

    [Fact]
    public void A_new_segment_under_the_name_of_one_that_was_removed_while_it_was_read_is_shipped_too()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(["4"], ["5"]));
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Start();
        _rig.Turn();
        File.Delete(path);
        _rig.Turn();
        File.WriteAllBytes(path, replacement);
        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void A_segment_that_was_replaced_by_another_of_the_same_name_is_shipped_from_its_start(int batches)
    {
        using var other = new ShippingRig();
        var values = Enumerable.Range(0, batches).Select(i => $"new {i} of another length").ToArray();
        var replacement = other.Segment([.. values.Select(v => new[] { v })]);
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Start();
        _rig.Drain(5);
        Assert.True(_rig.Saved(path).IsDone);

        File.Move(replacement, path, overwrite: true);
        DrainReplaced();
        Assert.Equal(["1", "2", "3", .. values], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
    }

    [Fact]
    public void A_segment_that_was_replaced_while_the_daemon_was_away_is_shipped_from_its_start()
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(["4"], ["5"], ["6"], ["7"]);
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        Assert.False(_rig.Saved(path).IsDone);
        _rig.Crash();

        File.Move(replacement, path, overwrite: true);
        _rig.Start();
        DrainReplaced();
        Assert.Equal(["1", "4", "5", "6", "7"], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
    }

    [Fact]
    public void A_link_under_a_segments_name_is_told_and_in_nobodys_way()
    {
        var secret = Path.Combine(_rig.CheckpointDirectory, "secret");
        File.WriteAllText(secret, "secret");
        File.CreateSymbolicLink(Path.Combine(_rig.Logs, $"20200101_000000_3600_UTC-{_rig.Log.Component}.szn"), secret);
        _rig.Segment(["1", "2"]);
        _rig.Start();
        _rig.Drain(3);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(0, _rig.Status.LostBytes);
    }

    [Fact]
    public void A_segment_that_has_shrunk_behind_the_checkpoint_is_told_and_passed()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        _rig.Start();
        _rig.Drain(3);
        var path = Directory.GetFiles(_rig.Logs).Single();
        _rig.Crash();
        var end = new FileInfo(path).Length;
        writer.Dispose();
        Cut(path, end - 3);

        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal([("vanished", end - 3, end)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_last_batch_that_a_power_cut_left_as_zeros_costs_no_duplicate()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        ShippingRig.Append(writer, "3");
        _rig.Start();
        _rig.Drain(3);
        var path = Directory.GetFiles(_rig.Logs).Single();
        var last = ShippingRig.BatchesOf(path)[2].Position;
        _rig.Crash();
        writer.Dispose();
        using (var file = File.OpenWrite(path))
        {
            file.Position = last;
            file.Write(new byte[(int)(file.Length - last)]); // what a power cut leaves of pages that were never written
        }

        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void After_a_power_cut_a_long_segment_is_looked_through_in_slices()
    {
        var value = new string('x', 8 << 20);
        using (var writer = _rig.Writer(1 << 30))
        {
            foreach (var each in (string[])[value, value, value, value, value, "last"])
            {
                ShippingRig.Append(writer, each);
            }
        }

        var path = Directory.GetFiles(_rig.Logs, "*.szn").Single();
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Drain(20);
        Assert.Equal(6, Transport.Topic.Count);
        var last = ShippingRig.BatchesOf(path)[5].Position;
        _rig.Crash();
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(file.Length + 100); // it is read on
            file.Position = last;
            file.Write(new byte[(int)(file.Length - last)]);
        }

        _rig.Start();
        _rig.Turn(2);
        Assert.Equal(0, _rig.Status.CheckpointResets); // neither turn went through all of it
        _rig.Drain(10);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(6, Transport.Topic.Count);
        Assert.Equal((0, LogState.Idle), (_rig.Status.PossibleDuplicates, _rig.Status.State));
    }

    [Fact]
    public void A_loss_that_cannot_be_noted_when_a_file_is_opened_is_noted_once_when_it_can_be()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Options = _rig.Options with { MaxInFlightBytes = 64 << 10 };
        _rig.Start();
        _rig.Turn();
        Transport.Acknowledge(Transport.InFlight[0]);
        _rig.Turn(2);
        var (first, second) = (ShippingRig.BatchesOf(path)[1].Position, ShippingRig.BatchesOf(path)[2].Position);
        var whole = File.ReadAllBytes(path);
        Assert.Equal(first, _rig.Saved(path).Acknowledged.Position);
        _rig.Crash();
        var cut = whole[..(int)second];
        File.WriteAllBytes(path, cut);
        File.Delete(_rig.LedgerPath);
        Directory.CreateDirectory(_rig.LedgerPath); // the ledger cannot be written
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.Equal(whole.Length - first, _rig.Status.LagBytes); // as the checkpoint says
        Directory.Delete(_rig.LedgerPath);
        _rig.Drain(10);
        Assert.Equal(("lost", second, (long)whole.Length), _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)).Single());
        Assert.Equal((LogState.Idle, 0), (_rig.Status.State, _rig.Status.LagBytes));
    }

    [Fact]
    public void A_file_that_goes_in_the_middle_of_its_opening_leaves_no_lag_behind()
    {
        var (path, batches, bytes) = TwoOfThreeShipped();
        StartWithAnother();
        Cut(path, batches[2]);
        using (var file = File.OpenWrite(path))
        {
            file.Position = batches[1];
            file.Write(new byte[(int)(batches[2] - batches[1])]); // so it is searched where it is whole
        }

        _rig.Lines.OnLine = id =>
        {
            if (id == 503)
            {
                File.Move(path, _rig.Logs + ".aside"); // the loss is in the ledger; nothing is changed yet
            }
        };
        DrainReplaced();
        Assert.Equal([(batches[2], bytes)], _rig.Ledger().Where(e => e.Kind == "lost").Select(e => (e.Position, e.EndPosition)));
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
        Assert.Equal(["1", "2", "0"], Transport.Topic);
    }

    [Fact]
    public void A_file_that_was_cut_behind_what_was_confirmed_has_lost_what_was_not()
    {
        var (path, batches, bytes) = TwoOfThreeShipped();
        StartWithAnother();
        Cut(path, batches[1]);
        DrainReplaced();
        Assert.Equal(
            [("lost", batches[2], bytes), ("vanished", batches[1], batches[2])],
            _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)).Order());
        Assert.Equal(bytes - batches[2], _rig.Status.LostBytes);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    [Fact]
    public void Two_live_writers_of_one_component_are_shipped_at_once()
    {
        using var one = _rig.Writer();
        using var two = _rig.Writer();
        Transport.AcksAtOnce = true;
        ShippingRig.Append(one, "1a");
        ShippingRig.Append(two, "2a");
        _rig.Start();
        _rig.Turn(2);
        ShippingRig.Append(two, "2b");
        ShippingRig.Append(one, "1b");
        _rig.Turn(2);
        Assert.Equal(["1a", "1b", "2a", "2b"], Transport.Topic.Order(StringComparer.Ordinal));
        Assert.Equal(2, Directory.GetFiles(_rig.Logs).Length);
    }

    [Fact]
    public void The_oldest_unshipped_record_is_found_behind_a_live_segment_that_is_all_confirmed()
    {
        using var one = _rig.Writer();
        using var two = _rig.Writer();
        ShippingRig.Append(one, "1");
        _rig.Start();
        _rig.Drain(2);
        Assert.Equal(0, _rig.Status.OldestUnshipped);
        ShippingRig.Append(two, "2");
        _rig.Turn(2);
        Assert.Equal(1_000, _rig.Status.OldestUnshipped);
    }

    [Fact]
    public void A_segment_with_an_older_name_that_comes_late_is_shipped()
    {
        using var other = new ShippingRig();
        _rig.Segment(["1"]);
        _rig.Start();
        _rig.Drain(3);
        File.Move(other.Segment(["0"]), Path.Combine(_rig.Logs, "20200101_000000_3600_UTC-orders.szn"));
        DrainReplaced();
        Assert.Equal(["1", "0"], Transport.Topic);
    }

    [Fact]
    public void A_file_that_was_called_done_and_grows_is_read_on()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var whole = File.ReadAllBytes(path);
        var half = (int)ShippingRig.BatchesOf(path)[1].Position;
        Cut(path, half);
        _rig.Start();
        _rig.Drain(3);
        Assert.True(_rig.Saved(path).IsDone);

        using (var file = new FileStream(path, FileMode.Append))
        {
            file.Write(whole.AsSpan(half));
        }

        _rig.Segment(["3"]); // something changes in the directory
        DrainReplaced();
        Assert.Equal(["1", "2", "3"], Transport.Topic.Order(StringComparer.Ordinal));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_directory_that_goes_away_loses_nothing_when_it_comes_back()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"], ["2"]);
        _rig.Segment(["3"]);
        _rig.Start();
        _rig.Turn();
        Directory.Move(_rig.Logs, _rig.Logs + ".aside");
        _rig.Drain(5);
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.Empty(_rig.Ledger());

        Directory.Move(_rig.Logs + ".aside", _rig.Logs);
        _rig.Drain();
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_count_that_the_bytes_cannot_hold_is_damage_and_nothing_is_made_by_it()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        Rewrite(path, (i, header) => i == 1 ? header with { RecordsCount = int.MaxValue, LastOffsetDelta = int.MaxValue } : header);
        _rig.Start();
        var before = GC.GetAllocatedBytesForCurrentThread();
        _rig.Drain(5);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 20);
        Assert.Equal(["1", "3"], Transport.Topic);
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("damaged", batches[1].Position, batches[2].Position), (entry.Kind, entry.Position, entry.EndPosition));
        Assert.StartsWith("2147483647 records", entry.Reason, StringComparison.Ordinal);
        Assert.Equal(2, _rig.Saved(path).Acknowledged.Records);
    }

    /// <summary>In a segment without an identity nothing tells what the offset was.</summary>
    [Fact]
    public void A_negative_offset_is_damage()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        Rewrite(path, (i, header) => header with
        {
            ProducerId = -1,
            ProducerEpoch = -1,
            BaseSequence = -1,
            BaseOffset = i == 1 ? -5 : header.BaseOffset,
        });
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "3"], Transport.Topic);
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("damaged", batches[1].Position, batches[2].Position), (entry.Kind, entry.Position, entry.EndPosition));
        Assert.Equal("its base offset is -5", entry.Reason);
    }

    /// <summary>The same file with other headers, their checksums right.</summary>
    private static void Rewrite(string path, Func<int, RecordBatchHeader, RecordBatchHeader> change)
    {
        var bytes = File.ReadAllBytes(path);
        foreach (var (i, (position, header)) in ShippingRig.BatchesOf(path).Index())
        {
            change(i, header).WriteTo(bytes.AsSpan((int)position, (int)header.TotalBytes));
        }

        File.WriteAllBytes(path, bytes);
    }

    /// <summary>All is sent, fails, and is sent once more.</summary>
    private void SendTwice()
    {
        _rig.Turn();
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Turn(2);
    }

    /// <summary>A segment of three batches, of which two are confirmed, and where they begin; the daemon is away.</summary>
    private (string Path, List<long> Batches, long Bytes) TwoOfThreeShipped()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path).Select(b => b.Position).ToList();
        _rig.Start();
        for (var i = 0; i < 2; i++)
        {
            _rig.Turn();
            Transport.AnswerAll();
        }

        _rig.Turn();
        _rig.Crash();
        Assert.Equal(batches[2], _rig.Saved(path).Acknowledged.Position);
        return (path, batches, new FileInfo(path).Length);
    }

    /// <summary>A segment that comes first is on its way: the next is opened after its size was looked at.</summary>
    private void StartWithAnother()
    {
        using var other = new ShippingRig();
        File.Move(other.Segment(["0"]), Path.Combine(_rig.Logs, "20200101_000000_3600_UTC-orders.szn"));
        _rig.Start();
        _rig.Shipper!.RunOnce();
        Assert.Equal(["0"], Assert.Single(Transport.InFlight).Values);
        Transport.AnswerAll();
        Assert.Empty(_rig.Ledger());
    }

    private static void Cut(string path, long bytes)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(bytes);
    }

    /// <summary>As <see cref="ShippingRig.Drain"/>; the check of the checkpoint does not know two files of one name.</summary>
    private void DrainReplaced()
    {
        for (var i = 0; i < 20; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
        }
    }
}
