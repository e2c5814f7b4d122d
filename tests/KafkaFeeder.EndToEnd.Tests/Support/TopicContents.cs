using System.Text;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>A record in a topic.</summary>
public sealed record TopicRecord(
    int Partition, long Offset, long Timestamp, byte[]? Key, byte[]? Value, IReadOnlyList<KeyValuePair<string, byte[]?>> Headers)
{
    /// <summary>The value as text; "" if it is null.</summary>
    public string Text => Encoding.UTF8.GetString(Value ?? []);
}

/// <summary>All that is in a topic.</summary>
public static class TopicContents
{
    /// <summary>Reads all partitions to their ends and, if more are expected, waits for them until the limit.</summary>
    /// <returns>The records of a partition in its order; partitions may alternate.</returns>
    public static List<TopicRecord> ReadTopic(this KafkaCluster cluster, string topic, int expected = 0, TimeSpan? limit = null)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        using var reader = new TopicReader(cluster.BootstrapServers, topic, cluster.ClientProperties);
        var time = TimeProvider.System;
        var started = time.GetTimestamp();
        var records = new List<TopicRecord>();
        reader.Start(TimeSpan.FromSeconds(20));
        while (!reader.IsAtEnd || records.Count < expected)
        {
            reader.Read((in record) => records.Add(Copy(record)), TimeSpan.FromMilliseconds(100));
            if (time.GetElapsedTime(started) > (limit ?? TimeSpan.FromSeconds(60)))
            {
                throw new TimeoutException(
                    $"{records.Count} records of {topic} came, {expected} are expected, and the end "
                        + $"{(reader.IsAtEnd ? "was" : "was not")} reached. {reader.LastComplaint}");
            }
        }

        return records;
    }

    private static TopicRecord Copy(in FetchedRecord record) => new(
        record.Partition,
        record.Offset,
        record.Timestamp,
        record.HasKey ? record.Key.ToArray() : null,
        record.HasValue ? record.Value.ToArray() : null,
        record.CopyHeaders());
}
