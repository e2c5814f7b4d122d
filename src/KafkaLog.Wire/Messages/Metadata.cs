using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Brokers, and the leaders of the partitions of some topics. Version 4 (KIP-4: topics are not created by asking); 10 has topic ids
/// (KIP-516) and is flexible.
/// <code>
/// request 4:  ARRAY of: topic STRING | allow auto topic creation BOOLEAN
/// request 10: COMPACT_ARRAY of: topic id UUID, topic COMPACT_NULLABLE_STRING, tags | allow auto topic creation BOOLEAN
///             | include cluster authorized operations BOOLEAN | include topic authorized operations BOOLEAN | tags
/// response:   throttle time INT32, ms
///             | brokers: node id INT32, host STRING, port INT32, rack NULLABLE_STRING
///             | cluster id NULLABLE_STRING | controller id INT32
///             | topics: error code INT16, name STRING, [10: topic id UUID], is internal BOOLEAN,
///               partitions: error code INT16, partition INT32, leader INT32, [7: leader epoch INT32],
///                           replicas INT32[], in-sync replicas INT32[], [5: offline replicas INT32[]]
///               [8: topic authorized operations INT32]
///             | [8..10: cluster authorized operations INT32]
/// </code>
/// In version 10 strings and arrays are compact and structures end with tagged fields.
/// </summary>
/// <param name="Topics">The topics; none: only the brokers.</param>
internal readonly record struct MetadataRequest(IReadOnlyList<string> Topics) : IRequest<MetadataResponse>
{
    private const short WithTopicIds = 10;

    public static Api Api { get; } = new(ApiKey.Metadata, 4, WithTopicIds, 9);

    public void WriteTo(WireWriter writer, short version)
    {
        var isFlexible = Api.IsFlexible(version);
        if (isFlexible)
        {
            writer.WriteCompactArrayLength(Topics.Count);
        }
        else
        {
            writer.WriteArrayLength(Topics.Count);
        }

        foreach (var topic in Topics)
        {
            if (version >= WithTopicIds)
            {
                writer.WriteUuid(Guid.Empty);
            }

            if (isFlexible)
            {
                writer.WriteCompactString(topic);
                writer.WriteNoTaggedFields();
            }
            else
            {
                writer.WriteString(topic);
            }
        }

        writer.WriteBoolean(false);
        if (version >= 8)
        {
            writer.WriteBoolean(false);
            writer.WriteBoolean(false);
        }

        if (isFlexible)
        {
            writer.WriteNoTaggedFields();
        }
    }

    public static MetadataResponse ReadResponse(ref WireReader reader, short version)
    {
        var isFlexible = Api.IsFlexible(version);
        var throttle = reader.ReadInt32();
        var brokers = new List<BrokerAddress>();
        for (var left = ReadLength(ref reader, isFlexible, 11); left > 0; left--)
        {
            var nodeId = reader.ReadInt32();
            var host = isFlexible ? reader.ReadCompactString() : reader.ReadString();
            brokers.Add(Checked(new BrokerAddress(nodeId, host, reader.ReadInt32()), brokers));
            _ = isFlexible ? reader.ReadCompactNullableString() : reader.ReadNullableString(); // rack
            SkipTags(ref reader, isFlexible);
        }

        var clusterId = isFlexible ? reader.ReadCompactNullableString() : reader.ReadNullableString();
        reader.ReadInt32(); // controller
        var topics = new List<TopicMetadata>();
        for (var left = ReadLength(ref reader, isFlexible, 5); left > 0; left--)
        {
            topics.Add(ReadTopic(ref reader, version));
        }

        if (version is >= 8 and <= 10)
        {
            reader.ReadInt32(); // cluster authorized operations
        }

        SkipTags(ref reader, isFlexible);
        return new MetadataResponse(throttle, brokers, clusterId, topics);
    }

    private static BrokerAddress Checked(BrokerAddress broker, List<BrokerAddress> before) =>
        broker.Host.Length > 0 && broker.Port is > 0 and <= 65_535 && before.TrueForAll(b => b.NodeId != broker.NodeId)
            ? broker
            : throw new ProtocolException($"a broker cannot be {broker.NodeId} at '{broker.Host}', port {broker.Port}");

    private static TopicMetadata ReadTopic(ref WireReader reader, short version)
    {
        var isFlexible = Api.IsFlexible(version);
        var error = (KafkaError)reader.ReadInt16();
        var name = isFlexible ? reader.ReadCompactString() : reader.ReadString();
        var id = version >= WithTopicIds ? reader.ReadUuid() : Guid.Empty;
        reader.ReadBoolean(); // internal
        var partitions = new List<PartitionMetadata>();
        for (var left = ReadLength(ref reader, isFlexible, 12); left > 0; left--)
        {
            partitions.Add(ReadPartition(ref reader, version));
        }

        if (version >= 8)
        {
            reader.ReadInt32(); // topic authorized operations
        }

        SkipTags(ref reader, isFlexible);
        return new TopicMetadata(error, name, id, partitions);
    }

    private static PartitionMetadata ReadPartition(ref WireReader reader, short version)
    {
        var isFlexible = Api.IsFlexible(version);
        var error = (KafkaError)reader.ReadInt16();
        var partition = reader.ReadInt32();
        var leader = reader.ReadInt32();
        var leaderEpoch = version >= 7 ? reader.ReadInt32() : -1;
        var replicas = ReadNodes(ref reader, isFlexible);
        var inSync = ReadNodes(ref reader, isFlexible);
        if (version >= 5)
        {
            ReadNodes(ref reader, isFlexible); // offline
        }

        SkipTags(ref reader, isFlexible);
        return new PartitionMetadata(error, partition, leader, replicas, inSync, leaderEpoch);
    }

    /// <summary>How many nodes there are; which ones nobody asks.</summary>
    private static int ReadNodes(ref WireReader reader, bool isFlexible)
    {
        var count = ReadLength(ref reader, isFlexible, 4);
        for (var i = 0; i < count; i++)
        {
            reader.ReadInt32();
        }

        return count;
    }

    private static int ReadLength(ref WireReader reader, bool isFlexible, int itemBytes) =>
        isFlexible ? reader.ReadCompactArrayLength(itemBytes) : reader.ReadArrayLength(itemBytes);

    private static void SkipTags(ref WireReader reader, bool isFlexible)
    {
        if (isFlexible)
        {
            reader.SkipTaggedFields();
        }
    }
}

