using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>New content under the same name, in a new file or in the same one, and cuts at a partly acknowledged batch.</summary>
public sealed class ShipperRewrittenFileTests : IDisposable
{
    private const string AnotherFile = "another file took its name before it was shipped";

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_file_cut_at_the_start_of_a_partly_acknowledged_batch_is_done(int before)
    {
        var (path, position) = HalfConfirmed(before);
        var bytes = new FileInfo(path).Length;
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(position);
        }

        _rig.Start();
        _rig.Drain(10);
        _rig.Time.Advance(TimeSpan.FromDays(2)); // an empty file does not show whether its writer lives
        _rig.Drain(10);
        Assert.Equal(0, _rig.Status.CheckpointFailures);
        Assert.Equal(
            (true, position, 0), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record));
        Assert.Equal([("lost", position, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 3)] // it is unknown which of its records were acknowledged
    public void Another_batch_in_place_of_a_partly_acknowledged_one_is_sent_whole(int before, int announced)
    {
        var (path, position) = HalfConfirmed(before);
        using var other = new ShippingRig();
        var new3 = other.Segment([.. First(before), ["new 1", "new 2", "new 3"]]);
        var rest = File.ReadAllBytes(new3).AsSpan((int)ShippingRig.BatchesOf(new3)[before].Position);
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path).AsSpan(0, (int)position), .. rest]);

        _rig.Start();
        DrainReplaced();
        Assert.Equal(["new 1", "new 2", "new 3"], Transport.Topic.TakeLast(3));
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.InRange(_rig.Status.PossibleDuplicates, announced, 6);
        _rig.Time.Advance(TimeSpan.FromDays(2)); // it is unknown whether the writer of a copy lives
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(before + 3, _rig.Saved(path).Acknowledged.Records);
    }

    [Fact]
    public void If_the_batch_before_a_partly_acknowledged_one_is_gone_records_sent_again_are_counted()
    {
        var (path, position) = HalfConfirmed(2);
        var second = ShippingRig.BatchesOf(path)[1].Position;
        using (var file = File.OpenWrite(path))
        {
            file.Position = second;
            file.Write(new byte[position - second]); // as after a power cut
        }

        _rig.Start();
        var sentBefore = _rig.Status.PossibleDuplicates; // by the journal
        DrainReplaced();
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(2, Transport.Topic.Count(v => v == "good"));
        Assert.Equal(3, _rig.Status.PossibleDuplicates - sentBefore);
    }

    /// <summary>The CRC of a batch does not cover the base offset.</summary>
    [Fact]
    public void A_flipped_highest_bit_of_a_base_offset_is_repaired()
    {
        var path = _rig.Segment(["1"], ["2"]);
        using (var file = File.OpenWrite(path))
        {
            file.Position = ShippingRig.BatchesOf(path)[^1].Position;
            file.WriteByte(0x80);
        }

        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.Equal(0, _rig.Status.CheckpointFailures);
        Assert.Equal((true, 2L), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.NextOffset));
        Assert.Empty(_rig.Ledger());
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(6, false)]
    [InlineData(1, true)]
    [InlineData(6, true)]
    public void A_segment_replaced_before_it_was_opened_is_lost_and_its_replacement_is_shipped(int batches, bool isAway)
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(News(batches));
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"], ["3"]);
        var bytes = new FileInfo(second).Length;
        _rig.Start();
        _rig.Turn();
        Assert.Equal(["1"], Assert.Single(Transport.InFlight).Values);
        Transport.AnswerAll();
        if (isAway)
        {
            _rig.Crash();
        }

        File.Move(replacement, second, overwrite: true);
        if (isAway)
        {
            _rig.Start();
        }

        DrainReplaced();
        Assert.Equal(News(batches).Select(n => n[0]), Transport.Topic.TakeLast(batches));
        Assert.Equal([("lost", Path.GetFileName(second), 0, bytes, AnotherFile)], _rig.Ledger());
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>Of an unfinished first batch only the length is known, so the file counts as the same when the batch is whole.</summary>
    [Fact]
    public void A_segment_found_while_its_first_batch_was_written_is_the_same_file_when_it_is_whole()
    {
        using var other = new ShippingRig();
        var whole = File.ReadAllBytes(other.Segment(["2"], ["3"]));
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var first = _rig.Segment(["1"]);
        var second = Path.Combine(_rig.Logs, "20990101_000000_3600_UTC-orders.szn");
        File.WriteAllBytes(second, whole[..62]);
        _rig.Start();
        _rig.Turn();
        File.WriteAllBytes(second, [.. whole[..60], 1, 2, 3]); // taken back, and started again
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn();
        File.WriteAllBytes(second, whole);
        DrainReplaced();
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.True(_rig.Saved(first).IsDone);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_done_segment_replaced_by_one_of_the_same_size_is_shipped_from_its_start(bool isAway)
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(["4"], ["5"], ["6"]);
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        Assert.Equal(new FileInfo(path).Length, new FileInfo(replacement).Length);
        _rig.Start();
        _rig.Drain(5);
        Assert.True(_rig.Saved(path).IsDone);
        if (isAway)
        {
            _rig.Crash();
        }

        Replace(path, replacement);
        if (isAway)
        {
            _rig.Start();
        }

        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5", "6"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void A_replaced_old_segment_of_the_same_size_is_found_among_many()
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(["new"]);
        var path = _rig.Segment(["old"]);
        for (var i = 0; i < 300; i++)
        {
            File.WriteAllBytes(Path.Combine(_rig.Logs, $"20990101_000000_{i + 1}_UTC-orders.szn"), []);
        }

        _rig.Start();
        DrainReplaced();
        Assert.Equal(["old"], Transport.Topic);
        Replace(path, replacement);
        DrainReplaced();
        Assert.Equal(["old", "new"], Transport.Topic);
    }

    [Theory]
    [InlineData(1)] // it ends before the position read
    [InlineData(2)] // it ends at the position read
    [InlineData(3)] // of the same size
    [InlineData(5)]
    public void New_content_of_an_open_file_is_shipped_and_the_old_content_is_reported_as_lost(int batches)
    {
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(News(batches)));
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var bytes = new FileInfo(path).Length;
        var third = ShippingRig.BatchesOf(path)[2].Position;
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn();
        Assert.Equal(["2"], Assert.Single(Transport.InFlight).Values);

        WriteOver(path, replacement);
        _rig.Time.Advance(SegmentWatch.Interval);
        DrainReplaced();
        Assert.Equal(["1", "2", .. News(batches).Select(n => n[0])], Transport.Topic);
        Assert.Equal([("lost", Path.GetFileName(path), third, bytes, AnotherFile)], _rig.Ledger());
        _rig.Time.Advance(TimeSpan.FromDays(2)); // it is unknown whether the writer of a copy lives
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>
    /// As when a log is copied and cut, or cp overwrites it with a longer one, before a short file was seen. The position that was
    /// read to may be in the middle of a batch now, or by chance at the start of one. Each text is a batch.
    /// </summary>
    [Theory]
    [InlineData("4 5 6")]
    [InlineData("four five sixth")]
    [InlineData("long-enough-to-reach-past-all-that-was-read-of-the-first-content-so-there-is-the-middle-of-a-batch 3 4")]
    [InlineData("1 4 5 6")] // the same first batch as before
    [InlineData("1 four five sixth")]
    [InlineData("1 long-enough-to-reach-past-all-that-was-read-of-the-first-content-so-there-is-the-middle-of-a-batch 3 4")]
    public void An_open_file_overwritten_with_longer_content_is_shipped(string texts)
    {
        using var other = new ShippingRig();
        var first = other.Segment(["1"], ["2"]);
        var batches = texts.Split(' ');
        var path = _rig.Segment([.. batches.Select(b => new[] { b })]);
        var whole = File.ReadAllBytes(path);
        File.Delete(path); // a new file: its writer is unknown and may live, so it stays open
        var begin = batches[0] == "1" ? (int)ShippingRig.BatchesOf(first)[1].Position : 0;
        File.WriteAllBytes(path, [.. whole.AsSpan(0, begin), .. File.ReadAllBytes(first).AsSpan(begin)]);
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(["1", "2"], Transport.Topic);
        WriteOver(path, whole);
        _rig.Shipper!.RunOnce(); // it is too early to look at sizes
        DrainReplaced();
        Assert.Equal(batches, Transport.Topic.Skip(2));
        Assert.InRange(_rig.Status.PossibleDuplicates, batches[0] == "1" ? 1 : 0, 2); // the end of the old content is known
        Assert.Empty(_rig.Ledger());
        Assert.Equal(1, _rig.Status.CheckpointResets);
        _rig.Time.Advance(TimeSpan.FromDays(2));
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>Where the next batch would begin, the new content has neither the start of a batch nor a torn one.</summary>
    [Theory]
    [InlineData(1)] // one batch: the position read to is in the middle of it
    [InlineData(3)]
    public void Nothing_in_an_overwritten_file_is_reported_as_damaged_or_torn(int batches)
    {
        string[] news = [.. Enumerable.Range(0, batches).Select(i => new string((char)('a' + i), 500))];
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var (path, replacement) = TwoContents(["1", "2"], news);
        var (second, bytes) = (ShippingRig.BatchesOf(path)[1].Position, new FileInfo(path).Length);
        _rig.Start();
        _rig.Turn();
        Assert.Single(Transport.InFlight);
        Transport.AnswerAll();
        WriteOver(path, replacement);
        DrainReplaced();
        Assert.Equal(["1", .. news], Transport.Topic);
        Assert.Equal(
            [("lost", Path.GetFileName(path), second, bytes, "the file was written over before they were shipped")], _rig.Ledger());
    }

    /// <summary>In the middle of a turn some of the old content is in memory already.</summary>
    [Fact]
    public void Nothing_in_a_file_overwritten_during_a_turn_is_reported_as_damaged()
    {
        string[] news = [.. Enumerable.Range(0, 6).Select(i => new string((char)('a' + i), 45_000))];
        var (path, replacement) = TwoContents([.. Enumerable.Range(1, 5).Select(i => new string((char)('0' + i), 30_000))], news);
        var before = Transport.Refuses;
        Transport.Refuses = _ =>
        {
            Transport.Refuses = before;
            WriteOver(path, replacement);
            return false;
        };
        Transport.AcksAtOnce = true;
        _rig.Start();
        DrainReplaced();
        Assert.Equal("12", string.Concat(Transport.Topic.Where(v => v[0] < 'a').Select(v => v[0]))); // the part that was in memory
        Assert.Equal(news, Transport.Topic.Skip(2));
        Assert.Equal(["lost"], _rig.Ledger().Select(e => e.Kind));
    }

    /// <summary>Of the same size, at another time. Nothing is left to be read, so the change is seen only by its time.</summary>
    [Fact]
    public void An_open_file_whose_last_batch_was_replaced_is_read_from_its_start()
    {
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(["1"], ["3"]));
        var path = _rig.Segment(["1"], ["2"]);
        BecomeCopy(path);
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn(3);
        var content = File.ReadAllBytes(path);
        var second = (int)ShippingRig.BatchesOf(path)[1].Position;
        WriteOver(path, [.. content.AsSpan(0, second), .. replacement.AsSpan(second)]);
        DrainReplaced();
        Assert.Equal(["1", "2", "1", "3"], Transport.Topic);
        Assert.Equal(2, _rig.Status.PossibleDuplicates);
    }

    /// <summary>Batches in flight get their outcome first, or are recorded as lost because they are no longer there.</summary>
    [Fact]
    public void A_file_overwritten_while_batches_are_in_flight_is_read_again_after_their_outcome()
    {
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(["four"], ["five"], ["six"]));
        var path = _rig.Segment(["1"], ["2"]);
        BecomeCopy(path);
        _rig.Start();
        _rig.Turn();
        Assert.Equal(2, Transport.InFlight.Count);
        WriteOver(path, replacement);
        _rig.Shipper!.RunOnce();
        _rig.Shipper!.RunOnce();
        Assert.Equal(2, Transport.InFlight.Count);
        DrainReplaced();
        Assert.Equal(["1", "2", "four", "five", "six"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
    }

    /// <summary>The time of a change is remembered only after the change was looked at: else it would not be looked at again.</summary>
    [Fact]
    public void An_overwritten_file_that_is_unreadable_for_a_while_is_shipped_when_it_is_readable()
    {
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(["4"], ["5"]));
        var path = _rig.Segment(["1"], ["2"]);
        BecomeCopy(path); // its writer may live, so it stays open
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn(3);
        WriteOver(path, replacement);
        using (OtherFile.UnreadableInPlaceOf(path))
        {
            _rig.Time.Advance(SegmentWatch.Interval);
            _rig.Shipper!.RunOnce();
            Assert.Equal(LogState.Failed, _rig.Status.State);
        }

        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Shipper!.RunOnce();
        DrainReplaced();
        Assert.Equal(["1", "2", "4", "5"], Transport.Topic);
        Assert.Empty(_rig.Ledger());
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>A reader past the end would wait until the file has grown to its position, and miss everything before it.</summary>
    [Fact]
    public void An_open_file_cut_before_the_position_read_is_read_from_its_new_end()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        var path = Directory.GetFiles(_rig.Logs, "*.szn").Single();
        var second = ShippingRig.BatchesOf(path)[1].Position;
        using var other = new ShippingRig();
        var more = File.ReadAllBytes(other.Segment(["3"]));
        _rig.Start();
        Transport.AcksAtOnce = true;
        _rig.Turn(2);
        Assert.Equal(["1", "2"], Transport.Topic);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(second);
            _rig.Time.Advance(SegmentWatch.Interval);
            Run(3);
            file.Position = second;
            file.Write(more);
        }

        Run(10);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal("vanished", Assert.Single(_rig.Ledger()).Kind);
    }

    /// <summary>As by cp, which writes into the existing file: it is short for a while, and ends in the middle of a batch.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_shipped_file_that_is_short_for_a_while_is_sent_again_and_counted_as_possible_duplicates(bool restarts)
    {
        var path = _rig.Segment(["1"], ["2"], ["3", "4"], ["5"]);
        var content = File.ReadAllBytes(path);
        var third = ShippingRig.BatchesOf(path)[2].Position;
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Drain();
        Assert.True(_rig.Saved(path).IsDone);
        Cut(path, third + 30);
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        if (restarts)
        {
            _rig.Crash();
            _rig.Start();
        }

        WriteOver(path, content);
        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5", "3", "4", "5"], Transport.Topic);
        Assert.Equal(3, _rig.Status.PossibleDuplicates);
        Assert.Equal(["vanished"], _rig.Ledger().Select(e => e.Kind));
        Assert.Equal((true, content.Length), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.Position));
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>A copy that is made slowly, or a cut file that is restored: the skipped tail is read again.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void A_skipped_tail_is_shipped_when_its_rest_comes(int batch, bool restarts)
    {
        var path = _rig.Segment(["1"], ["2"], ["3", "4"], ["5"]);
        var content = File.ReadAllBytes(path);
        Cut(path, ShippingRig.BatchesOf(path)[batch].Position + 65);
        Transport.AcksAtOnce = true;
        _rig.Start();
        DrainReplaced();
        Assert.Equal("torn", Assert.Single(_rig.Ledger()).Kind);
        Assert.True(_rig.Saved(path).IsDone);
        if (restarts)
        {
            _rig.Crash();
            _rig.Start();
        }

        WriteOver(path, content);
        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        Assert.Equal("torn", Assert.Single(_rig.Ledger()).Kind);
        Assert.Equal((true, content.Length), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.Position));
    }

    /// <summary>The batches before the tail have no outcome yet, so the file is open when the rest of the tail comes.</summary>
    [Fact]
    public void A_skipped_tail_of_an_open_file_is_shipped_when_its_rest_comes()
    {
        var path = _rig.Segment(["1"], ["2"], ["3", "4"], ["5"]);
        var content = File.ReadAllBytes(path);
        Cut(path, ShippingRig.BatchesOf(path)[2].Position + 65);
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(2, Transport.InFlight.Count);
        Assert.Equal("torn", Assert.Single(_rig.Ledger()).Kind);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Write(content);
        }

        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        Assert.True(_rig.Saved(path).IsDone);
    }

    /// <summary>The name is gone, so the file cannot be opened again. It is still read again from the start of the tail.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_skipped_tail_of_a_removed_file_is_shipped_when_its_rest_comes(int batch)
    {
        var path = _rig.Segment(["1"], ["2"], ["3", "4"], ["5"]);
        var content = File.ReadAllBytes(path);
        var tail = ShippingRig.BatchesOf(path)[batch].Position;
        Cut(path, tail + 65);
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(batch, Transport.InFlight.Count); // so the file stays open
        Assert.Equal([("torn", tail, tail + 65)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            File.Delete(path);
            _rig.Time.Advance(SegmentWatch.Interval);
            _rig.Turn(2);
            file.Write(content);
        }

        DrainReplaced();
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
        Assert.Equal("torn", Assert.Single(_rig.Ledger()).Kind);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        Assert.Equal((true, content.Length), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.Position));
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>A writer that seemed dead takes back half a batch, and continues with fewer bytes than that, or with more.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(5, false)]
    [InlineData(5, true)]
    public void Batches_written_in_place_of_a_skipped_tail_are_shipped(int batches, bool restarts)
    {
        var path = _rig.Segment(["1"], ["2"], [new string('x', 1000)]);
        var third = ShippingRig.BatchesOf(path)[2].Position;
        Cut(path, third + 300);
        Transport.AcksAtOnce = true;
        _rig.Start();
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        if (restarts)
        {
            _rig.Crash();
            _rig.Start();
        }

        using var other = new ShippingRig();
        var more = other.Segment([["1"], ["2"], .. News(batches)]);
        var rest = File.ReadAllBytes(more).AsSpan((int)ShippingRig.BatchesOf(more)[2].Position);
        WriteOver(path, [.. File.ReadAllBytes(path).AsSpan(0, (int)third), .. rest]);
        _rig.Time.Advance(TimeSpan.FromDays(2));
        DrainReplaced();
        Assert.Equal(["1", "2", .. News(batches).Select(n => n[0])], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>The end of the batch is not known, so the search for the next one covers all bytes that could be in it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_batch_whose_length_goes_past_the_end_of_the_file_is_damage_and_later_batches_are_shipped(bool acksAtOnce)
    {
        var path = _rig.Segment(["1"], ["2"], ["3"], ["4"]);
        var batches = ShippingRig.BatchesOf(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = batches[1].Position + 8; // the length of the batch, big endian
            file.Write([0, 1, 0, 0]);
        }

        Transport.AcksAtOnce = acksAtOnce;
        _rig.Start();
        DrainReplaced();
        Assert.Equal(["1", "3", "4"], Transport.Topic);
        Assert.Equal(
            [("damaged", batches[1].Position, batches[2].Position)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(0, _rig.Status.CheckpointResets);
    }

    /// <summary>A segment with a batch for each of the first values, and other content that its writer could have written.</summary>
    private (string Path, byte[] Other) TwoContents(string[] first, string[] other)
    {
        var path = _rig.Segment([.. first.Concat(other).Select(v => new[] { v })]);
        var (content, end) = (File.ReadAllBytes(path), ShippingRig.BatchesOf(path)[first.Length].Position);
        Cut(path, end);
        return (path, content[(int)end..]);
    }

    private static void BecomeCopy(string path)
    {
        var content = File.ReadAllBytes(path);
        File.Delete(path);
        File.WriteAllBytes(path, content);
    }

    private static void Cut(string path, long bytes)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.SetLength(bytes);
    }

    private static string[][] First(int count) => [.. Enumerable.Range(0, count).Select(i => new[] { $"{i}" })];

    private static string[][] News(int count) => [.. Enumerable.Range(4, count).Select(i => new[] { $"{i}" })];

    /// <summary>
    /// A segment with this many batches before one of which only the first record is acknowledged. The daemon is stopped.
    /// </summary>
    private (string Path, long Position) HalfConfirmed(int before)
    {
        _rig.Log = _rig.Log with { OnReject = RejectAction.Hold };
        var path = _rig.Segment([.. First(before), ["good", "bad", "good too"]]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain(20);
        _rig.Crash();
        var position = ShippingRig.BatchesOf(path)[before].Position;
        Assert.Equal((position, 1), (_rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record));
        return (path, position);
    }

    /// <summary>Replaces the file by one with a later change time: the clock of files is coarse.</summary>
    private static void Replace(string path, string replacement)
    {
        var changed = FileFacts.Of(path).Changed;
        do
        {
            File.Move(replacement, replacement + "x");
            File.Move(replacement + "x", replacement);
        }
        while (FileFacts.Of(replacement).Changed <= changed);

        File.Move(replacement, path, overwrite: true);
    }

    /// <summary>Overwrites the same file, with another write time than before: the clock of files is coarse.</summary>
    private static void WriteOver(string path, byte[] content)
    {
        var before = File.GetLastWriteTimeUtc(path);
        do
        {
            File.WriteAllBytes(path, content);
        }
        while (File.GetLastWriteTimeUtc(path) == before);
    }

    /// <summary>Like <see cref="ShippingRig.Drain"/>, without the check of the checkpoint, which expects one file of each name.</summary>
    private void DrainReplaced() => Run(20);

    private void Run(int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
        }
    }
}
