using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Shipping.Reading;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Reading;

/// <summary>Where to start reading a file that may have changed since its checkpoint was saved.</summary>
public sealed class OpenPlanTests
{
    /// <summary>1,000 bytes are acknowledged. The last batch starts at 900.</summary>
    private static readonly AcknowledgedPosition Saved = new(1_000, 0, 100, 900, 7, 100);

    private static readonly OpenFacts Unchanged = new(Saved, 1_200) { IsLastBatchThere = true, IsHalfBatchThere = true };

    private readonly List<long> _searched = [];

    [Fact]
    public void An_unchanged_file_is_read_from_its_acknowledged_position()
    {
        var plan = Of(Unchanged);
        Assert.Equal((Saved, null, 1_200, 0), (plan.Start, plan.Reset, plan.LostFrom, plan.AcknowledgedBefore));
        Assert.Empty(_searched);
    }

    [Theory]
    [InlineData(1_200, 1_000, "another file took its name")]
    [InlineData(30, 1_000, "the file was cut to 30 bytes")]
    public void Another_file_is_read_from_its_start_and_the_rest_of_the_old_one_is_lost(long bytes, long lostFrom, string reason)
    {
        var plan = Of(Unchanged with { Bytes = bytes, HasOtherHead = true });
        Assert.Equal((default, true, true, false), (plan.Start, plan.IsOther, plan.Reset!.IsGoingBack, plan.IsCut));
        Assert.Equal((lostFrom, 0), (plan.LostFrom, plan.AcknowledgedBefore)); // nothing of the other file was sent before
        Assert.StartsWith(reason, plan.LostReason, StringComparison.Ordinal);
    }

    /// <summary>The last acknowledged batch may be replaced by another one, so the search ends before it, or where the file ends.</summary>
    [Theory]
    [InlineData(950, 900)]
    [InlineData(400, 400)]
    public void A_cut_file_is_read_from_the_end_of_its_last_whole_batch(long bytes, long limit)
    {
        var whole = new AcknowledgedPosition(300, 0, 30, 200, 5, 30);
        var plan = Of(Unchanged with { Bytes = bytes }, new IntactPart(whole, IsFollowedByBatch: false));
        Assert.Equal((whole, true, 1_000, bytes), (plan.Start, plan.IsCut, plan.AcknowledgedBefore, plan.CutTo));
        Assert.Equal([limit], _searched);
    }

    [Fact]
    public void An_overwritten_file_is_read_from_its_start()
    {
        var plan = Of(Unchanged with { IsWrittenOver = true });
        Assert.Equal((default, 1_000, false), (plan.Start, plan.AcknowledgedBefore, plan.IsOther));
        var found = Of(Unchanged with { IsLastBatchThere = false }, new IntactPart(Saved, IsFollowedByBatch: true));
        Assert.Equal(plan.Start, found.Start);
        Assert.Equal([900], _searched);
    }

    [Fact]
    public void A_damaged_end_is_read_from_the_end_of_the_last_whole_batch()
    {
        var whole = new AcknowledgedPosition(300, 0, 30, 200, 5, 30);
        var half = Saved with { Record = 3 };
        var plan = Of(Unchanged with { Saved = half, IsLastBatchThere = false }, new IntactPart(whole, IsFollowedByBatch: false));
        Assert.Equal((whole, 1_001), (plan.Start, plan.AcknowledgedBefore)); // the batch with acknowledged records is sent whole
    }

    [Fact]
    public void Another_batch_in_place_of_a_partly_acknowledged_one_is_sent_whole()
    {
        var plan = Of(Unchanged with { Saved = Saved with { Record = 3 }, IsHalfBatchThere = false });
        Assert.Equal((1_000, 0, 1_001), (plan.Start.Position, plan.Start.Record, plan.AcknowledgedBefore));
    }

    /// <summary>A checkpoint marks a skipped tail by a last batch without a CRC.</summary>
    [Fact]
    public void A_skipped_tail_stays_skipped_until_the_file_grows_or_the_tail_is_whole()
    {
        var facts = Unchanged with { Saved = Saved with { LastBatchCrc = 0 }, Bytes = 1_000, IsLastBatchThere = false };
        var plan = Of(facts);
        Assert.Equal((1_000, 900, null), (plan.Start.Position, plan.SkippedTailAt, plan.Reset));
        var before = new AcknowledgedPosition(900, 0, 90, 800, 5, 90);
        foreach (var grown in (OpenFacts[])[facts with { Bytes = 1_001 }, facts with { IsTailWhole = true }])
        {
            plan = Of(grown, new IntactPart(before, IsFollowedByBatch: true));
            Assert.Equal((before, null, 900), (plan.Start, plan.SkippedTailAt, plan.AcknowledgedBefore)); // nothing of the tail was sent
        }
    }

    [Fact]
    public void Without_the_result_of_the_search_there_is_no_plan()
    {
        Assert.Null(OpenPlan.Of(Unchanged with { Bytes = 950 }, _ => null));
        Assert.Null(OpenPlan.Of(Unchanged with { IsLastBatchThere = false }, _ => null));
    }

    private OpenPlan Of(OpenFacts facts, IntactPart? intact = null) => OpenPlan.Of(facts, limit =>
    {
        _searched.Add(limit);
        return intact;
    })!;
}
