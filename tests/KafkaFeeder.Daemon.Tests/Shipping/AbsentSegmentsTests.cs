using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>What is reported about segments that are gone from their directory before they are shipped.</summary>
public sealed class AbsentSegmentsTests : IDisposable
{
    private const int MissingEvent = 309;
    private const int RemovedEvent = 310;

    private readonly ShippingRig _rig = new();

    public void Dispose() => _rig.Dispose();

    [Fact]
    public void A_segment_removed_while_it_is_read_is_reported_until_it_is_shipped()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var bytes = new FileInfo(path).Length;
        _rig.Start();
        _rig.Turn();
        File.Delete(path);
        Look();

        Assert.Equal(LogState.Retrying, _rig.Status.State);
        Assert.Contains("1 segment with", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Contains("removed from " + _rig.Logs + " while being read", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Equal((bytes, bytes, bytes), (_rig.Status.LagBytes, _rig.Status.MissingBytes, _rig.Status.RemovedBytes));
        Assert.Contains("stops first", Assert.Single(_rig.Lines.Of(RemovedEvent)), StringComparison.Ordinal);

        _rig.Drain(5);
        Assert.Equal(["1", "2"], _rig.Transport.Topic);
        Assert.Equal((LogState.Idle, null), (_rig.Status.State, _rig.Status.Error));
        Assert.Equal((0, 0, 0), (_rig.Status.LagBytes, _rig.Status.MissingBytes, _rig.Status.RemovedBytes));
        Assert.Single(_rig.Lines.Of(RemovedEvent));
        Assert.Empty(_rig.Ledger());
    }

    [Fact]
    public void A_segment_removed_while_it_is_read_is_lost_at_a_crash()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var bytes = new FileInfo(path).Length;
        _rig.Start();
        _rig.Turn();
        File.Delete(path);
        Look();
        _rig.Crash();

        _rig.Start();
        _rig.Drain(1);
        Assert.Equal((0, bytes, 0), (_rig.Status.LagBytes, _rig.Status.MissingBytes, _rig.Status.RemovedBytes));
        Assert.Contains("1 segment with", Assert.Single(_rig.Lines.Of(MissingEvent)), StringComparison.Ordinal);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(5);
        Assert.Equal([("lost", 0, bytes)], _rig.Ledger().Select(e => (e.Kind, e.Position, e.EndPosition)));
        Assert.Equal(0, _rig.Status.MissingBytes);
    }

    [Fact]
    public void A_removed_segment_that_comes_back_is_no_longer_reported()
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Start();
        _rig.Turn();
        File.Move(path, path + ".aside");
        Look();
        Assert.NotEqual(0, _rig.Status.RemovedBytes);

        File.Move(path + ".aside", path);
        Look();
        Assert.Equal((0, 0), (_rig.Status.MissingBytes, _rig.Status.RemovedBytes));
        Assert.Null(_rig.Status.Error);
        Assert.Equal(LogState.Shipping, _rig.Status.State);