/// <summary>The cluster.</summary>
internal sealed record MetadataResponse(
    int ThrottleMs, IReadOnlyList<BrokerAddress> Brokers, string? ClusterId, IReadOnlyList<TopicMetadata> Topics);

/// <summary>Where a broker listens.</summary>
internal readonly record struct BrokerAddress(int NodeId, string Host, int Port);

/// <summary>A topic.</summary>
/// <param name="Error">Why nothing is known of it; None: all is.</param>
/// <param name="Name">Its name.</param>
/// <param name="Id">Its id, another one when it is created again; empty: the broker does not say (before 2.8).</param>
/// <param name="Partitions">Its partitions, in the order in which they came.</param>
internal sealed record TopicMetadata(KafkaError Error, string Name, Guid Id, IReadOnlyList<PartitionMetadata> Partitions)
{
    /// <summary>Whether it is known and each of its partitions has a leader.</summary>
    public bool IsWhole => Error == KafkaError.None && Partitions.Count > 0 && Partitions.All(p => p.Leader >= 0);
}

/// <summary>A partition.</summary>
/// <param name="Error">As LEADER_NOT_AVAILABLE; None: all is well.</param>
/// <param name="Partition">Its number.</param>
/// <param name="Leader">The node id of its leader; -1: none.</param>
/// <param name="Replicas">How many brokers have it.</param>
/// <param name="InSyncReplicas">How many of them are in sync.</param>
/// <param name="LeaderEpoch">Which leader that is, counted from the topic's creation (KIP-320); -1: the broker does not say (before
/// 2.1).</param>
internal readonly record struct PartitionMetadata(
    KafkaError Error, int Partition, int Leader, int Replicas, int InSyncReplicas, int LeaderEpoch = -1);
