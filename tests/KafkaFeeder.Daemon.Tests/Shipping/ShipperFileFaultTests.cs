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

/// <summary>Files that changed after their writer left them, that are gone, or whose writer lives or is dead.</summary>
public sealed class ShipperFileFaultTests : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromDays(1); // of the segments of the rig

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void The_torn_tail_of_a_dead_writer_is_skipped_and_the_next_segment_is_shipped()
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

    /// <summary>EIO, as of a broken disk: the descriptor is replaced by that of a file that cannot be read at its start.</summary>
    [Fact]
    public void Acknowledgements_are_saved_while_the_segment_cannot_be_read()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        SetLength(path, new FileInfo(path).Length + 4096); // prepared space: then its first batch is not read when the segment is found
        _rig.Start();
        _rig.Turn();
        using (OtherFile.InPlaceOf(path, "/proc/self/mem"))
        {
            Transport.Answer(Transport.InFlight[0]);
            _rig.Turn();
            Assert.Equal(batches[1].Position, _rig.Saved(path).Acknowledged.Position);
            Assert.NotNull(_rig.Saved(path).Head); // kept since its first batch was read
        }

        Transport.Answer(Transport.InFlight[0]);
        _rig.Turn();
        Assert.Equal(batches[2].Position, _rig.Saved(path).Acknowledged.Position);
        _rig.Drain(3);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(["torn"], _rig.Ledger().Select(e => e.Kind)); // the prepared space
    }

    private static void SetLength(string path, long bytes)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(bytes);
    }

    [Fact]
    public void A_torn_tail_cut_at_any_byte_is_skipped_and_the_batches_before_it_are_delivered()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var whole = File.ReadAllBytes(path);
        var tail = (int)ShippingRig.BatchesOf(path)[1].Position;
        for (var bytes = tail; bytes <= whole.Length; bytes++)
        {
            using var rig = new ShippingRig();
            File.WriteAllBytes(path, whole[..bytes]); // the same file, so its writer is known to be gone
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
    public void A_torn_tail_of_a_copy_is_kept_as_damage_after_a_while()
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
        Assert.Contains("it is unknown whether its writer is gone", _rig.Ledger()[0].Reason, StringComparison.Ordinal);
        Assert.Equal(torn[(int)tail..], File.ReadAllBytes(Assert.Single(Directory.GetFiles(_rig.RejectedDirectory))));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_torn_first_batch_has_no_identity_and_is_waited_for_longer_before_it_is_skipped()
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
    public void An_unfinished_batch_is_waited_for_as_long_as_its_writer_lives()
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
    public void Damage_in_the_middle_costs_only_its_batch()
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

    /// <summary>The CRC does not cover the base offset. The reader repairs it, and reading again has to give the same offset.</summary>
    [Fact]
    public void A_batch_that_is_sent_again_keeps_its_repaired_offset()
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

    /// <summary>In old formats a wrapper has the offset of its last message, and the messages in it may be counted from there.</summary>
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
    public void A_batch_damaged_on_disk_before_it_is_sent_again_is_recorded_as_damaged()
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
    public void A_batch_cut_off_before_it_is_sent_again_is_reported_as_lost()
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
        var seen = Assert.Single(_rig.Ledger(), e => e.Kind != "lost"); // the later cut is not reported as shipped bytes
        Assert.EndsWith("had been shipped, or are in an earlier entry", seen.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_removed_before_it_was_read_is_reported_as_lost_once()
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
    public void A_segment_removed_while_the_daemon_was_stopped_is_lost()
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
    public void A_loss_is_recorded_once_the_ledger_can_be_written_and_shipping_continues()
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
    public void A_segment_removed_while_it_is_read_is_read_to_its_end()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Start();
        _rig.Turn();
        File.Delete(path);
        _rig.Drain(10);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.All(_rig.Saved()!.Segments, s => Assert.True(s.IsDone && s.MissingSince is not null)); // remembered in case it comes back
    }

    [Fact]
    public void A_new_segment_with_the_name_of_a_removed_one_is_shipped_as_well()
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
    public void A_segment_that_replaced_another_of_the_same_name_is_shipped_from_its_start(int batches)
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
    public void A_segment_replaced_while_the_daemon_was_stopped_is_shipped_from_its_start()
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
    public void A_link_with_the_name_of_a_segment_is_reported_and_does_not_stop_shipping()
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
    public void A_segment_cut_before_the_checkpoint_is_reported_and_does_not_stop_shipping()
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
    public void A_last_batch_left_as_zeros_by_a_power_cut_causes_no_duplicates()
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
            file.Write(new byte[(int)(file.Length - last)]); // pages that were never written before a power cut
        }

        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void After_a_power_cut_a_long_segment_is_searched_in_several_turns()
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
            file.SetLength(file.Length + 100); // so that reading continues
            file.Position = last;
            file.Write(new byte[(int)(file.Length - last)]);
        }

        _rig.Start();
        _rig.Turn(2);
        Assert.Equal(0, _rig.Status.CheckpointResets); // two turns did not search all of it
        _rig.Drain(10);
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(6, Transport.Topic.Count);
        Assert.Equal((0, LogState.Idle), (_rig.Status.PossibleDuplicates, _rig.Status.State));
    }

    [Fact]
    public void A_loss_found_when_a_file_is_opened_is_recorded_once_the_ledger_can_be_written()
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
    public void A_file_that_is_removed_while_it_is_opened_leaves_no_lag()
    {
        var (path, batches, bytes) = TwoOfThreeShipped();
        StartWithAnother();
        Cut(path, batches[2]);
        using (var file = File.OpenWrite(path))
        {
            file.Position = batches[1];
            file.Write(new byte[(int)(batches[2] - batches[1])]); // so the file is searched for its last whole batch
        }

        _rig.Lines.OnLine = id =>
        {
            if (id == 503)
            {
                File.Move(path, _rig.Logs + ".aside"); // the loss is in the ledger, and nothing else has changed yet
            }
        };
        DrainReplaced();
        Assert.Equal([(batches[2], bytes)], _rig.Ledger().Where(e => e.Kind == "lost").Select(e => (e.Position, e.EndPosition)));
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
        Assert.Equal(["1", "2", "0"], Transport.Topic);
    }

    [Fact]
    public void In_a_file_cut_before_its_acknowledged_position_only_unacknowledged_bytes_are_lost()
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
    public void Segments_of_two_live_writers_of_one_component_are_shipped_at_once()
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
    public void The_oldest_unshipped_record_is_found_after_an_acknowledged_open_segment()
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
    public void A_late_segment_with_an_older_name_is_shipped()
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
    public void A_done_segment_that_grows_is_shipped_from_its_former_end()
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

        _rig.Segment(["3"]); // so that the directory changes
        DrainReplaced();
        Assert.Equal(["1", "2", "3"], Transport.Topic.Order(StringComparer.Ordinal));
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_directory_that_comes_back_causes_no_loss()
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
    public void A_record_count_that_the_bytes_cannot_hold_is_damage_and_allocates_nothing()
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

    /// <summary>In a segment without an identity the offset cannot be repaired.</summary>
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

    /// <summary>Rewrites the file with changed headers and correct checksums.</summary>
    private static void Rewrite(string path, Func<int, RecordBatchHeader, RecordBatchHeader> change)
    {
        var bytes = File.ReadAllBytes(path);
        foreach (var (i, (position, header)) in ShippingRig.BatchesOf(path).Index())
        {
            change(i, header).WriteTo(bytes.AsSpan((int)position, (int)header.TotalBytes));
        }

        File.WriteAllBytes(path, bytes);
    }

    /// <summary>Everything is sent, fails, and is sent again.</summary>
    private void SendTwice()
    {
        _rig.Turn();
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Turn(2);
    }

    /// <summary>A segment of three batches, of which two are acknowledged, and their positions. The daemon is stopped.</summary>
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

    /// <summary>A segment with an earlier name is in flight, so the next is opened after its size was looked at.</summary>
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

    /// <summary>Like <see cref="ShippingRig.Drain"/>, without the check of the checkpoint, which expects one file of each name.</summary>
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
