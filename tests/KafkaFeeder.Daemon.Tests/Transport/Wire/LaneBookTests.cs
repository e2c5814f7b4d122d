using KafkaFeeder.Daemon.Transport.Wire;
using KafkaLog.Wire.Messages;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class LaneBookTests
{
    private static readonly Guid TopicId = Guid.NewGuid();

    [Fact]
    public void Of_an_earlier_run_only_the_lane_of_a_file_may_have_something_on_its_way()
    {
        var taken = new Lane(1000, 0, [new PartitionSequence(3, 7)]);
        taken.Take("a.szn", 1, 0, 0);
        var free = new Lane(1001, 0, [new PartitionSequence(5, 9)]);
        var state = new LaneState("cluster", TopicId, "orders", [taken, free]).ToString();
        var book = new LaneBook(state, mayHaveSent: true, () => "cluster");
        book.Found(new TopicMetadata(KafkaError.None, "orders", TopicId, [new PartitionMetadata(KafkaError.None, 0, 1, 3, 3)]));

        var questions = book.Questions((_, _) => true, _ => true);

        Assert.Equal([(1000, true), (1001, false)], questions.Select(q => (q.Lane.ProducerId, q.MayBeThere)));
    }
}
