using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Wire;
using KafkaLog.Wire.Messages;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class LaneBookTests
{
    private const string Partitioning = "Murmur2Random.1048576";

    private static readonly Guid TopicId = Guid.NewGuid();

    [Fact]
    public void Of_an_earlier_run_only_the_lane_of_a_file_may_have_something_on_its_way()
    {
        var taken = new Lane(1000, 0, [new PartitionSequence(3, 7)]);
        taken.Take("a.szn", 1, 0, 0);
        var free = new Lane(1001, 0, [new PartitionSequence(5, 9)]);
        var state = new LaneState("cluster", TopicId, "orders", Partitioning, [taken, free]).ToString();
        var book = new LaneBook(state, mayHaveSent: true, Partitioning, () => "cluster");
        book.Found(new TopicMetadata(KafkaError.None, "orders", TopicId, [new PartitionMetadata(KafkaError.None, 0, 1, 3, 3)]));

        var questions = book.Questions((_, _) => true, _ => true);

        Assert.Equal([(1000, true), (1001, false)], questions.Select(q => (q.Lane.ProducerId, q.MayBeThere)));
    }

    [Theory]
    [InlineData("Fnv1aRandom.1048576", "cluster", "orders", false)] // another partition for the same record: no count holds
    [InlineData(Partitioning, "other", "orders", true)] // nothing of the log is in another cluster
    [InlineData(Partitioning, "cluster", "invoices", false)] // something may have been sent to this topic earlier
    [InlineData(Partitioning, "cluster", "orders", true)]
    public void Lanes_hold_for_the_same_partitioner_cluster_and_topic(string partitioning, string cluster, string topic, bool isExact)
    {
        var taken = new Lane(1000, 0, [new PartitionSequence(3, 7)]);
        taken.Take("a.szn", 1, 0, 0);
        var state = new LaneState("cluster", TopicId, "orders", Partitioning, [taken]).ToString();
        var book = new LaneBook(state, mayHaveSent: true, partitioning, () => cluster);
        book.Found(new TopicMetadata(KafkaError.None, topic, TopicId, [new PartitionMetadata(KafkaError.None, 0, 1, 3, 3)]));

        var finding = book.Conclude(new LeaderAnswers([], null), 0, "a.szn", out _);

        Assert.Equal(isExact, finding.IsExact);
        Assert.Equal((partitioning, cluster, topic) == (Partitioning, "cluster", "orders") ? 1 : 0, book.Lanes.Count);
    }

    [Fact]
    public void After_the_loss_of_acknowledged_records_a_lane_is_not_used_any_more_and_that_is_not_exact()
    {
        var lane = new Lane(1000, 0, [new PartitionSequence(3, 7), new PartitionSequence(2, 2)]);
        var state = new LaneState("cluster", TopicId, "orders", Partitioning, [lane]).ToString();
        var book = new LaneBook(state, mayHaveSent: true, Partitioning, () => "cluster");
        book.Found(new TopicMetadata(KafkaError.None, "orders", TopicId, [new PartitionMetadata(KafkaError.None, 0, 1, 3, 3)]));
        var mine = Assert.Single(book.Lanes);

        var finding = book.Conclude(new LeaderAnswers([new LeaderAnswer(mine, 0, 3, 1, 7) { Lost = 2 }], null), 0, "a.szn", out var unused);

        Assert.Equal((false, new LostRecords("a.szn", 2)), (finding.IsExact, finding.Lost));
        Assert.Equal([mine], unused);
        Assert.Empty(book.Lanes);
    }
}
