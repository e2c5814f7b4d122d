using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class RefusalRunTests
{
    private readonly RefusalRun _run = new();
    private long _position;

    [Fact]
    public void Twenty_refused_records_in_a_row_hold_the_log()
    {
        Assert.Null(Add(19));
        Assert.StartsWith("20 records in a row are refused (InvalidRecord)", Add(1), StringComparison.Ordinal);
        Assert.NotNull(Add(1));
    }

    [Fact]
    public void An_accepted_record_in_the_same_batch_ends_the_run()
    {
        Assert.Null(Add(19));
        Assert.Null(Add(30, isAnyTaken: true));
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    [Fact]
    public void An_accepted_batch_ends_the_run()
    {
        Assert.Null(Add(19));
        _run.Taken();
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    /// <summary>The two are sent alone, one after the other, after the batch between them was accepted.</summary>
    [Fact]
    public void An_accepted_batch_between_two_refused_ones_ends_the_run()
    {
        Assert.Null(Add(19));
        _position += SomeBatch.BytesPerRecord;
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    /// <summary>The record is refused again because it could not be set aside: that makes no second refused record.</summary>
    [Fact]
    public void A_record_that_is_refused_again_counts_once()
    {
        for (var i = 0; i < 25; i++)
        {
            Assert.Null(Add(1));
            _position = 0;
            var first = SomeBatch.Of(0, 0, 1, "20261121_110000_3600_UTC-orders.szn");
            Assert.False(_run.AddAndJudge(first, [Refused(0)], isAnyTaken: false, out _));
        }
    }

    [Fact]
    public void The_run_continues_in_the_next_segment_and_in_the_rest_of_a_batch()
    {
        Assert.Null(Add(18));
        var rest = SomeBatch.Of(0, 0, 19);
        Assert.False(_run.AddAndJudge(rest, [Refused(17), Refused(18)], isAnyTaken: false, out _));
        Assert.True(_run.AddAndJudge(SomeBatch.Of(0, 0, 1, "20261121_110000_3600_UTC-orders.szn"), [Refused(0)], isAnyTaken: false, out _));
    }

    [Fact]
    public void Refusals_because_of_the_record_itself_do_not_count() => Assert.Null(Add(100, why: RejectionKind.Record));

    /// <summary>Adds the next batch, with this many refused records. Returns why the log has to be held, or null.</summary>
    private string? Add(int records, bool isAnyTaken = false, RejectionKind why = RejectionKind.Topic)
    {
        var batch = SomeBatch.Of(_position, 0, records);
        _position = batch.EndPosition;
        var rejected = Enumerable.Range(0, records).Select(i => Refused(i, why)).ToList();
        return _run.AddAndJudge(batch, rejected, isAnyTaken, out var reason) ? reason : null;
    }

    private static RejectedRecord Refused(int index, RejectionKind why = RejectionKind.Topic) => new(index, "InvalidRecord", why);
}
