using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// What the leader of a partition knows of its producers (KIP-664; Kafka 2.8 and later; needs READ on the topic). It includes what
/// only the leader has: such records may still be lost.
/// <code>
/// request 0:  COMPACT_ARRAY of: topic COMPACT_STRING, partitions COMPACT_ARRAY of INT32, tags | tags
/// response 0: throttle time INT32, ms | COMPACT_ARRAY of: topic COMPACT_STRING,
///             partitions COMPACT_ARRAY of: partition INT32, error code INT16, error message COMPACT_NULLABLE_STRING,
///               producers COMPACT_ARRAY of: producer id INT64, producer epoch INT32, last sequence INT32, last timestamp INT64,
///                                           coordinator epoch INT32, current transaction's start offset INT64, tags
///               tags
///             tags | tags
/// </code>
/// </summary>
internal readonly record struct DescribeProducersRequest(string Topic, IReadOnlyList<int> Partitions)
    : IRequest<DescribeProducersResponse>
{
    public static Api Api { get; } = new(ApiKey.DescribeProducers, 0, 0, 0);

    public void WriteTo(WireWriter writer, short version)
    {
        writer.WriteCompactArrayLength(1);
        writer.WriteCompactString(Topic);
        writer.WriteCompactArrayLength(Partitions.Count);
        foreach (var partition in Partitions)
        {
            writer.WriteInt32(partition);
        }

        writer.WriteNoTaggedFields();
        writer.WriteNoTaggedFields();
    }

    public static DescribeProducersResponse ReadResponse(ref WireReader reader, short version)
    {
        var throttle = reader.ReadInt32();
        var partitions = new List<PartitionProducers>();
        for (var topics = reader.ReadCompactArrayLength(3); topics > 0; topics--)
        {
            reader.ReadCompactString();
            for (var left = reader.ReadCompactArrayLength(9); left > 0; left--)
            {
                partitions.Add(ReadPartition(ref reader));
            }

            reader.SkipTaggedFields();
        }

        reader.SkipTaggedFields();
        return new DescribeProducersResponse(throttle, partitions);
    }

    private static PartitionProducers ReadPartition(ref WireReader reader)
    {
        var partition = reader.ReadInt32();
        var error = (KafkaError)reader.ReadInt16();
        var message = reader.ReadCompactNullableString();
        var producers = new List<ProducerState>();
        for (var left = reader.ReadCompactArrayLength(37); left > 0; left--)
        {
            producers.Add(new ProducerState(reader.ReadInt64(), reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64()));
            reader.ReadInt32(); // coordinator epoch
            reader.ReadInt64(); // start of a transaction
            reader.SkipTaggedFields();
        }

        reader.SkipTaggedFields();
        return new PartitionProducers(partition, error, message, producers);
    }
}

/// <summary>The producers of the partitions that were asked for.</summary>
internal sealed record DescribeProducersResponse(int ThrottleMs, IReadOnlyList<PartitionProducers> Partitions);

/// <summary>The producers of a partition.</summary>
internal sealed record PartitionProducers(int Partition, KafkaError Error, string? ErrorMessage, IReadOnlyList<ProducerState> Producers);

/// <summary>What the leader remembers of a producer.</summary>
/// <param name="ProducerId">Its id.</param>
/// <param name="ProducerEpoch">Its epoch.</param>
/// <param name="LastSequence">The sequence of the last record of it that is in the partition; -1: none.</param>
/// <param name="LastTimestamp">The timestamp of the last record, ms since 1970 UTC; the state expires by it.</param>
internal readonly record struct ProducerState(long ProducerId, int ProducerEpoch, int LastSequence, long LastTimestamp);
