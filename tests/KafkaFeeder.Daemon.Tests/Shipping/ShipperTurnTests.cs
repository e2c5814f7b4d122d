using System.Diagnostics;
using System.Globalization;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>
/// A turn ends after a while, however much there is to do, because the watchdog is fed between turns. The clock moves at each
/// reading of it, as if each step took that long.
/// </summary>
public sealed class ShipperTurnTests : IDisposable
{
    private const int Many = 300;
    private const int AFewSteps = 60;

    private readonly ShippingRig _rig = new();

    private FakeTransport Transport => _rig.Transport;

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void Many_batches_take_many_turns()
    {
        _rig.Segment([.. Enumerable.Range(0, Many).Select(i => new[] { $"{i}" })]);
        Start();
        Assert.True(_rig.Shipper!.RunOnce()); // there is more to do at once
        Assert.InRange(Transport.Sent.Count, 1, AFewSteps);
        DrainSlowly();
        Assert.Equal(Enumerable.Range(0, Many).Select(i => $"{i}"), Transport.Topic);
    }

    [Fact]
    public void Many_batches_that_are_sent_again_take_many_turns()
    {
        _rig.Segment([.. Enumerable.Range(0, Many).Select(i => new[] { $"{i}" })]);
        _rig.Start();
        _rig.Turn();
        Assert.Equal(Many, Transport.Sent.Count);
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        SlowDown();
        Assert.True(_rig.Shipper!.RunOnce());
        Assert.InRange(Transport.Sent.Count - Many, 1, AFewSteps);
        DrainSlowly();
        Assert.Equal(Enumerable.Range(0, Many).Select(i => $"{i}"), Transport.Topic);
    }

    [Fact]
    public void Many_segments_without_a_batch_take_many_turns()
    {
        for (var i = 0; i < Many; i++)
        {
            File.WriteAllBytes(PathOf(i), []);
        }

        _rig.Segment(["behind them"]);
        _rig.Time.Advance(SegmentWatch.Interval * 60); // nothing is added to them for a minute or more
        Start();
        Assert.True(_rig.Shipper!.RunOnce());
        Assert.Empty(Transport.Sent);
        Assert.InRange(_rig.Saved()!.Segments.Count(s => s.IsDone), 1, AFewSteps);
        DrainSlowly();
        Assert.Equal(["behind them"], Transport.Topic);
    }

    [Fact]
    public void Many_links_with_names_of_segments_take_many_turns()
    {
        for (var i = 0; i < Many; i++)
        {
            File.CreateSymbolicLink(PathOf(i), "/nowhere");
        }

        _rig.Segment(["behind them"]);
        Start();
        Assert.True(_rig.Shipper!.RunOnce());
        Assert.InRange(_rig.Status.CheckpointResets, 1, AFewSteps); // each is reported
        DrainSlowly();
        Assert.Equal(["behind them"], Transport.Topic);
    }

    [Fact]
    public void Found_segments_are_saved_in_portions_without_waiting_for_the_interval()
    {
        ManySegments();
        _rig.Turn();
        Assert.Equal(1000, _rig.Saved()!.Segments.Count);
        _rig.Turn(2);
        Assert.Equal(2500, _rig.Saved()!.Segments.Count);
    }

    [Fact]
    public async Task A_stop_saves_all_found_segments()
    {
        ManySegments();
        _rig.Turn();
        Transport.AnswerAll();
        await _rig.Shipper!.RunAsync(_rig.Turns, new CancellationToken(canceled: true));
        Assert.Equal(2500, _rig.Saved()!.Segments.Count);
    }

    [Fact]
    public void A_failed_batch_is_sent_again_before_all_found_segments_are_saved()
    {
        ManySegments(5000);
        _rig.Turn();
        var sent = Transport.Sent.Count;
        Transport.FailAll(Daemon.Transport.OutcomeKind.Retriable);
        _rig.Turn();
        _rig.Time.Advance(TimeSpan.FromMinutes(1));
        _rig.Turn();
        Assert.InRange(Transport.Sent.Count, sent + 1, 2 * sent);
        Assert.InRange(_rig.Saved()!.Segments.Count, 1000, 4000);
    }

    /// <summary>A failed save in between leaves out none of them.</summary>
    [Fact]
    public void Found_segments_are_saved_after_a_failed_save()
    {
        ManySegments();
        _rig.Turn();
        var away = _rig.CheckpointDirectory + ".away";
        Directory.Move(_rig.CheckpointDirectory, away); // the file that is written has a new name now
        _rig.Turn(2);
        Assert.True(_rig.Status.CheckpointFailures > 0);
        Directory.Move(away, _rig.CheckpointDirectory);
        for (var i = 0; i < 5; i++)
        {
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
            _rig.Turn();
        }

        Assert.Equal(2500, _rig.Saved()!.Segments.Count);
    }

