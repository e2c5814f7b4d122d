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
    public void Twenty_records_in_a_row_that_the_topic_refuses_are_no_accident()
    {
        Assert.Null(Add(19));
        Assert.StartsWith("20 records in a row are refused (InvalidRecord)", Add(1), StringComparison.Ordinal);
        Assert.NotNull(Add(1));
    }

    [Fact]
    public void A_neighbour_in_the_batch_that_was_taken_ends_the_run()
    {
        Assert.Null(Add(19));
        Assert.Null(Add(30, isAnyTaken: true));
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    [Fact]
    public void A_batch_that_was_taken_ends_the_run()
    {
        Assert.Null(Add(19));
        _run.Taken();
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    /// <summary>They are looked at alone one after the other, when what lies between them was taken long before.</summary>
    [Fact]
    public void A_batch_between_two_refused_ones_ends_the_run()
    {
        Assert.Null(Add(19));
        _position += SomeBatch.BytesPerRecord;
        Assert.Null(Add(19));
        Assert.NotNull(Add(1));
    }

    /// <summary>What it was refused for could not be done: not more records are refused by that.</summary>
    [Fact]
    public void A_record_that_is_refused_again_counts_once()
    {
        for (var i = 0; i < 25; i++)
        {
            Assert.Null(Add(1));
            _position = 0;
            Assert.False(_run.AddAndJudge(SomeBatch.Of(0, 0, 1, "20261121_110000_3600_UTC-orders.szn"), [Refused(0)], isAnyTaken: false, out _));
        }
    }

    [Fact]
    public void The_run_goes_on_in_the_next_segment_and_where_others_of_the_same_batch_are_refused()
    {
        Assert.Null(Add(18));
        var rest = SomeBatch.Of(0, 0, 19);
        Assert.False(_run.AddAndJudge(rest, [Refused(17), Refused(18)], isAnyTaken: false, out _));
        Assert.True(_run.AddAndJudge(SomeBatch.Of(0, 0, 1, "20261121_110000_3600_UTC-orders.szn"), [Refused(0)], isAnyTaken: false, out _));
    }

    [Fact]
    public void What_is_wrong_with_a_record_itself_counts_for_nothing() => Assert.Null(Add(100, why: RejectionKind.Record));

    /// <summary>The next batch, of which so many records are refused; why the log has to be held, or null.</summary>
    private string? Add(int records, bool isAnyTaken = false, RejectionKind why = RejectionKind.Topic)
    {
        var batch = SomeBatch.Of(_position, 0, records);
        _position = batch.EndPosition;
        var rejected = Enumerable.Range(0, records).Select(i => Refused(i, why)).ToList();
        return _run.AddAndJudge(batch, rejected, isAnyTaken, out var reason) ? reason : null;
    }

    private static RejectedRecord Refused(int index, RejectionKind why = RejectionKind.Topic) => new(index, "InvalidRecord", why);
}
