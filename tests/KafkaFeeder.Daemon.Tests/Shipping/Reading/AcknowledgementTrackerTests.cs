using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Reading;

public sealed class AcknowledgementTrackerTests
{
    private static readonly AcknowledgedPosition Start = new(1000, 0, 100, 900, 3, 100);

    [Fact]
    public void A_failed_batch_holds_the_acknowledged_position_whatever_is_acknowledged_after_it()
    {
        var tracker = new AcknowledgementTracker(default);
        var batches = Enumerable.Range(0, 3).Select(i => SomeBatch.Pending(i * 20, i * 2, 2)).ToList();
        batches.ForEach(tracker.Add);

        tracker.Settle(batches[0]);
        tracker.Settle(batches[2]);
        Assert.Equal(new AcknowledgedPosition(20, 0, 2, 0, batches[0].Stored.StoredCrc, 2), tracker.Acknowledged);
        Assert.Equal([batches[1]], tracker.Pending);

        tracker.Settle(batches[1]);
        Assert.Equal(new AcknowledgedPosition(60, 0, 6, 40, batches[2].Stored.StoredCrc, 6), tracker.Acknowledged);
        Assert.Equal(0, tracker.PendingCount);
    }

    [Fact]
    public void A_failed_record_in_a_batch_holds_the_acknowledged_position_at_its_number()
    {
        var tracker = new AcknowledgementTracker(Start);
        var batch = SomeBatch.Pending(1000, 100, 4);
        tracker.Add(batch);
        batch.Settle(0);
        batch.Settle(1);
        batch.Settle(3);

        Assert.Equal(Start with { Record = 2, NextOffset = 102, Records = 102, BatchCrc = batch.Stored.StoredCrc }, tracker.Acknowledged);
        batch.Settle(2);
        Assert.Equal(Start with { Record = 4, NextOffset = 104, Records = 104, BatchCrc = batch.Stored.StoredCrc }, tracker.Acknowledged);
        tracker.Settle(batch);
        Assert.Equal(new AcknowledgedPosition(1040, 0, 104, 1000, batch.Stored.StoredCrc, 104), tracker.Acknowledged);
    }

    [Fact]
    public void Records_acknowledged_in_a_later_batch_count_only_after_the_batch_before_it()
    {
        var tracker = new AcknowledgementTracker(Start);
        var first = SomeBatch.Pending(1000, 100, 1);
        var second = SomeBatch.Pending(1010, 101, 3);
        tracker.Add(first);
        tracker.Add(second);
        second.Settle(0);

        Assert.Equal(Start, tracker.Acknowledged);
        tracker.Settle(first);
        Assert.Equal(
            new AcknowledgedPosition(1010, 1, 102, 1000, first.Stored.StoredCrc, 102, second.Stored.StoredCrc), tracker.Acknowledged);
    }

    [Fact]
    public void After_skipped_damage_the_position_has_no_last_batch()
    {
        var tracker = new AcknowledgementTracker(Start);
        tracker.AddSkipped(1000, 1234, 100);
        Assert.Equal(new AcknowledgedPosition(1234, 0, 100, null, 0, 100), tracker.Acknowledged);
    }

    [Fact]
    public void A_batch_that_does_not_start_where_the_last_one_ended_is_refused()
    {
        var tracker = new AcknowledgementTracker(Start);
        Assert.Throws<InvalidOperationException>(() => tracker.Add(SomeBatch.Pending(1001, 100, 1)));
        Assert.Throws<InvalidOperationException>(() => tracker.AddSkipped(999, 1100, 100));
        Assert.Equal(Start, tracker.Acknowledged);
        Assert.Equal(1000, tracker.EndPosition);
    }

    /// <summary>Each number is an action. The remainder of a division by 8 selects the action, the quotient the batch.</summary>
    [Fact]
    public void The_acknowledged_position_is_that_of_the_model_after_any_actions() =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(10_000), Prop.ForAll<ushort[]>(Run));

    private static void Run(ushort[] actions)
    {
        var tracker = new AcknowledgementTracker(Start);
        var model = new Model();
        var settledBefore = new Queue<PendingBatch>();
        var last = tracker.Acknowledged;
        foreach (var action in actions)
        {
            var which = action / 8;
            switch (action % 8)
            {
                case 0 or 1:
                    var batch = SomeBatch.Pending(model.End, model.NextOffset, 1 + (which % 5));
                    tracker.Add(batch);
                    model.Add(batch);
                    break;
                case 2:
                    tracker.AddSkipped(model.End, model.End + which + 1, model.NextOffset);
                    model.AddSkipped(which + 1);
                    break;
                case 3 or 4 when model.Unsettled.Count > 0:
                    var settled = model.Unsettled[which % model.Unsettled.Count];
                    tracker.Settle(settled);
                    model.Unsettled.Remove(settled);
                    settledBefore.Enqueue(settled);
                    break;
                case 5 when settledBefore.TryPeek(out var again):
                    tracker.Settle(again);
                    break;
                case 6:
                    tracker.Settle(SomeBatch.Pending(model.End, model.NextOffset, 1)); // never added
                    break;
                case 7 when model.Unsettled.Count > 0:
                    var partly = model.Unsettled[which % model.Unsettled.Count];
                    partly.Settle(which % partly.Stored.RecordsCount);
                    break;
            }

            var now = tracker.Acknowledged;
            Assert.Equal(model.Acknowledged, now);
            Assert.True((now.Position, now.Record).CompareTo((last.Position, last.Record)) >= 0, $"went back from {last} to {now}");
            Assert.All(model.Unsettled, b => Assert.True(now.Position <= b.Stored.Position));
            Assert.Equal(model.Unsettled, tracker.Pending);
            Assert.Equal(model.Unsettled.Count, tracker.PendingCount);
            Assert.Equal(model.End, tracker.EndPosition);
            last = now;
        }
    }

    /// <summary>The obvious way: keep everything, and go through all of it each time.</summary>
    private sealed class Model
    {
        private readonly List<(PendingBatch? Batch, long End, long NextOffset)> _all = [];

        public List<PendingBatch> Unsettled { get; } = [];

        public long End => _all.Count == 0 ? Start.Position : _all[^1].End;

        public long NextOffset => _all.Count == 0 ? Start.NextOffset : _all[^1].NextOffset;

        public AcknowledgedPosition Acknowledged
        {
            get
            {
                var mark = Start;
                foreach (var (batch, end, nextOffset) in _all)
                {
                    if (batch is not null && Unsettled.Contains(batch))
                    {
                        var leading = batch.Settled?.TakeWhile(s => s).Count() ?? 0;
                        return leading == 0
                            ? mark
                            : mark with
                            {
                                Record = leading,
                                NextOffset = batch.Stored.BaseOffset + leading,
                                Records = mark.Records + leading,
                                BatchCrc = batch.Stored.StoredCrc,
                            };
                    }

                    mark = batch is null
                        ? new AcknowledgedPosition(end, 0, nextOffset, null, 0, mark.Records)
                        : new AcknowledgedPosition(
                            end, 0, nextOffset, batch.Stored.Position, batch.Stored.StoredCrc, mark.Records + batch.Stored.RecordsCount);
                }

                return mark;
            }
        }

        public void Add(PendingBatch batch)
        {
            _all.Add((batch, batch.Stored.EndPosition, batch.Stored.NextOffset));
            Unsettled.Add(batch);
        }

        public void AddSkipped(long bytes) => _all.Add((null, End + bytes, NextOffset));
    }
}