        File.Delete(path);
        _rig.Time.Advance(RepeatLimit.Interval);
        _rig.Turn();
        Assert.NotEqual(0, _rig.Status.RemovedBytes);
        Assert.Equal(2, _rig.Lines.Of(RemovedEvent).Length);
    }

    [Fact]
    public void A_copy_under_the_name_of_a_removed_segment_does_not_count_as_that_segment()
    {
        var path = _rig.Segment(["1"], ["2"]);
        _rig.Start();
        _rig.Turn();
        File.Copy(path, path + ".copy");
        File.Delete(path);
        Look();
        File.Move(path + ".copy", path);
        Look();
        Assert.NotEqual(0, _rig.Status.RemovedBytes);
        _rig.Drain(5);
        Assert.Equal(["1", "2"], _rig.Transport.Topic);
        Assert.Equal(0, _rig.Status.RemovedBytes);
    }

    [Fact]
    public void A_held_log_also_reports_its_missing_segments()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["1"]);
        var second = _rig.Segment(["2"]);
        _rig.Start();
        _rig.Turn();
        _rig.Transport.FailAll(OutcomeKind.Held);
        File.Delete(second);
        Look();

        Assert.Equal(LogState.Held, _rig.Status.State);
        Assert.Contains("as the test says", _rig.Status.Error, StringComparison.Ordinal);
        Assert.Contains("missing from " + _rig.Logs, _rig.Status.Error, StringComparison.Ordinal);
        Assert.NotEqual(0, _rig.Status.MissingBytes);
        Assert.Equal(0, _rig.Status.RemovedBytes);
    }

    [Fact]
    public void Missing_segments_are_logged_in_one_line_and_further_ones_after_a_while()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["first"]);
        var paths = Enumerable.Range(0, 4).Select(i => _rig.Segment([$"{i}"])).ToList();
        _rig.Start();
        _rig.Turn();
        paths.Take(2).ToList().ForEach(File.Delete);
        Look();
        File.Delete(paths[2]);
        Look();
        Assert.Contains("2 segments with", Assert.Single(_rig.Lines.Of(MissingEvent)), StringComparison.Ordinal);

        _rig.Time.Advance(RepeatLimit.Interval);
        _rig.Turn();
        Assert.Contains("3 segments with", _rig.Lines.Of(MissingEvent)[1], StringComparison.Ordinal);
        _rig.Time.Advance(RepeatLimit.Interval);
        _rig.Turn();
        Assert.Equal(2, _rig.Lines.Of(MissingEvent).Length);
    }

    /// <summary>The checkpoint does not have bytes added after the segment was found, as long as it can still be read.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bytes_written_to_a_removed_segment_after_it_was_found_are_lost_with_it(bool growsAfter)
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"], ["4"]);
        var whole = File.ReadAllBytes(path);
        var second = (int)ShippingRig.BatchesOf(path)[1].Position;
        File.Delete(path); // a new file, so that its writer is unknown and may live
        File.WriteAllBytes(path, whole[..second]);
        _rig.Start();
        _rig.Turn();
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        file.Write(whole.AsSpan(second, growsAfter ? 10 : whole.Length - second));
        file.Flush();
        Look();
        File.Delete(path);
        Look();
        if (growsAfter)
        {
            file.Write(whole.AsSpan(second + 10));
            file.Flush();
            Look();
        }

        Assert.Equal(whole.Length, _rig.Status.MissingBytes);
        _rig.Turn(2);
        _rig.Crash();
        _rig.Start();
        _rig.Turn();
        Assert.Equal(whole.Length, _rig.Status.MissingBytes);
        _rig.Time.Advance(MissingPolicy.PatienceWithDirectory);
        _rig.Drain(5);
        Assert.Equal([("lost", 0, whole.Length)], _rig.Ledger().Select(e => (e.Kind, (int)e.Position, (int)e.EndPosition)));
    }

    [Fact]
    public void An_open_segment_is_shipped_although_its_directory_is_gone()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        var path = _rig.Segment(["1"], ["2"], ["3"]);
        var bytes = new FileInfo(path).Length;
        _rig.Start();
        _rig.Turn();
        Assert.Single(_rig.Transport.InFlight);
        Directory.Move(_rig.Logs, _rig.Logs + ".aside");
        Look();
        Assert.Equal((LogState.Failed, bytes), (_rig.Status.State, _rig.Status.RemovedBytes));
        Assert.Single(_rig.Lines.Of(RemovedEvent));
        _rig.Drain(5);
        Assert.Equal(["1", "2", "3"], _rig.Transport.Topic);
        Assert.Equal((0, 0), (_rig.Status.RemovedBytes, _rig.Status.LagBytes));

        Directory.Move(_rig.Logs + ".aside", _rig.Logs);
        _rig.Drain(5);
        Assert.Equal((LogState.Idle, null), (_rig.Status.State, _rig.Status.Error));
        Assert.Equal(["1", "2", "3"], _rig.Transport.Topic);
    }

    [Fact]
    public void A_directory_that_comes_back_while_its_segments_are_read_causes_no_loss()
    {
        _rig.Segment(["1"], ["2"]);
        _rig.Start();
        _rig.Turn();
        Directory.Move(_rig.Logs, _rig.Logs + ".aside");
        Look();
        Assert.NotEqual(0, _rig.Status.RemovedBytes);
        Directory.Move(_rig.Logs + ".aside", _rig.Logs);
        Look();
        Assert.Equal(0, _rig.Status.RemovedBytes);
        Assert.NotEqual(0, _rig.Status.LagBytes);
    }

    /// <summary>It is unknown whether a copy still has a writer. So it stays open, and the new file with its name has to wait.</summary>
    [Fact]
    public void A_new_file_with_the_name_of_an_open_segment_counts_as_lag()
    {
        using var other = new ShippingRig();
        var replacement = other.Segment(["3"], ["4"], ["5"]);
        var path = _rig.Segment(["1"]);
        var content = File.ReadAllBytes(path);
        File.Delete(path);
        File.WriteAllBytes(path, content);
        _rig.Transport.AcksAtOnce = true;
        _rig.Start();
        _rig.Turn(3);
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
        File.Move(replacement, path, overwrite: true);
        Look();
        Assert.Equal((new FileInfo(path).Length, LogState.Shipping), (_rig.Status.LagBytes, _rig.Status.State));
        Assert.Equal(0, _rig.Status.RemovedBytes);
        File.Move(path, path + ".aside");
        Look();
        Assert.Equal((0, LogState.Idle), (_rig.Status.LagBytes, _rig.Status.State));
        File.Move(path + ".aside", path);
        Look();
        for (var i = 0; i < 20; i++)
        {
            _rig.Shipper!.RunOnce();
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.Equal(["1", "3", "4", "5"], _rig.Transport.Topic);
        Assert.Equal(0, _rig.Status.LagBytes);
    }

    [Fact]
    public void A_segment_over_which_another_file_is_moved_is_reported_as_removed()
    {
        var path = _rig.Segment(["1"], ["2"]);
        var content = File.ReadAllBytes(path);
        _rig.Start();
        _rig.Turn();
        File.WriteAllBytes(path + ".new", content);
        File.Move(path + ".new", path, overwrite: true);
        Look();
        Assert.Equal(content.Length, _rig.Status.RemovedBytes);
        _rig.Drain(5);
        Assert.Equal(0, _rig.Status.RemovedBytes);
        Assert.Equal(["1", "2"], _rig.Transport.Topic);
    }

    [Fact]
    public void The_time_when_the_first_missing_segment_will_be_lost_is_reported()
    {
        _rig.Options = _rig.Options with { MaxInFlightBytes = 1 };
        _rig.Segment(["first"]);
        var paths = Enumerable.Range(0, 2).Select(i => _rig.Segment([$"{i}"])).ToList();
        _rig.Segment(["last"]);
        _rig.Start();
        _rig.Turn();
        File.Delete(paths[0]);
        Look();
        var firstGone = _rig.Time.GetUtcNow();
        _rig.Time.Advance(TimeSpan.FromSeconds(50));
        File.Delete(paths[1]);
        _rig.Turn();
        var lostAt = (firstGone + MissingPolicy.Patience).ToString("HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);
        Assert.Contains($"2 segments with", _rig.Status.Error, StringComparison.Ordinal);
        Assert.EndsWith($"lost if not back by {lostAt}Z", _rig.Status.Error, StringComparison.Ordinal);
    }

    /// <summary>Lets the time pass after which the directory is listed again, and runs a turn.</summary>
    private void Look()
    {
        _rig.Time.Advance(SegmentWatch.Interval);
        _rig.Turn();
    }
}
