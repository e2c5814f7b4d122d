using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;
using Xunit;

namespace KafkaLog.Wire.Tests.Messages;

/// <summary>What a request must not hold, and what a response must say before anything counts as acknowledged.</summary>
public sealed class ProduceTests
{
    private static readonly PartitionBatch[] Two = [Batch("a", 0), Batch("b", 3)];

    [Fact]
    public void Two_batches_for_one_partition_are_refused()
    {
        using var writer = new WireWriter();
        var request = new ProduceRequest(-1, 1_000, [Batch("a", 0), Batch("a", 1), Batch("a", 0)]);
        var error = Assert.Throws<ArgumentException>(() => request.WriteTo(writer, 8));
        Assert.Equal("two batches for partition 0 of a in one request", error.Message);
    }

    [Fact]
    public void A_request_that_nobody_answers_is_refused()
    {
        using var writer = new WireWriter();
        Assert.Throws<ArgumentException>(() => new ProduceRequest(0, 1_000, []).WriteTo(writer, 8));
    }

    [Fact]
    public void Results_come_in_the_order_of_the_request()
    {
        var response = new ProduceResponse(0, [Append("b", 3, offset: 7), Append("a", 0, KafkaError.NotEnoughReplicas, -1)]);
        Assert.Equal(["a", "b"], response.For(new ProduceRequest(-1, 1_000, Two)).Select(r => r.Topic));
    }

    public static TheoryData<string> Wrong => ["missing", "twice", "another", "more", "no offset"];

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_response_about_other_partitions_acknowledges_nothing(string what)
    {
        List<PartitionAppend> partitions = [Append("a", 0, offset: 1), Append("b", 3, offset: 2)];
        switch (what)
        {
            case "missing":
                partitions.RemoveAt(1);
                break;
            case "twice":
                partitions[1] = partitions[0];
                break;
            case "another":
                partitions[1] = Append("b", 4, offset: 2);
                break;
            case "more":
                partitions.Add(Append("c", 0, offset: 3));
                break;
            default:
                partitions[0] = Append("a", 0, offset: -1);
                break;
        }

        Assert.Throws<ProtocolException>(() => new ProduceResponse(0, partitions).For(new ProduceRequest(-1, 1_000, Two)));
    }

    private static PartitionBatch Batch(string topic, int partition) => new(topic, partition, new BatchStamp(1, 0, 0), default);

    private static PartitionAppend Append(string topic, int partition, KafkaError error = KafkaError.None, long offset = 0) =>
        new(topic, partition, error, offset, [], null);
}
