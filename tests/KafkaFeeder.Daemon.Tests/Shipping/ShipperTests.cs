using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format;
using KafkaLog.Format.Records;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>Order, retries and the checkpoint while files are as they should be.</summary>
public sealed class ShipperTests : IDisposable
{
    private const int Recovered = 307;

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Every_record_of_every_segment_is_delivered_once_and_in_order()
    {
        var one = _rig.Segment(["1", "2"], ["3"]);
        var two = _rig.Segment(["4"], ["5", "6"]);
        _rig.Start();
        _rig.Drain();

        Assert.Equal(["1", "2", "3", "4", "5", "6"], Transport.Topic);
        Assert.True(_rig.Saved(one).IsDone);
        Assert.True(_rig.Saved(two).IsDone);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal(0, _rig.Status.LagBytes);
        Assert.Equal(6, _rig.Status.ShippedRecords);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
        Assert.Equal(0, _rig.Budget.UsedBytes);
    }

    [Fact]
    public void The_checkpoint_never_moves_past_a_batch_that_is_not_acknowledged()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var batches = ShippingRig.BatchesOf(path);
        _rig.Start();
        _rig.Turn();
        var sent = Transport.InFlight.ToList();
        Assert.Equal(3, sent.Count);

        Transport.Acknowledge(sent[2]);
        Transport.Acknowledge(sent[1]);
        _rig.Turn(3);
        Assert.Equal(0, _rig.Saved(path).Acknowledged.Position);

