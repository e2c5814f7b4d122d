using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// Joins two answers of brokers of which one may not know yet what the other knew (KIP-320): for each partition the leader with the
/// higher epoch counts. Only answers with the same topic id are joined (KIP-516): the epochs of a topic that was created again start at 0,
/// and without an id an old leader would be kept forever. Pure.
/// </summary>
internal static class LatestLeaders
{
    /// <summary>The answer, in which the partitions of which more was known are as they were known.</summary>
    public static TopicMetadata Of(TopicMetadata? known, TopicMetadata answer)
    {
        if (known is null || answer.Id == Guid.Empty || known.Id != answer.Id)
        {
            return answer;
        }

        var before = known.Partitions.DistinctBy(p => p.Partition).ToDictionary(p => p.Partition);
        return answer with { Partitions = [.. answer.Partitions.Select(p => Later(p, before))] };
    }

    /// <summary>An answer without an epoch cannot be older.</summary>
    private static PartitionMetadata Later(PartitionMetadata answer, Dictionary<int, PartitionMetadata> before) =>
        answer.LeaderEpoch >= 0 && before.TryGetValue(answer.Partition, out var known) && known.LeaderEpoch > answer.LeaderEpoch
            ? known
            : answer;
}
