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

    /// <summary>Where the stretches of a file begin among the partitions: each file at a place of its own.</summary>
    /// <param name="fileIdentity">Identifies the file, wherever it lies.</param>
    public static int SeedOf(string fileIdentity) => KeyHash.Murmur2(Encoding.UTF8.GetBytes(fileIdentity)) & int.MaxValue;

    /// <summary>The partition of a stored batch. The stretches of a file follow each other around the partitions.</summary>
    /// <param name="seed">See <see cref="SeedOf"/>.</param>
    /// <param name="position">Where the batch starts in the file.</param>
    /// <param name="partitions">Partitions of the topic, at least 1.</param>
    public int Of(int seed, long position, int partitions) => (int)((seed + (position / stretchBytes)) % partitions);
}