    /// <summary>Found segments are saved at once, except by a log that cannot save: it would do nothing else.</summary>
    [Fact]
    public async Task While_saves_fail_a_log_with_found_segments_polls_at_the_usual_rate_and_sends_nothing()
    {
        ManySegments(value: new string('x', 1000)); // more than is sent in one turn
        Transport.AcksAtOnce = true;
        var away = _rig.CheckpointDirectory + ".away";
        Directory.Move(_rig.CheckpointDirectory, away);
        using var stop = new CancellationTokenSource();
        var run = _rig.Shipper!.RunAsync(_rig.Turns, stop.Token);
        await PausesIn(TimeSpan.FromSeconds(1));
        Assert.Equal(LogState.Failed, _rig.Status.State);
        var sent = Transport.Sent.Count;

        Assert.InRange(await PausesIn(TimeSpan.FromSeconds(10)), 10, 60);
        Assert.InRange(sent, 1, 2499);
        Assert.Equal((sent, 0), (Transport.Sent.Count, _rig.Status.InFlightBytes));
        Assert.InRange(_rig.Status.CheckpointFailures, 2, 10);

        Directory.Move(away, _rig.CheckpointDirectory);
        await PausesIn(TimeSpan.FromSeconds(20));
        Assert.Equal(2500, Transport.Topic.Count);
        await stop.CancelAsync();
        await run.WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(2500, _rig.Saved()!.Segments.Count);
    }

    /// <summary>Moves the clock by this time, from pause to pause of the shipper.</summary>
    /// <returns>How often it paused.</returns>
    private async Task<int> PausesIn(TimeSpan time)
    {
        var until = _rig.Time.GetUtcNow() + time;
        var pauses = 0;
        var patience = Stopwatch.StartNew();
        while (_rig.Time.GetUtcNow() < until)
        {
            Assert.True(patience.Elapsed < TimeSpan.FromMinutes(1), "the shipper does not come to a pause");
            if (_rig.Time.Next is { } next)
            {
                pauses++;
                _rig.Time.Advance(next);
            }
            else
            {
                await Task.Yield();
            }
        }

        return pauses;
    }

    private void ManySegments(int count = 2500, string value = "one record")
    {
        var path = _rig.Segment([value]);
        for (var i = 1; i < count; i++)
        {
            File.Copy(path, PathOf(i));
        }

        _rig.Options = new ShipperOptions { CheckpointInterval = TimeSpan.FromHours(1) };
        _rig.Start();
    }

    /// <summary>The search for the next batch after damage takes several turns. Other segments are shipped meanwhile.</summary>
    [Fact]
    public void Long_damage_takes_many_turns_and_does_not_hold_up_other_segments()
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Segment(["3"]);
        var second = (int)ShippingRig.BatchesOf(path)[1].Position;
        var whole = File.ReadAllBytes(path);
        var damage = new byte[40 << 20];
        new Random(1).NextBytes(damage);
        using (var file = new FileStream(path, FileMode.Open))
        {
            file.Position = second;
            file.Write(damage);
            file.Write(whole.AsSpan(second));
        }

        _rig.Start();
        for (var i = 0; i < 2; i++)
        {
            Assert.True(_rig.Shipper!.RunOnce());
            Assert.Equal(["1", "3"], Transport.Sent.SelectMany(s => s.Values));
        }

        _rig.Drain(10);
        Assert.Equal(["1", "3", "2"], Transport.Topic);
        var entry = Assert.Single(_rig.Ledger());
        Assert.Equal(("damaged", (long)second, second + (long)damage.Length), (entry.Kind, entry.Position, entry.EndPosition));
        Assert.Equal(LogState.Idle, _rig.Status.State);
    }

    private string PathOf(int i) => Path.Combine(
        _rig.Logs, string.Create(CultureInfo.InvariantCulture, $"20200101_{i / 60:00}{i % 60:00}00_60_UTC-orders.szn"));

    private void Start()
    {
        _rig.Start();
        SlowDown();
    }

    private void SlowDown() => _rig.Time.TimePerLook = TimeSpan.FromMilliseconds(10);

    private void DrainSlowly()
    {
        for (var i = 0; i < Many; i++)
        {
            _rig.Shipper!.RunOnce();
            Transport.AnswerAll();
        }
    }
}
