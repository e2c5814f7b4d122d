using System.Text;

namespace KafkaLog.Wire.Partitioning;

/// <summary>
/// Which partition a record without a key belongs to: its place in the log decides, by stretches of a file, so it is the same one
/// however often the record is sent, and by whichever run. Neighbours share a partition, so that they can share a batch. Pure.
/// </summary>
/// <param name="stretchBytes">The length of a stretch, at least 1.</param>
internal sealed class PlacePartition(int stretchBytes)
{
    /// <summary>1 MiB: long enough for full batches, short enough to spread a log over its partitions.</summary>
    public const int DefaultStretchBytes = 1 << 20;

    /// <summary>The partition of a stored batch.</summary>
    /// <param name="fileIdentity">Identifies the file, wherever it lies.</param>
    /// <param name="position">Where the batch starts in it.</param>
    /// <param name="partitions">Partitions of the topic, at least 1.</param>
    public int Of(string fileIdentity, long position, int partitions)
    {
        if (partitions == 1)
        {
            return 0;
        }

        // Stretches of a file follow each other around the partitions; each file starts at one of its own.
        var start = KeyHash.Murmur2(Encoding.UTF8.GetBytes(fileIdentity)) & int.MaxValue;
        return (int)(((long)start + (position / stretchBytes)) % partitions);
    }
}