        Transport.Acknowledge(sent[0]);
        _rig.Turn(3);
        Assert.Equal(batches[2].Position + batches[2].Header.TotalBytes, _rig.Saved(path).Acknowledged.Position);
    }

    /// <summary>The transport state and the acknowledged positions are of one moment, even while batches are in flight.</summary>
    [Fact]
    public void The_transport_state_is_saved_with_the_positions_that_it_belongs_to()
    {
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        Transport.State = pending => string.Join(',', pending.Select(b => b.Position).Append(-1));
        _rig.Start();
        _rig.Turn();
        var batches = ShippingRig.BatchesOf(path);
        Transport.Acknowledge(Transport.InFlight[1]); // the position stays before the first, so both that follow it count
        _rig.Turn(2);
        Assert.Equal(0, _rig.Saved(path).Acknowledged.Position);
        Assert.Equal($"0,{batches[1].Position},{batches[2].Position},-1", _rig.Saved()!.TransportState);
        Transport.Acknowledge(Transport.InFlight[0]);
        _rig.Turn(2);
        Assert.Equal(batches[2].Position, _rig.Saved(path).Acknowledged.Position);
        Assert.Equal($"{batches[2].Position},-1", _rig.Saved()!.TransportState);

        Transport.AnswerAll();
        _rig.Turn(3);
        Assert.Equal((true, "-1"), (_rig.Saved(path).IsDone, _rig.Saved()!.TransportState));
    }

    [Fact]
    public void A_segment_whose_writer_closes_it_after_the_last_acknowledgement_is_saved_as_done()
    {
        using (var writer = _rig.Writer())
        {
            ShippingRig.Append(writer, "1");
            _rig.Start();
            _rig.Drain(3);
            Assert.False(Assert.Single(_rig.Saved()!.Segments).IsDone);
        }

        _rig.Drain(3);
        Assert.True(Assert.Single(_rig.Saved()!.Segments).IsDone); // else it would never be cleaned
    }

    [Fact]
    public void Recovery_sends_no_new_batch_and_then_only_unacknowledged_records_in_order()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2", "3");
        ShippingRig.Append(writer, "4");
        _rig.Start();
        _rig.Turn();
        var sent = Transport.InFlight.ToList();

        Transport.Acknowledge(sent[0]);
        Transport.Fail(sent[1], OutcomeKind.Retriable, acknowledged: 1);
        ShippingRig.Append(writer, "5");
        _rig.Turn(3);
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Turn(3);
        Assert.Equal(3, Transport.Sent.Count); // one is still in flight
        Assert.Equal(LogState.Retrying, _rig.Status.State);

        Transport.Fail(sent[2], OutcomeKind.Retriable);
        _rig.Turn(3);
        Assert.Equal(3, Transport.Sent.Count); // the wait is not over
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Turn(3);
        Assert.Equal(["3"], Transport.Sent[3].Values);
        Assert.Equal(["4"], Transport.Sent[4].Values);
        Assert.Equal(["5"], Transport.Sent[5].Values);

        _rig.Drain(3);
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
        Assert.Equal(2, _rig.Status.ResentRecords);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Theory]
    [InlineData(nameof(OutcomeKind.Retriable), nameof(LogState.Retrying))]
    [InlineData(nameof(OutcomeKind.Held), nameof(LogState.Held))]
    [InlineData(nameof(OutcomeKind.Fatal), nameof(LogState.Retrying))]
    [InlineData(nameof(OutcomeKind.Unknown), nameof(LogState.Retrying))]
    public void Shipping_continues_by_itself_and_in_order_after_any_failure(string kind, string state)
    {
        var path = _rig.Segment(["1", "2"], ["3"], ["4"]);
        _rig.Start();
        for (var i = 0; i < 20; i++)
        {
            _rig.Turn();
            Transport.FailAll(Enum.Parse<OutcomeKind>(kind));
            _rig.Turn(2);
            Assert.Equal(state, _rig.Status.State.ToString());
            Assert.NotNull(_rig.Status.Error);
            _rig.Time.Advance(TimeSpan.FromSeconds(61));
        }

        Assert.Equal(kind == nameof(OutcomeKind.Retriable) ? 60 : 3 + 19, Transport.Sent.Count); // one batch tries whether it works again
        Assert.Equal(0, _rig.Saved()?.Segments[0].Acknowledged.Position ?? 0);
        _rig.Drain(3);
        Assert.Equal(["1", "2", "3", "4"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Null(_rig.Status.Error);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void Waits_grow_with_each_failure_even_when_records_are_sent_one_by_one()
    {
        _rig.Segment(["1", "bad", "2"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        _rig.Turn(2);
        Assert.True(Transport.Sent[^1].IsIsolated);

        var before = Transport.Sent.Count;
        for (var i = 0; i < 600; i++) // a minute
        {
            Transport.FailAll(OutcomeKind.Retriable);
            _rig.Turn();
            _rig.Time.Advance(TimeSpan.FromMilliseconds(100));
        }

        Assert.InRange(Transport.Sent.Count - before, 5, 40);
    }

    [Fact]
    public void Possible_duplicates_are_saved_before_the_batch_is_sent_again()
    {
        _rig.Segment(["1", "2", "3"]);
        _rig.Options = _rig.Options with { CheckpointInterval = TimeSpan.FromHours(1) };
        _rig.Start();
        _rig.Turn();
        Transport.Fail(Transport.InFlight[0], OutcomeKind.Unknown, persisted: 2);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromSeconds(61));
        _rig.Turn();

        Assert.Equal(2, Transport.Sent.Count);
        Assert.Equal(2, _rig.Saved()!.PossibleDuplicates);
        _rig.Drain(2);
        Assert.Equal(["1", "2", "1", "2", "3"], Transport.Topic);
        Assert.Equal(2, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void Without_a_transport_that_keeps_order_one_window_is_in_flight_at_a_time()
    {
        Transport.KeepsOrder = false;
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        _rig.Start();
        _rig.Turn();
        Assert.Equal(2, Transport.InFlight.Count);

        ShippingRig.Append(writer, "3");
        Transport.Acknowledge(Transport.InFlight[0]);
        _rig.Turn(3);
        Assert.Equal(2, Transport.Sent.Count); // the client may still retry "2": "3" would be stored before it

        Transport.Acknowledge(Transport.InFlight[0]);
        _rig.Turn();
        Assert.Equal(["3"], Transport.Sent[2].Values);
    }

    [Fact]
    public void Without_a_transport_that_keeps_order_a_window_holds_one_request()
    {
        Transport.KeepsOrder = false;
        _rig.Segment([.. Enumerable.Range(0, 40).Select(b => Enumerable.Range(0, 500).Select(i => $"{b}.{i}").ToArray())]);
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal(8_000, Transport.InFlight.Sum(s => s.Records.Count));
        _rig.Drain();
        Assert.Equal(Enumerable.Range(0, 40).SelectMany(b => Enumerable.Range(0, 500).Select(i => $"{b}.{i}")), Transport.Topic);
    }

    [Fact]
    public void A_batch_that_does_not_fit_into_the_request_begins_the_next()
    {
        Transport.KeepsOrder = false;
        string[] Batch(int first) => [.. Enumerable.Range(first, 5_000).Select(i => $"{i}")];
        _rig.Segment(Batch(0), Batch(5_000), Batch(10_000));
        _rig.Start();
        for (var i = 0; i < 3; i++)
        {
            _rig.Turn(3);
            Assert.Equal(5_000, Assert.Single(Transport.InFlight).Records.Count);
            if (i == 1)
            {
                Transport.FailAll(OutcomeKind.Retriable); // and again after a failure
                _rig.Turn();
                _rig.Time.Advance(TimeSpan.FromMinutes(1));
                _rig.Turn(3);
                Assert.Equal(5_000, Assert.Single(Transport.InFlight).Records.Count);
            }

            Transport.AnswerAll();
        }

        _rig.Drain(3);
        Assert.Equal(Enumerable.Range(0, 15_000).Select(i => $"{i}"), Transport.Topic);
        Assert.Equal(5_000, _rig.Status.ResentRecords);
    }

    [Fact]
    public void Strict_order_sends_one_window_at_a_time_even_if_the_transport_keeps_order()
    {
        _rig.Log = _rig.Log with { StrictOrder = true };
        Transport.Refuses = value => value == "bad";
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1", "bad", "2");
        _rig.Start();
        _rig.Turn();
        ShippingRig.Append(writer, "3");
        _rig.Turn(3);
        Assert.Single(Transport.Sent); // one window in flight: if it fails, no later record is acknowledged
        _rig.Drain();
        Assert.Equal(["1", "2", "3"], Transport.Topic);
    }

    [Fact]
    public void In_strict_order_nothing_is_sent_until_a_refused_record_and_its_batch_are_settled()
    {
        _rig.Log = _rig.Log with { StrictOrder = true };
        Transport.Refuses = value => value == "bad";
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1", "bad", "2");
        _rig.Start();
        _rig.Turn();
        ShippingRig.Append(writer, "3");
        Transport.AnswerAll();
        for (var i = 0; i < 3; i++)
        {
            _rig.Turn();
            _rig.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(["1", "bad", "2"], Assert.Single(Transport.InFlight).Values);
        Transport.Fail(Transport.InFlight[0], OutcomeKind.Retriable, acknowledged: 1); // the outcome of "bad" is not known yet
        for (var i = 0; i < 3; i++)
        {
            _rig.Turn();
            _rig.Time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(["bad", "2"], Assert.Single(Transport.InFlight).Values);
        _rig.Drain();
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(["bad"], _rig.Quarantined());
    }

    [Fact]
    public void The_end_of_a_failure_is_logged_once_with_the_name_of_the_log()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        _rig.Start();
        _rig.Turn();
        Transport.FailAll(OutcomeKind.Retriable);
        _rig.Turn();
        Assert.Empty(_rig.Lines.Of(Recovered));
        _rig.Drain(5);
        ShippingRig.Append(writer, "3");
        _rig.Drain(5);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(["orders: recovered; shipping continues"], _rig.Lines.Of(Recovered));

        Transport.Refuses = value => value == "bad"; // setting the record aside ends the failure
        ShippingRig.Append(writer, "bad");
        _rig.Drain(5);
        Assert.Equal(2, _rig.Lines.Of(Recovered).Length);
    }

    /// <summary>Even if each batch has only one record.</summary>
    [Fact]
    public void A_topic_that_refuses_every_batch_holds_the_log()
    {
        _rig.Segment([.. Enumerable.Range(0, 50).Select(i => new[] { $"{i}" })]);
        Transport.Refuses = _ => true;
        Transport.RefusesAs = RejectionKind.Topic;
        _rig.Start();
        _rig.Drain(200);
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.InRange(_rig.Quarantined().Count, 0, 19);
    }

    /// <summary>A refused record does not mean that the records after it were accepted.</summary>
    [Fact]
    public void A_topic_that_refuses_every_record_holds_the_log_even_if_the_connection_fails_each_time()
    {
        _rig.Segment([.. Enumerable.Range(0, 50).Select(i => $"{i}")]);
        Transport.Refuses = _ => true;
        Transport.RefusesAs = RejectionKind.Topic;
        _rig.Start();
        _rig.Turn();
        Transport.AnswerAll();
        for (var i = 0; i < 40; i++)
        {
            _rig.Turn();
            _rig.Time.Advance(TimeSpan.FromMinutes(1));
            foreach (var sending in Transport.InFlight.ToList())
            {
                var first = new RejectedRecord(sending.Records[0].Index, "InvalidRecord", RejectionKind.Topic);
                Transport.Fail(sending, OutcomeKind.Retriable, rejected: [first]);
            }
        }

        _rig.Turn();
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Equal(19, _rig.Quarantined().Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Refused_records_with_acknowledged_ones_between_them_do_not_hold_the_log(int recordsPerBatch)
    {
        var values = Enumerable.Range(0, 80).Select(i => i % 2 == 0 ? $"{i}" : $"bad {i}").ToArray();
        _rig.Segment([.. values.Chunk(recordsPerBatch)]);
        Transport.Refuses = value => value.StartsWith("bad", StringComparison.Ordinal);
        Transport.RefusesAs = RejectionKind.Topic;
        _rig.Start();
        _rig.Drain(400);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Equal(40, _rig.Quarantined().Count);
        Assert.Equal(40, Transport.Topic.Count);
    }

    [Fact]
    public void A_topic_that_refuses_every_record_holds_the_log_and_sets_nothing_aside()
    {
        _rig.Segment([.. Enumerable.Range(0, 50).Select(i => $"{i}")]);
        Transport.Refuses = _ => true;
        Transport.RefusesAs = RejectionKind.Topic;
        _rig.Start();
        _rig.Drain(10);
        Assert.Empty(_rig.Quarantined());
        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains("50 records in a row", _rig.Status.Error, StringComparison.Ordinal);

        Transport.Refuses = _ => false;
        _rig.Drain();
        Assert.Equal(50, Transport.Topic.Count);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_record_hours_ahead_of_the_clock_is_held_and_not_set_aside()
    {
        using (var writer = _rig.Writer())
        {
            var ahead = _rig.Time.GetUtcNow().AddHours(2).ToUnixTimeMilliseconds();
            writer.Append(new NewRecord(ahead, "early"u8.ToArray()));
        }

        Transport.Refuses = _ => true;
        Transport.RefusesAs = RejectionKind.Timestamp;
        _rig.Start();
        _rig.Drain(10);
        Assert.Empty(_rig.Quarantined());
        Assert.Equal(LogState.Held, _rig.Status.State);

        Transport.Refuses = _ => false;
        _rig.Drain();
        Assert.Equal(["early"], Transport.Topic);
    }

    [Fact]
    public void A_record_years_ahead_of_the_clock_is_set_aside()
    {
        using (var writer = _rig.Writer())
        {
            writer.Append(new NewRecord(_rig.Time.GetUtcNow().AddYears(2).ToUnixTimeMilliseconds(), "wrong"u8.ToArray()));
        }

        Transport.Refuses = _ => true;
        Transport.RefusesAs = RejectionKind.Timestamp;
        _rig.Start();
        _rig.Drain(10);
        Assert.Equal(["wrong"], _rig.Quarantined());
    }

    [Fact]
    public void Brokers_that_do_not_answer_are_reported_in_seconds_even_without_an_error()
    {
        _rig.Segment(["1"]);
        _rig.Start();
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromSeconds(6));
        _rig.Turn();
        Assert.Equal(LogState.Retrying, _rig.Status.State);
        Assert.Contains("no acknowledgement for 6 s", _rig.Status.Error, StringComparison.Ordinal);
        Transport.AnswerAll();
        _rig.Drain(2);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Null(_rig.Status.Error);
    }

    [Fact]
    public void A_log_without_turns_for_two_minutes_is_shown_as_failed()
    {
        _rig.Segment(["1"]);
        _rig.Start();
        _rig.Drain(3);
        Assert.Equal(LogState.Idle, _rig.Status.State);
        _rig.Time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.Contains("no progress for 2 min", _rig.Status.Error, StringComparison.Ordinal);
        _rig.Turn();
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void Without_strict_order_a_log_does_not_wait_for_the_whole_window()
    {
        Transport.KeepsOrder = false;
        _rig.Log = _rig.Log with { StrictOrder = false };
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        ShippingRig.Append(writer, "2");
        _rig.Start();
        _rig.Turn();
        Transport.Acknowledge(Transport.InFlight[0]);
        ShippingRig.Append(writer, "3");
        _rig.Turn();
        Assert.Equal(3, Transport.Sent.Count);
    }

    [Fact]
    public void No_more_bytes_are_in_flight_than_the_window_allows()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1_000 };
        _rig.Segment([.. Enumerable.Range(0, 100).Select(i => new[] { new string('x', 100) + i })]);
        _rig.Start();
        _rig.Turn(5);
        Assert.InRange(Transport.InFlight.Sum(s => s.Batch.Bytes), 900, 1_200);
        Assert.Equal(_rig.Status.InFlightBytes, Transport.InFlight.Sum(s => s.Batch.Bytes));
        _rig.Drain();
        Assert.Equal(100, Transport.Topic.Count);
    }

    [Fact]
    public void A_refused_record_is_set_aside_and_the_others_of_its_batch_are_delivered()
    {
        var path = _rig.Segment(["1", "2", "bad", "3"], ["4"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain();

        Assert.Equal(["1", "2", "3", "4"], Transport.Topic.Order(StringComparer.Ordinal));
        Assert.Equal(["bad"], _rig.Quarantined());
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("rejected", Path.GetFileName(path), "offset 2: MsgSizeTooLarge"), (entry.Kind, entry.Segment, entry.Reason));
        Assert.Equal(1, _rig.Status.RejectedRecords);
        Assert.True(_rig.Saved(path).IsDone);
    }

    [Fact]
    public void A_log_whose_last_record_was_refused_becomes_idle()
    {
        _rig.Segment(["1"], ["bad"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        _rig.Drain();
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Null(_rig.Status.Error);

        _rig.Segment(["also bad", "bad", "bad"]);
        Transport.Refuses = _ => true;
        _rig.Drain();
        Assert.Equal(["bad", "also bad", "bad", "bad"], _rig.Quarantined());
        Assert.Equal(LogState.Idle, _rig.Status.State);
        Assert.Null(_rig.Status.Error);
    }

    [Fact]
    public void A_very_large_refused_record_is_set_aside()
    {
        var large = new string('x', 40 << 20);
        _rig.Segment([large]);
        Transport.Refuses = value => value.Length > 100;
        _rig.Start();
        _rig.Drain(5);
        Assert.Equal(large.Length, Assert.Single(_rig.Quarantined()).Length);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void With_on_reject_hold_the_log_waits_at_a_refused_record_until_it_is_accepted()
    {
        _rig.Log = _rig.Log with { OnReject = RejectAction.Hold };
        var path = _rig.Segment(["1", "bad", "2"], ["3"]);
        Transport.Refuses = value => value == "bad";
        _rig.Start();
        for (var i = 0; i < 20; i++)
        {
            _rig.Drain(3);
        }

        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Empty(_rig.Quarantined());
        Assert.Empty(_rig.Ledger());
        Assert.Equal((0, 1), (_rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record));

        Transport.Refuses = _ => false;
        _rig.Drain();
        Assert.Equal(["1", "2", "3", "bad"], Transport.Topic.Order(StringComparer.Ordinal));
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_record_that_cannot_be_set_aside_is_not_skipped()
    {
        var path = _rig.Segment(["1", "bad"], ["2"]);
        Transport.Refuses = value => value == "bad";
        Directory.CreateDirectory(_rig.LedgerPath); // the ledger cannot be written
        _rig.Start();
        _rig.Drain();
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.Equal(0, _rig.Saved(path).Acknowledged.Position);

        Directory.Delete(_rig.LedgerPath);
        _rig.Drain();
        Assert.True(_rig.Saved(path).IsDone);
        Assert.Contains("bad", _rig.Quarantined());
        Assert.Equal("rejected", Assert.Single(_rig.Ledger()).Kind);
    }

    [Fact]
    public async Task A_stop_saves_acknowledgements_even_if_a_refused_record_cannot_be_set_aside()
    {
        var path = _rig.Segment(["1"], ["bad"]);
        _rig.Options = _rig.Options with { CheckpointInterval = TimeSpan.FromHours(1) };
        Transport.Refuses = value => value == "bad";
        Directory.CreateDirectory(_rig.LedgerPath);
        var shipper = _rig.Start();
        shipper.RunOnce();
        Transport.AnswerAll();
        await shipper.RunAsync(_rig.Turns, new CancellationToken(canceled: true)).WaitAsync(TimeSpan.FromSeconds(20));

        Assert.Equal(LogState.Stopped, _rig.Status.State);
        Assert.Equal(ShippingRig.BatchesOf(path)[1].Position, _rig.Saved(path).Acknowledged.Position);
    }

    [Fact]
    public async Task A_stop_waits_for_acknowledgements_only_until_its_limit()
    {
        _rig.Segment(["1"]);
        var shipper = _rig.Start();
        shipper.RunOnce();
        var stop = shipper.RunAsync(_rig.Turns, new CancellationToken(canceled: true));
        var waited = TimeSpan.Zero;
        while (!stop.IsCompleted)
        {
            _rig.Time.Advance(TimeSpan.FromMilliseconds(1));
            waited += TimeSpan.FromMilliseconds(1);
            await Task.Yield();
        }

        await stop;
        Assert.True(waited >= _rig.Options.DrainTimeout);
        Assert.Equal(LogState.Stopped, _rig.Status.State);
        Assert.Single(Transport.InFlight);
    }

    [Fact]
    public async Task After_a_clean_stop_nothing_is_sent_twice()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1", "2");
        _rig.Options = _rig.Options with { CheckpointInterval = TimeSpan.FromHours(1) };
        var shipper = _rig.Start();
        shipper.RunOnce();
        var stop = shipper.RunAsync(_rig.Turns, new CancellationToken(canceled: true));
        Transport.AnswerAll();
        await stop.WaitAsync(TimeSpan.FromSeconds(20));
        _rig.Crash();

        ShippingRig.Append(writer, "3");
        _rig.Start();
        _rig.Drain(3);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(0, _rig.Status.PossibleDuplicates);
    }

    [Fact]
    public void A_resume_in_the_middle_of_a_batch_sends_only_the_rest_of_it()
    {
        var path = _rig.Segment(["1", "2", "3", "4"], ["5"]);
        _rig.Start();
        _rig.Turn();
        Transport.Fail(Transport.InFlight[0], OutcomeKind.Retriable, acknowledged: 3);
        _rig.Turn();
        Assert.Equal(
            (0, 3, 3),
            (_rig.Saved(path).Acknowledged.Position, _rig.Saved(path).Acknowledged.Record, _rig.Saved(path).Acknowledged.NextOffset));
        _rig.Crash();
        Transport.Sent.Clear();

        _rig.Start();
        _rig.Turn();
        Assert.Equal(["4"], Transport.Sent[0].Values);
        Assert.Equal(["5"], Transport.Sent[1].Values);
        Assert.Equal(2, _rig.Status.PossibleDuplicates);
        _rig.Drain(3);
        Assert.Equal(["1", "2", "3", "4", "5"], Transport.Topic);
    }

    [Fact]
    public void While_the_checkpoint_cannot_be_saved_nothing_more_is_sent()
    {
        using var writer = _rig.Writer();
        ShippingRig.Append(writer, "1");
        _rig.Start();
        _rig.Drain(2);

        var aside = _rig.CheckpointDirectory + ".aside";
        Directory.Move(_rig.CheckpointDirectory, aside);
        File.WriteAllText(_rig.CheckpointDirectory, "in its place");
        ShippingRig.Append(writer, "2");
        _rig.Drain(2);
        var sent = Transport.Sent.Count;
        ShippingRig.Append(writer, "3");
        _rig.Drain(5);
        Assert.Equal(sent, Transport.Sent.Count);
        Assert.Equal(LogState.Failed, _rig.Status.State);
        Assert.True(_rig.Status.CheckpointFailures > 0);

        File.Delete(_rig.CheckpointDirectory);
        Directory.Move(aside, _rig.CheckpointDirectory);
        _rig.Drain(5);
        Assert.Equal(["1", "2", "3"], Transport.Topic);
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    [Fact]
    public void A_batch_that_the_transport_cannot_read_is_recorded_as_damage_and_skipped()
    {
        var path = _rig.Segment(["1"], ["2"]);
        Transport.Throws = new CorruptBatchException("as the test says");
        _rig.Start();
        _rig.Drain(3);
        Assert.Equal(["2"], Transport.Topic);
        Assert.Equal("damaged", Assert.Single(_rig.Ledger()).Kind);
        Assert.True(File.Exists(Path.Combine(_rig.RejectedDirectory, Path.GetFileName(path) + ".0.damaged")));
    }

    [Fact]
    public void A_batch_of_an_unsupported_version_is_never_skipped()
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Start();
        for (var i = 0; i < 5; i++)
        {
            Transport.Throws = new UnsupportedBatchException("as the test says");
            _rig.Turn();
            Assert.Empty(Transport.Sent);
            Assert.Equal(LogState.Failed, _rig.Status.State);
            Assert.Equal("as the test says", _rig.Status.Error);
            _rig.Time.Advance(TimeSpan.FromSeconds(61));
        }

        Transport.Throws = null;
        _rig.Drain(3);
        Assert.Equal(["1", "2"], Transport.Topic);
        Assert.True(_rig.Saved(path).IsDone);
    }
}
