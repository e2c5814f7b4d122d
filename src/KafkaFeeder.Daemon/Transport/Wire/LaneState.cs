using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// The lanes of a log as one word of ASCII, for the checkpoint:
/// <code>
/// 1;clusterId;topicId;topic;partitions;lane;lane...     lane: producerId.epoch,file,seed,position,record,partition0,partition1...
/// partition: records before the acknowledged position . offset that all later records are behind
/// </code>
/// A lane that is free has no file. Names are escaped as in a URI.
/// </summary>
/// <param name="ClusterId">The cluster that the lanes belong to; "": it has no id.</param>
/// <param name="TopicId">The topic; empty: the brokers do not tell ids of topics.</param>
/// <param name="Topic">The name of the topic.</param>
/// <param name="Partitioning">How records were spread over the partitions: with another way they cannot be counted again.</param>
/// <param name="Lanes">The lanes.</param>
internal sealed record LaneState(string ClusterId, Guid TopicId, string Topic, string Partitioning, IReadOnlyList<Lane> Lanes)
{
    private const string Version = "1";

    /// <summary>Writes the word.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Version};{Uri.EscapeDataString(ClusterId)};{TopicId:N};{Uri.EscapeDataString(Topic)}");
        text.Append(CultureInfo.InvariantCulture, $";{Partitioning}");
        foreach (var lane in Lanes)
        {
            text.Append(CultureInfo.InvariantCulture, $";{lane.ProducerId}.{lane.ProducerEpoch},");
            text.Append(CultureInfo.InvariantCulture, $"{Uri.EscapeDataString(lane.FileName ?? "")},{lane.Seed},");
            text.Append(CultureInfo.InvariantCulture, $"{lane.Position},{lane.Record}");
            foreach (var partition in lane.Partitions)
            {
                text.Append(CultureInfo.InvariantCulture, $",{partition.AtAcknowledged}.{partition.EndOffsetAtAcknowledged}");
            }
        }

        return text.ToString();
    }

    /// <summary>Reads the word.</summary>
    /// <returns>False if it is not such a word, or one of a later version: nothing is known of the lanes.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out LaneState? state)
    {
        state = null;
        var parts = text.Split(';');
        if (parts.Length < 5 || parts[0] != Version || !Guid.TryParseExact(parts[2], "N", out var topicId))
        {
            return false;
        }

        var lanes = new List<Lane>();
        foreach (var part in parts[5..])
        {
            if (LaneOf(part.Split(',')) is not { } lane)
            {
                return false;
            }

            lanes.Add(lane);
        }

        state = new LaneState(Uri.UnescapeDataString(parts[1]), topicId, Uri.UnescapeDataString(parts[3]), parts[4], lanes);
        return true;
    }

    private static Lane? LaneOf(string[] fields)
    {
        if (fields.Length < 6 || PairOf(fields[0]) is not { First: >= 0, Second: >= 0 and <= short.MaxValue } producer
            || !int.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var seed)
            || !long.TryParse(fields[3], NumberStyles.None, CultureInfo.InvariantCulture, out var position)
            || !int.TryParse(fields[4], NumberStyles.None, CultureInfo.InvariantCulture, out var record))
        {
            return null;
        }

        var partitions = new List<PartitionSequence>();
        foreach (var field in fields.Skip(5))
        {
            if (PairOf(field) is not { First: >= 0, Second: >= 0 } partition)
            {
                return null;
            }

            partitions.Add(new PartitionSequence(partition.First, partition.Second));
        }

        var lane = new Lane(producer.First, (short)producer.Second, partitions) { IsOfEarlierRun = true };
        if (fields[1].Length > 0)
        {
            lane.Take(Uri.UnescapeDataString(fields[1]), seed, position, record);
        }

        return lane;
    }

    private static (long First, long Second)? PairOf(string text)
    {
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        return dot > 0
            && long.TryParse(text.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out var first)
            && long.TryParse(text.AsSpan(dot + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var second)
                ? (first, second)
                : null;
    }
}
