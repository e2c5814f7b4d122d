using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class DuplicateWindowTests
{
    [Fact]
    public void Records_sent_and_not_acknowledged_may_arrive_twice()
    {
        var window = DuplicateWindow.Between(CheckpointOf(("a", 10, false), ("b", 20, false)), Sent(("a", 15), ("b", 20)));
        Assert.Equal(new DuplicateWindow(5, $", segment {Name("a")} offsets 10..14"), window);
    }

    [Fact]
    public void A_segment_that_the_checkpoint_does_not_know_counts_from_its_start() =>
        Assert.Equal(
            new DuplicateWindow(7, $", segment {Name("n")} offsets 0..6"), DuplicateWindow.Between(CheckpointOf(), Sent(("n", 7))));

    [Fact]
    public void A_segment_that_is_done_is_not_sent_again() =>
        Assert.Equal(new DuplicateWindow(0, ""), DuplicateWindow.Between(CheckpointOf(("a", 15, true)), Sent(("a", 15))));

    [Fact]
    public void A_done_segment_that_has_grown_counts_from_its_former_end() =>
        Assert.Equal(5, DuplicateWindow.Between(CheckpointOf(("a", 10, true)), Sent(("a", 15))).Records);

    [Fact]
    public void Records_are_counted_even_where_each_batch_begins_at_offset_0()
    {
        var sent = new Dictionary<string, SentMark> { [Name("a")] = new(500, 3, 12) };
        var checkpoint =
            CheckpointOf() with
            {
                Segments =
                [
                    new SegmentCheckpoint(Name("a").AsSegment(), new AcknowledgedPosition(100, 0, 3, null, 0, 6), 500, false, null),
                ],
            };
        Assert.Equal(new DuplicateWindow(6, $", segment {Name("a")} positions 100..500"), DuplicateWindow.Between(checkpoint, sent));
    }

    [Fact]
    public void A_journal_older_than_the_checkpoint_counts_no_duplicates() =>
        Assert.Equal(new DuplicateWindow(0, ""), DuplicateWindow.Between(CheckpointOf(("a", 10, false)), Sent(("a", 3))));

    [Fact]
    public void Of_many_segments_five_are_named()
    {
        var window = DuplicateWindow.Between(CheckpointOf(), Sent([.. "abcdefgh".Select(c => (c.ToString(), 2L))]));
        Assert.Equal(16, window.Records);
        Assert.EndsWith("-e.szn offsets 0..1 and 3 more segments", window.Where, StringComparison.Ordinal);
    }

    private static string Name(string component) => $"20261121_100000_3600_UTC-{component}.szn";

    private static Checkpoint CheckpointOf(params (string Name, long NextOffset, bool IsDone)[] segments) => new()
    {
        Component = "orders",
        Directory = "/var/log",
        Segments = [
            .. segments.Select(
                s => new SegmentCheckpoint(
                    Name(s.Name).AsSegment(), new AcknowledgedPosition(100, 0, s.NextOffset, null, 0, s.NextOffset), 100, s.IsDone, null))],
    };

    private static Dictionary<string, SentMark> Sent(params (string Name, long NextOffset)[] segments) =>
        segments.ToDictionary(s => Name(s.Name), s => new SentMark(100L, s.NextOffset, s.NextOffset));
}
