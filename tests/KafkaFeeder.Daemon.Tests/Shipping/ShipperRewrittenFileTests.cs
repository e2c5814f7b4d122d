using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>Other content under the same name, by another file or in the same one, and cuts where a batch was half confirmed.</summary>
public sealed class ShipperRewrittenFileTests : IDisposable
{
    private const string AnotherFile = "another file took its name before it was shipped";

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_file_that_was_cut_to_where_a_batch_was_half_confirmed_is_done(int before)
    {
        var (path, position) = HalfConfirmed(before);
        var bytes = new FileInfo(path).Length;
        using (var file = File.OpenWrite(path))
        {
            file.SetLength(position);
        }

        _rig.Start();
        _rig.Drain(10);
        _rig.Time.Advance(TimeSpan.FromDays(2)); // nothing in an empty file tells whether its writer lives
        _rig.Drain(10);
        Assert.Equal(0, _rig.Status.CheckpointFailures);
        Assert.Equal(
            (true, position, 0), (_rig.Saved(path).IsDone, _rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record));
        Assert.Equal([("lost", position, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 3)] // nobody knows what of it was confirmed
    public void Of_another_batch_in_the_place_of_a_half_confirmed_one_every_record_is_sent(int before, int announced)
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
        _rig.Time.Advance(TimeSpan.FromDays(2)); // nobody can tell whether the writer of a copy lives
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal(before + 3, _rig.Saved(path).Acknowledged.Records);
    }

    [Fact]
    public void Where_the_batch_before_a_half_confirmed_one_is_gone_what_is_sent_again_of_that_one_is_announced()
    {
        var (path, position) = HalfConfirmed(2);
        var second = ShippingRig.BatchesOf(path)[1].Position;
        using (var file = File.OpenWrite(path))
        {
            file.Position = second;
            file.Write(new byte[position - second]); // as a power cut leaves a page
        }

        _rig.Start();
        var sentBefore = _rig.Status.PossibleDuplicates; // by the journal
        DrainReplaced();
        Assert.Equal(1, _rig.Status.CheckpointResets);
        Assert.Equal(2, Transport.Topic.Count(v => v == "good"));
        Assert.Equal(3, _rig.Status.PossibleDuplicates - sentBefore);
    }

    /// <summary>Its CRC does not reach there.</summary>
    [Fact]
    public void The_highest_bit_of_a_base_offset_of_our_own_stops_nothing()
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
    public void A_segment_that_is_replaced_before_it_was_opened_is_lost_as_a_whole_and_the_other_is_shipped(int batches, bool isAway)
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

    /// <summary>As a length, and no more, is known of what a writer has not finished: that is no other file when it is.</summary>
    [Fact]
    public void A_segment_that_was_found_while_its_first_batch_was_written_is_the_same_when_that_is_whole()
    {
        using var other = new ShippingRig();
        var whole = File.ReadAllBytes(other.Segment(["2"], ["3"]));
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var first = _rig.Segment(["1"]);
        var second = Path.Combine(_rig.Logs, "20990101_000000_3600_UTC-orders.szn");
        File.WriteAllBytes(second, whole[..62]);
        _rig.Start();
        _rig.Turn();
        File.WriteAllBytes(second, [.. whole[..60], 1, 2, 3]); // taken back, and begun anew
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
    public void A_done_segment_that_is_replaced_by_one_of_the_same_size_is_shipped_from_its_start(bool isAway)
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
    public void Of_many_done_segments_an_old_one_that_is_replaced_by_one_of_the_same_size_is_found_too()
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
    [InlineData(1)] // it ends before what was read
    [InlineData(2)] // and there
    [InlineData(3)] // of the same size
    [InlineData(5)]
    public void What_is_written_over_a_file_that_is_open_is_shipped_and_what_was_there_is_lost_and_told(int batches)
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
        _rig.Time.Advance(TimeSpan.FromDays(2)); // nobody can tell whether the writer of a copy lives
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>
    /// As a log that is copied and cut, or cp over it with a longer one: nobody saw it short. Where it was read to there may be the
    /// middle of a batch, or by chance the start of one. Each text is a batch.
    /// </summary>
    [Theory]
    [InlineData("4 5 6")]
    [InlineData("four five sixth")]
    [InlineData("long-enough-to-reach-past-all-that-was-read-of-the-first-content-so-there-is-the-middle-of-a-batch 3 4")]
    [InlineData("1 4 5 6")] // it begins as before
    [InlineData("1 four five sixth")]
    [InlineData("1 long-enough-to-reach-past-all-that-was-read-of-the-first-content-so-there-is-the-middle-of-a-batch 3 4")]
    public void An_open_file_that_is_written_over_and_has_grown_past_what_was_read_is_shipped(string texts)
    {
        using var other = new ShippingRig();
        var first = other.Segment(["1"], ["2"]);
        var batches = texts.Split(' ');
        var path = _rig.Segment([.. batches.Select(b => new[] { b })]);
        var whole = File.ReadAllBytes(path);
        File.Delete(path); // and not to be known as its writer's, so it stays open: that may live
        var begin = batches[0] == "1" ? (int)ShippingRig.BatchesOf(first)[1].Position : 0;
        File.WriteAllBytes(path, [.. whole.AsSpan(0, begin), .. File.ReadAllBytes(first).AsSpan(begin)]);
        Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(["1", "2"], Transport.Topic);
        WriteOver(path, whole);
        _rig.Shipper!.RunOnce(); // it is not time to look at sizes yet
        DrainReplaced();
        Assert.Equal(batches, Transport.Topic.Skip(2));
        Assert.InRange(_rig.Status.PossibleDuplicates, batches[0] == "1" ? 1 : 0, 2); // it is known where the old content ended
        Assert.Empty(_rig.Ledger());
        Assert.Equal(1, _rig.Status.CheckpointResets);
        _rig.Time.Advance(TimeSpan.FromDays(2));
        DrainReplaced();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
    }

    /// <summary>What the new content has where the next batch was to begin is no batch, and none that was torn.</summary>
    [Theory]
    [InlineData(1)] // it ends in the middle of a batch
    [InlineData(3)]
    public void In_a_file_that_is_written_over_nothing_is_called_damaged_or_torn(int batches)
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

    /// <summary>The middle of a turn, when some of the old content is in memory already.</summary>
    [Fact]
    public void In_a_file_that_is_written_over_in_the_middle_of_a_turn_nothing_is_called_damaged()
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
        Assert.Equal("12", string.Concat(Transport.Topic.Where(v => v[0] < 'a').Select(v => v[0]))); // as far as it was in memory
        Assert.Equal(news, Transport.Topic.Skip(2));
        Assert.Equal(["lost"], _rig.Ledger().Select(e => e.Kind));
    }

    /// <summary>Of the same size, and at another time: nothing is left to be read, so only a look at it tells.</summary>
    [Fact]
    public void An_open_file_whose_last_batch_is_replaced_by_one_of_the_same_size_is_read_from_its_start()
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

    /// <summary>What is on its way has its outcome first, or is accounted for, as it is not there any more.</summary>
    [Fact]
    public void A_file_that_is_written_over_while_batches_are_on_their_way_is_read_again_when_they_have_their_outcome()
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

    /// <summary>The time of the change is noted only when the change was looked at: else nobody would look again.</summary>
    [Fact]
    public void A_file_that_is_written_over_and_cannot_be_read_for_a_while_is_shipped_when_it_can_be()
    {
        using var other = new ShippingRig();
        var replacement = File.ReadAllBytes(other.Segment(["4"], ["5"]));
        var path = _rig.Segment(["1"], ["2"]);
        BecomeCopy(path); // so it stays open: its writer may live
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

    /// <summary>A reader that stands behind the end would wait there until the file has grown to it, and pass what comes before.</summary>
    [Fact]
    public void An_open_file_that_is_cut_behind_what_was_read_is_read_on_at_its_end()
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

    /// <summary>As by cp, which writes into the file that is there: it is short for a while, and ends in the middle of a batch.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_shipped_file_that_is_short_for_a_while_is_sent_again_and_that_is_announced_and_nothing_is_called_damaged(bool restarts)
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

    /// <summary>A copy that is made slowly, or the restoration of a file that was cut: what is passed at its end is read again.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(2, false)]
    [InlineData(2, true)]
    public void A_tail_that_was_passed_is_shipped_when_its_rest_comes(int batch, bool restarts)
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

    /// <summary>What was sent before a tail has no outcome yet, so the file is open when the rest of the tail comes.</summary>
    [Fact]
    public void A_tail_that_was_passed_is_shipped_when_its_rest_comes_while_the_file_is_open()
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

    /// <summary>Its name is gone, so it cannot be opened anew: it is read again from the start of the tail all the same.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_tail_that_was_passed_of_a_file_whose_name_is_gone_is_shipped_when_its_rest_comes(int batch)
    {
        var path = _rig.Segment(["1"], ["2"], ["3", "4"], ["5"]);
        var content = File.ReadAllBytes(path);
        var tail = ShippingRig.BatchesOf(path)[batch].Position;
        Cut(path, tail + 65);
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(batch, Transport.InFlight.Count); // so it stays open
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

    /// <summary>A writer that was taken for gone takes half a batch back, and goes on: with less than that, or with more.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(1, true)]
    [InlineData(5, false)]
    [InlineData(5, true)]
    public void What_is_written_in_the_place_of_a_tail_that_was_passed_is_shipped(int batches, bool restarts)
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

    /// <summary>Its end is not known, so it is looked for behind all that could still be that batch.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_batch_that_claims_to_end_behind_the_file_is_damage_and_what_comes_after_it_is_shipped(bool acksAtOnce)
    {
        var path = _rig.Segment(["1"], ["2"], ["3"], ["4"]);
        var batches = ShippingRig.BatchesOf(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Position = batches[1].Position + 8; // the batch's length, big endian
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

    /// <summary>A segment with a batch of each of the first, and what else its writer might have written from its start.</summary>
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
    /// A segment with so many batches before one whose first record is confirmed, and no other of it; the daemon is away.
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

    /// <summary>By a file that was changed later than it: the clock of files is coarse.</summary>
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

    /// <summary>Into the same file, at another time than it was written before: the clock of files is coarse.</summary>
    private static void WriteOver(string path, byte[] content)
    {
        var before = File.GetLastWriteTimeUtc(path);
        do
        {
            File.WriteAllBytes(path, content);
        }
        while (File.GetLastWriteTimeUtc(path) == before);
    }

    /// <summary>As <see cref="ShippingRig.Drain"/>; the check of the checkpoint does not know two files of one name.</summary>
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
