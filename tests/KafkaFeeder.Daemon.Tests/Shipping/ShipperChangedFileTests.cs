using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>
/// Files that grow after they were done, are cut, replaced, or missing for a while. Nothing is lost, and duplicates are counted.
/// </summary>
public sealed class ShipperChangedFileTests : IDisposable
{
    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void A_done_segment_that_grows_is_shipped_even_if_the_directory_does_not_change()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var whole = File.ReadAllBytes(path);
        Cut(path, ShippingRig.BatchesOf(path)[1].Position);
        _rig.Start();
        _rig.Drain(3);
        Assert.True(_rig.Saved(path).IsDone);

        _rig.Time.Advance(TimeSpan.FromHours(5));
        File.WriteAllBytes(path, whole);
        DrainReplaced();
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void An_old_done_segment_that_grows_is_found_among_many()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var whole = File.ReadAllBytes(path);
        Cut(path, ShippingRig.BatchesOf(path)[1].Position);
        for (var i = 0; i < 10; i++)
        {
            _rig.Segment([$"later {i}"]);
        }

        _rig.Start();
        _rig.Drain(3);
        File.WriteAllBytes(path, whole);
        DrainReplaced();
        Assert.Contains("2", Transport.Topic);
    }

    [Fact]
    public void Records_sent_from_a_done_segment_that_grew_are_possible_duplicates_after_a_crash()
    {
        var path = _rig.Segment(["1"], ["2", "3", "4"]);
        var whole = File.ReadAllBytes(path);
        Cut(path, ShippingRig.BatchesOf(path)[1].Position);
        _rig.Start();
        _rig.Drain(3);
        File.WriteAllBytes(path, whole);
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn(2);
        Assert.Single(Transport.InFlight);
        _rig.Crash();
        _rig.Start();
        Assert.Equal(3, _rig.Status.PossibleDuplicates);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_directory_that_is_empty_for_a_while_causes_no_loss_and_no_duplicates(bool isOtherDirectory)
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var first = _rig.Segment(["1"], ["2"]);
        var second = _rig.Segment(["3"], ["4"]);
        _rig.Start();
        _rig.Drain(2);
        var shipped = Transport.Topic.Count;
        Assert.InRange(shipped, 1, 3);

        var aside = _rig.Logs + ".aside";
        Vanish(aside, isOtherDirectory, first, second);
        _rig.Drain(5);
        _rig.Time.Advance(TimeSpan.FromMinutes(9));
        _rig.Drain(5);
        Assert.Empty(_rig.Ledger());
        ComeBack(aside, isOtherDirectory, first, second);
        _rig.Drain(20);

        Assert.Equal(["1", "2", "3", "4"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_directory_that_is_empty_at_the_start_causes_no_loss_and_no_duplicates()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var first = _rig.Segment(["1"], ["2"]);
        var second = _rig.Segment(["3"], ["4"]);
        _rig.Start();
        _rig.Drain(2);
        _rig.Crash();

        var aside = _rig.Logs + ".aside";
        Vanish(aside, isOtherDirectory: true, first, second);
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(LogState.Retrying, _rig.Status.State);
        Assert.Contains("missing", _rig.Status.Error, StringComparison.Ordinal);
        _rig.Crash();
        _rig.Start();
        _rig.Drain(5);
        ComeBack(aside, isOtherDirectory: true, first, second);
        _rig.Drain(20);
        Assert.Equal(["1", "2", "3", "4"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void Done_segments_that_come_back_after_days_are_not_shipped_again()
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Start();
        _rig.Drain(3);
        var aside = _rig.Logs + ".aside";
        Vanish(aside, isOtherDirectory: false, path);
        _rig.Drain(5);
        _rig.Time.Advance(TimeSpan.FromDays(3));
        _rig.Drain(5);
        _rig.Crash();
        _rig.Start();
        ComeBack(aside, isOtherDirectory: false, path);
        _rig.Drain(5);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Null(_rig.Saved(path).MissingSince);

        _rig.Crash();
        File.Delete(path);
        _rig.Start();
        _rig.Drain(5);
        _rig.Time.Advance(TimeSpan.FromDays(8));
        _rig.Drain(5);
        Assert.Empty(_rig.Saved()!.Segments); // and not remembered forever
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void A_segment_shipped_and_forgotten_in_one_run_is_no_possible_duplicate_in_the_next()
    {
        var path = _rig.Segment(["1", "2"]);
        _rig.Start();
        _rig.Drain(5);
        File.Delete(path);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromDays(8));
        _rig.Drain(5);
        Assert.Empty(_rig.Saved()!.Segments);

        _rig.Crash(); // everything is saved, as at a stop
        _rig.Start();
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void A_segment_that_comes_back_after_it_was_reported_as_lost_is_shipped()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Start();
        _rig.Turn();
        var bytes = File.ReadAllBytes(second);
        File.Delete(second);
        _rig.Drain(3);
        _rig.Time.Advance(MissingPolicy.Patience);
        _rig.Drain(3);
        Assert.Equal("lost", Assert.Single(_rig.Ledger()).Kind);

        File.WriteAllBytes(second, bytes);
        DrainReplaced();
        _rig.Time.Advance(TimeSpan.FromDays(2)); // a copy: it is unknown whether its writer lives
        DrainReplaced();
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Single(_rig.Ledger());
    }

    [Fact]
    public void Bytes_cut_off_before_the_file_was_opened_are_reported_as_lost()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"], ["3"]);
        var bytes = new FileInfo(second).Length;
        var cut = ShippingRig.BatchesOf(second)[1].Position;
        _rig.Start();
        _rig.Turn();
        Cut(second, cut);
        _rig.Drain(10);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal([("lost", cut, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
    }

    [Fact]
    public void Bytes_cut_off_while_the_daemon_is_stopped_are_reported_as_lost()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var bytes = new FileInfo(path).Length;
        var cut = ShippingRig.BatchesOf(path)[2].Position;
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        _rig.Crash();
        Cut(path, cut);
        _rig.Start();
        _rig.Drain(10);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal([("lost", cut, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
    }

    [Fact]
    public void Bytes_cut_off_while_the_file_is_open_are_reported_as_lost()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var bytes = new FileInfo(path).Length;
        var cut = ShippingRig.BatchesOf(path)[2].Position;
        _rig.Start();
        _rig.Turn();
        Cut(path, cut);
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Drain(10);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal([("lost", cut, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
    }

    [Fact]
    public void Records_sent_again_after_a_reset_are_possible_duplicates()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2", "3");
        ShippingRig.Append(writer, "4");
        _rig.Start();
        _rig.Drain(3);
        var path = Directory.GetFiles(_rig.Logs, "*.szn").Single();
        var batches = ShippingRig.BatchesOf(path);
        var whole = File.ReadAllBytes(path);
        _rig.Crash();
        writer.Dispose();

        // The last two batches are exchanged, as after a file system lost a page: no batch ends where the checkpoint says.
        var middle = whole.AsSpan((int)batches[1].Position, (int)(batches[2].Position - batches[1].Position)).ToArray();
        var last = whole.AsSpan((int)batches[2].Position).ToArray();
        File.WriteAllBytes(path, [.. whole[..(int)batches[1].Position], .. last, .. middle]);
        _rig.Start();
        DrainReplaced();
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.True(
            Transport.Topic.Count - 4 <= _rig.Status.PossibleDuplicates,
            $"{Transport.Topic.Count - 4} doubled, {_rig.Status.PossibleDuplicates} announced");
    }

    /// <summary>
    /// An acknowledged batch is gone, and a longer one is in its place. It is unknown whether it has the same records.
    /// </summary>
    [Fact]
    public void The_checkpoint_goes_back_before_another_batch_in_place_of_an_acknowledged_one_is_sent()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        ShippingRig.Append(writer, "3");
        _rig.Start();
        _rig.Drain(3);
        var path = Directory.GetFiles(_rig.Logs, "*.szn").Single();
        _rig.Crash();
        writer.Dispose();
        _rig.Options = _rig.Options with { CheckpointInterval = TimeSpan.FromHours(1) };
        using var other = new ShippingRig();
        var longer = other.Segment(["1"], ["2"], ["3", "and one more"]);
        var position = ShippingRig.BatchesOf(path)[2].Position;
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path).AsSpan(0, (int)position), .. File.ReadAllBytes(longer).AsSpan((int)position)]);

        _rig.Start();
        for (var i = 0; i < 5 && Transport.InFlight.Count == 0; i++)
        {
            _rig.Shipper!.RunOnce();
        }

        Assert.Equal(["1", "2", "3", "and one more"], Transport.InFlight.SelectMany(s => s.Values));
        Assert.Equal(0, _rig.Saved(path).Acknowledged.Records); // before it was sent
        Assert.Equal(4, _rig.Status.PossibleDuplicates);
        _rig.Crash();
        _rig.Start();
        Assert.InRange(_rig.Status.PossibleDuplicates, 4, 8);
    }

    [Fact]
    public void A_segment_that_is_missing_for_a_moment_is_not_lost()
    {
        var first = _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        var aside = second + ".aside";
        Transport.AcksAtOnce = true;
        Transport.Refuses = _ =>
        {
            File.Move(second, aside); // after the directory was listed, before the segment is opened
            Transport.Refuses = _ => false;
            return false;
        };
        _rig.Start();
        _rig.Turn();
        Assert.Equal(["1"], Transport.Topic);
        File.Move(aside, second);
        _rig.Drain(5);
        Assert.Equal(["1", "2"], Transport.Topic);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(5);
        Assert.Empty(_rig.Ledger());
        Assert.True(_rig.Saved(first).IsDone);
    }

    [Fact]
    public void In_a_new_directory_missing_segments_are_waited_for_longer_even_if_others_are_there()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var first = _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Start();
        _rig.Turn();
        _rig.Crash();
        var aside = _rig.Logs + ".aside";
        Vanish(aside, isOtherDirectory: true, first, second);
        File.Move(Path.Combine(aside, Path.GetFileName(first)), first);
        _rig.Start();
        _rig.Drain(5);
        _rig.Time.Advance(MissingPolicy.Patience);
        _rig.Drain(5);
        Assert.Empty(_rig.Ledger());
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(5);
        Assert.Equal("lost", Assert.Single(_rig.Ledger()).Kind);
    }

    /// <summary>Else a daemon that is restarted again and again would wait forever.</summary>
    [Fact]
    public void The_time_since_which_a_segment_is_missing_survives_a_restart()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Start();
        _rig.Turn();
        File.Delete(second);
        _rig.Time.Advance(TimeSpan.FromSeconds(5));
        _rig.Turn(2);
        _rig.Crash();
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory - TimeSpan.FromSeconds(1));
        _rig.Start();
        _rig.Turn(2);
        Assert.Empty(_rig.Ledger());
        _rig.Time.Advance(TimeSpan.FromSeconds(2));
        _rig.Turn(2);
        Assert.Equal("lost", Assert.Single(_rig.Ledger()).Kind);
    }

    [Fact]
    public void Records_sent_from_a_replacement_are_possible_duplicates_after_a_crash()
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(["4", "5"], ["6"]);
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Start();
        _rig.Drain(5);
        File.Move(replacement, path, overwrite: true);
        _rig.Time.Advance(SegmentWatch.Interval);
        for (var i = 0; i < 4; i++)
        {
            _rig.Shipper!.RunOnce();
        }

        Assert.Equal(2, Transport.InFlight.Count);
        _rig.Crash();
        _rig.Start();
        Assert.Equal(3, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void A_deleted_segment_is_lost_with_the_bytes_added_after_it_was_found()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "2");
        _rig.Start();
        _rig.Turn();
        for (var i = 0; i < 50; i++)
        {
            ShippingRig.Append(writer, $"more {i}");
        }

        var path = Directory.GetFiles(_rig.Logs, "*.szn").Order(StringComparer.Ordinal).Last();
        var bytes = new FileInfo(path).Length;
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn(); // nothing is acknowledged, so it is not opened
        File.Delete(path);
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn();
        _rig.Time.Advance(MissingPolicy.Patience);
        _rig.Turn();
        Assert.Equal([("lost", 0L, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Equal(bytes, _rig.Status.LostBytes);
    }

    [Fact]
    public void Lag_and_age_are_those_of_the_disk_even_while_nothing_is_acknowledged()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        _rig.Start();
        _rig.Turn();
        Transport.FailAll(OutcomeKind.Held);
        _rig.Turn(2);
        Assert.Equal(LogState.Held, _rig.Status.State);
        var path = Directory.GetFiles(_rig.Logs, "*.szn").Single();
        for (var i = 0; i < 5; i++)
        {
            ShippingRig.Append(writer, $"more {i}");
            _rig.Time.Advance(SegmentWatch.Interval);
            Transport.FailAll(OutcomeKind.Held);
            _rig.Turn();
            Assert.Equal(new FileInfo(path).Length, _rig.Status.LagBytes);
            Assert.Equal(1_000, _rig.Status.OldestUnshipped);
        }

        _rig.Segment(["in another segment"]);
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn();
        Assert.Equal(Directory.GetFiles(_rig.Logs, "*.szn").Sum(f => new FileInfo(f).Length), _rig.Status.LagBytes);
    }

    /// <summary>There are many such segments while the brokers are away, and an old one may grow as well as the newest.</summary>
    [Fact]
    public void Bytes_added_to_segments_that_are_not_open_are_lag_after_the_next_polling()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var paths = Enumerable.Range(0, 8).Select(i => _rig.Segment([$"{i}"])).ToList();
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "8");
        _rig.Start();
        _rig.Turn(2);
        Assert.Equal(BytesOnDisk(), _rig.Status.LagBytes);
        ShippingRig.Append(writer, "9");
        File.AppendAllText(paths[2], "more");
        Assert.NotEqual(BytesOnDisk(), _rig.Status.LagBytes);
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn(2);
        Assert.Single(Transport.Sent); // nothing is acknowledged, so no other segment is opened
        Assert.Equal(BytesOnDisk(), _rig.Status.LagBytes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Space_prepared_by_a_writer_is_no_lag(bool isOpen)
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = isOpen ? 1 << 20 : 1 };
        _rig.Segment(["1"]);
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "2");
        var path = Directory.GetFiles(_rig.Logs, "*.szn").Order(StringComparer.Ordinal).Last();
        _rig.Start();
        if (isOpen)
        {
            _rig.Drain(3);
        }

        _rig.Turn(2);
        var lag = _rig.Status.LagBytes;
        Assert.Equal(isOpen ? 0 : BytesOnDisk(), lag);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(file.Length + (1 << 20));
        }

        for (var i = 0; i < 3; i++)
        {
            _rig.Time.Advance(SegmentWatch.Interval);
            _rig.Turn(2);
            Assert.Equal(lag, _rig.Status.LagBytes);
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Unshipped_bytes_of_a_replaced_file_are_reported_as_lost(int batches)
    {
        using var other = new ShippingRig();
        var replacement = other.Segment([.. Enumerable.Range(4, batches).Select(i => new[] { $"{i}" })]);
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var bytes = new FileInfo(path).Length;
        var second = ShippingRig.BatchesOf(path)[1].Position;
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        Assert.Equal(second, _rig.Saved(path).Acknowledged.Position);
        _rig.Crash();

        File.Move(replacement, path, overwrite: true);
        _rig.Start();
        DrainReplaced();
        Assert.Equal(["1", .. Enumerable.Range(4, batches).Select(i => $"{i}")], Transport.Topic);
        Assert.Equal(
            [("lost", Path.GetFileName(path), second, bytes, "another file took its name before it was shipped")],
            _rig.Ledger());
        Assert.Equal(bytes - second, _rig.Status.LostBytes);
    }

    private long BytesOnDisk() => Directory.GetFiles(_rig.Logs, "*.szn").Sum(f => new FileInfo(f).Length);

    [Theory]
    [InlineData("link")]
    [InlineData("fifo")]
    [InlineData("directory")]
    public void A_segment_that_replaces_a_link_pipe_or_directory_is_shipped_without_a_restart(string what)
    {
        using var other = new ShippingRig();
        var segment = other.Segment(["0"]);
        var path = Path.Combine(_rig.Logs, "20200101_000000_3600_UTC-orders.szn");
        Take(path, what, target: segment);
        _rig.Segment(["1"]);
        _rig.Start();
        Run(10);
        Assert.Equal(["1"], Transport.Topic);
        Assert.InRange(_rig.Status.CheckpointResets, 0, 1); // reported once at most
        Assert.Equal((1, 0), (_rig.Status.Segments, _rig.Status.LagBytes));
        Assert.DoesNotContain(_rig.Saved()!.Segments, s => s.Name == Path.GetFileName(path));

        Replace(path, segment);
        Run(10);
        Assert.Equal(["1", "0"], Transport.Topic);
        Assert.Equal((2, 0), (_rig.Status.Segments, _rig.Status.LagBytes));
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Empty(_rig.Ledger());
    }

    [Theory]
    [InlineData("link")]
    [InlineData("fifo")]
    [InlineData("directory")]
    public void A_partly_shipped_segment_whose_name_is_taken_is_missing_and_continues_when_it_is_back(string what)
    {
        var (path, aside, confirmed) = HalfShipped(what);
        _rig.Start();
        Run(5);
        Assert.Equal(LogState.Retrying, _rig.Status.State);
        Assert.Contains("1 segment with", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Equal((0, 0), (_rig.Status.Segments, _rig.Status.LagBytes));
        var saved = _rig.Saved(path);
        Assert.NotNull(saved.MissingSince);
        Assert.Equal(confirmed, saved.Acknowledged.Position);

        _rig.Crash();
        _rig.Start();
        Run(5);
        Assert.Equal(saved.MissingSince, _rig.Saved(path).MissingSince); // not from the restart on
        Assert.Empty(_rig.Ledger());
        Replace(path, aside);
        Run(10);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((1, LogState.Idle), (_rig.Status.Segments, _rig.Status.State));
    }

    [Fact]
    public void A_partly_shipped_segment_whose_name_stays_taken_is_lost_once()
    {
        var (path, aside, confirmed) = HalfShipped("link");
        _rig.Start();
        Run(5);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        Run(5);
        var bytes = new FileInfo(aside).Length;
        Assert.Equal([("lost", confirmed, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Contains("something else took its name", _rig.Ledger()[0].Reason, StringComparison.Ordinal);
        Assert.Equal(LogState.Idle, _rig.Status.State);

        _rig.Crash();
        _rig.Start();
        Run(5);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        Run(5);
        Assert.Single(_rig.Ledger());
        Replace(path, aside);
        Run(10);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
    }

    [Fact]
    public void An_unshipped_segment_whose_name_stays_taken_is_lost_after_a_while()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        var bytes = new FileInfo(second).Length;
        _rig.Start();
        _rig.Turn();
        var aside = TakeName(second, "link");
        Run(5);
        Assert.Empty(_rig.Ledger());
        Assert.Equal(LogState.Retrying, _rig.Status.State);
        _rig.Time.Advance(MissingPolicy.Patience);
        Run(5);
        Assert.Equal([("lost", 0L, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));

        Replace(second, aside);
        Run(10);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Single(_rig.Ledger());
    }

    [Fact]
    public void The_loss_of_a_segment_whose_name_is_taken_is_recorded_once_the_ledger_can_be_written()
    {
        HalfShipped("link");
        Directory.CreateDirectory(_rig.LedgerPath);
        _rig.Start();
        Run(5);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        Run(5);
        Assert.Equal((0, LogState.Failed), (_rig.Status.LagBytes, _rig.Status.State));
        Directory.Delete(_rig.LedgerPath);
        Run(5);
        Assert.Equal("lost", Assert.Single(_rig.Ledger()).Kind);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_done_segment_whose_name_was_taken_for_a_while_is_not_shipped_again(bool wasMissing)
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Segment(["3"]);
        _rig.Start();
        Run(5);
        var aside = _rig.Logs + ".aside";
        File.Move(path, aside);
        if (wasMissing)
        {
            Run(5);
            Assert.NotNull(_rig.Saved(path).MissingSince);
        }

        var target = _rig.Logs + ".other";
        File.WriteAllText(target, "of another size");
        File.CreateSymbolicLink(path, target);
        Run(5);
        Assert.Equal(wasMissing, _rig.Saved(path).MissingSince is not null);
        _rig.Crash();
        _rig.Start();
        Run(5);
        Replace(path, aside);
        Run(5);
        _rig.Crash();
        _rig.Start();
        Run(5);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal((true, null), (_rig.Saved(path).IsDone, _rig.Saved(path).MissingSince));
        Assert.Empty(_rig.Ledger());
    }

    /// <summary>Perhaps another user restored it. All of it is shipped already, so no other segment has to wait.</summary>
    [Fact]
    public void A_shipped_segment_that_is_back_and_unreadable_is_reported_and_stops_no_other()
    {
        var path = _rig.Segment(["1"]);
        _rig.Start();
        Run(5);
        var aside = _rig.Logs + ".aside";
        File.Move(path, aside);
        Run(5);
        Assert.NotNull(_rig.Saved(path).MissingSince);
        File.SetUnixFileMode(aside, UnixFileMode.None);
        File.Move(aside, path);
        var next = _rig.Segment(["2"]);
        using (new CommonRights())
        {
            Run(5);
            Assert.Equal(["1", "2"], Transport.Topic);
            Assert.True(_rig.Saved(next).IsDone);
            Assert.NotNull(_rig.Saved(path).MissingSince);
            Assert.Equal(LogState.Retrying, _rig.Status.State);
            Assert.Contains(
                $"1 segment that was shipped is back and cannot be read: cannot open {path}", _rig.Status.Error, StringComparison.Ordinal);
            _rig.Time.Advance(MissingPolicy.Memory * 2); // it is there, so it is not forgotten
            Run(5);
            _rig.Crash();
            _rig.Start();
            Run(5);
            Assert.Equal(LogState.Retrying, _rig.Status.State);
        }

        File.SetUnixFileMode(path, UnixFileMode.UserRead);
        Run(5);
        Assert.Equal((true, null), (_rig.Saved(path).IsDone, _rig.Saved(path).MissingSince));
        Assert.Equal((LogState.Idle, null), (_rig.Status.State, _rig.Status.Error));
        Assert.Equal(["1", "2"], Transport.Topic);
    }

    [Fact]
    public void A_shipped_segment_that_was_back_and_unreadable_is_no_longer_reported_when_it_is_gone()
    {
        var path = _rig.Segment(["1"]);
        _rig.Start();
        Run(5);
        var aside = _rig.Logs + ".aside";
        File.Move(path, aside);
        Run(5);
        File.SetUnixFileMode(aside, UnixFileMode.None);
        File.Move(aside, path);
        using (new CommonRights())
        {
            Run(5);
            Assert.Equal(LogState.Retrying, _rig.Status.State);
            File.Delete(path);
            Run(5);
        }

        Assert.Equal((LogState.Idle, null), (_rig.Status.State, _rig.Status.Error));
        _rig.Time.Advance(MissingPolicy.Memory * 2);
        Run(5);
        Assert.Empty(_rig.Saved()!.Segments);
    }

    /// <summary>A segment whose loss cannot be recorded is looked at again. Meanwhile the others are looked at as well.</summary>
    [Fact]
    public void While_the_loss_of_a_segment_cannot_be_recorded_the_others_are_still_looked_at()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["in flight"]);
        var paths = Enumerable.Range(0, 3).Select(i => _rig.Segment([$"{i}"])).ToList();
        _rig.Start();
        _rig.Turn(2);
        Assert.Single(Transport.Sent);
        Directory.CreateDirectory(_rig.LedgerPath);
        var lag = _rig.Status.LagBytes;
        Cut(paths[0], new FileInfo(paths[0]).Length - 1);
        File.AppendAllText(paths[2], "more");
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Shipper!.RunOnce();
        Assert.Equal((LogState.Failed, lag + 4), (_rig.Status.State, _rig.Status.LagBytes));
    }

    private static void Cut(string path, long bytes)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(bytes);
    }

    private void Vanish(string aside, bool isOtherDirectory, params string[] paths)
    {
        if (isOtherDirectory)
        {
            Directory.Move(_rig.Logs, aside);
            Directory.CreateDirectory(_rig.Logs);
            return;
        }

        Directory.CreateDirectory(aside);
        foreach (var path in paths)
        {
            File.Move(path, Path.Combine(aside, Path.GetFileName(path)));
        }
    }

    private void ComeBack(string aside, bool isOtherDirectory, params string[] paths)
    {
        if (isOtherDirectory)
        {
            Directory.Delete(_rig.Logs, recursive: true);
            Directory.Move(aside, _rig.Logs);
            return;
        }

        foreach (var path in paths)
        {
            File.Move(Path.Combine(aside, Path.GetFileName(path)), path);
        }

        Directory.Delete(aside);
    }

    /// <summary>A segment that is partly acknowledged, and whose name something else took while the daemon was stopped.</summary>
    private (string Path, string Aside, long Confirmed) HalfShipped(string what)
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        var confirmed = _rig.Saved(path).Acknowledged.Position;
        Assert.InRange(confirmed, 1, new FileInfo(path).Length - 1);
        _rig.Crash();
        return (path, TakeName(path, what), confirmed);
    }

    private string TakeName(string path, string what)
    {
        var aside = _rig.Logs + ".aside";
        File.Move(path, aside);
        Take(path, what, aside);
        return aside;
    }

    private static void Take(string path, string what, string target)
    {
        switch (what)
        {
            case "link":
                File.CreateSymbolicLink(path, target);
                break;
            case "fifo":
                RunningProgram.Run("mkfifo", path);
                break;
            default:
                Directory.CreateDirectory(path);
                break;
        }
    }

    /// <summary>The name exists all the time, except when it was that of a directory.</summary>
    private static void Replace(string path, string segment)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path);
        }

        File.Move(segment, path, overwrite: true);
    }

    /// <summary>Runs turns, two seconds apart, without the check of the checkpoint, which does not open links.</summary>
    private void Run(int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
            _rig.Time.Advance(SegmentWatch.Interval);
        }

        _rig.Shipper!.RunOnce();
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
