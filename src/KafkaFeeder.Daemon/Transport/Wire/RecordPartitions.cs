using System.Globalization;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Partitioning;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// Which partition a record goes to: by its key as other clients do it, without a key by its place in the file. It depends on nothing
/// else, so it is the same however often a record is sent. Pure.
/// </summary>
/// <param name="partitioner">How keys are used.</param>
/// <param name="stretchBytes">So many bytes of a file go to the same partition.</param>
internal sealed class RecordPartitions(PartitionerKind partitioner, int stretchBytes)
{
    private readonly PlacePartition _place = new(stretchBytes);

    /// <summary>The way, as a word for the checkpoint.</summary>
    public string Word => string.Create(CultureInfo.InvariantCulture, $"{partitioner}.{stretchBytes}");

    /// <summary>True if all records of a batch go to the same partition, whatever is in it.</summary>
    public bool IsOne(Lane lane) => lane.Partitions.Count == 1 || partitioner == PartitionerKind.Random;

    /// <summary>The partition of the records without a key of a batch.</summary>
    public int OfPlace(Lane lane, StoredBatch batch) => _place.Of(lane.Seed, batch.Position, lane.Partitions.Count);

    /// <summary>The partition of each record of a batch, by index.</summary>
    public int[] Of(Lane lane, StoredBatch batch, RecordEnumerator records)
    {
        var place = OfPlace(lane, batch);
        var partitions = new int[batch.RecordsCount];
        for (var i = 0; records.MoveNext(); i++)
        {
            var record = records.Current;
            partitions[i] = !record.HasKey || IsOne(lane) ? place
                : partitioner == PartitionerKind.Fnv1aRandom ? KeyHash.Fnv1aPartition(record.Key, lane.Partitions.Count)
                : KeyHash.Murmur2Partition(record.Key, lane.Partitions.Count);
        }

        return partitions;
    }

    /// <summary>How many records go to which partition; each partition once.</summary>
    public static (int Partition, int Count)[] Counts(ReadOnlySpan<int> partitions)
    {
        var counts = new Dictionary<int, int>();
        foreach (var partition in partitions)
        {
            counts[partition] = counts.GetValueOrDefault(partition) + 1;
        }

        return [.. counts.Select(c => (c.Key, c.Value))];
    }
}
