using KafkaFeeder.Daemon.Transport.Wire;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class LaneStateTests
{
    private static readonly Guid Topic = new("0123456789abcdef0123456789abcdef");

    [Fact]
    public void What_is_written_is_read_again()
    {
        var taken = new Lane(1000, 3, [new PartitionSequence(5, 7), new PartitionSequence(1L << 33, 1L << 40)]);
        taken.Take("a file; with, all.of-it.szn", 42, 1234, 2);
        var text = new LaneState("cluster;1", Topic, "orders topic", [taken, new Lane(1001, 0, [new PartitionSequence(0, 0)])]).ToString();
        Assert.DoesNotContain(text, c => c is <= ' ' or > '~');

        Assert.True(LaneState.TryParse(text, out var read));
        Assert.Equal(("cluster;1", Topic, "orders topic", 2), (read.ClusterId, read.TopicId, read.Topic, read.Lanes.Count));
        var lane = read.Lanes[0];
        Assert.Equal(("a file; with, all.of-it.szn", 42, 1234, 2), (lane.FileName, lane.Seed, lane.Position, lane.Record));
        Assert.Equal((1000L, (short)3, true), (lane.ProducerId, lane.ProducerEpoch, lane.IsOfEarlierRun));
        Assert.Equal([(5, 7), (1L << 33, 1L << 40)], lane.Partitions.Select(p => (p.AtAcknowledged, p.EndOffset)));
        Assert.Equal(text, read.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("1")]
    [InlineData("2;;0123456789abcdef0123456789abcdef;orders")]
    [InlineData("1;;no-guid;orders")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;1000.0,file,1,0")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;1000.99999,file,1,0,0,0.0")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;-1.0,file,1,0,0,0.0")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;1000.0,file,1,0,0,0.-1")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;1000.0,file,1,0,0,0")]
    [InlineData("1;;0123456789abcdef0123456789abcdef;orders;1000.0,file,1,99999999999999999999,0,0.0")]
    public void Of_what_is_no_state_nothing_is_known(string text) => Assert.False(LaneState.TryParse(text, out _));
}
