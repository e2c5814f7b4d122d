using System.Buffers.Binary;

namespace KafkaLog.Wire.Partitioning;

/// <summary>
/// Which partition a key belongs to, as other clients decide it, so that a key stays in its partition whoever sends it. Pure.
/// </summary>
internal static class KeyHash
{
    private const uint Fnv1aOffset = 2_166_136_261;
    private const uint Fnv1aPrime = 16_777_619;

    /// <summary>As Kafka's own client: <c>toPositive(murmur2(key)) % partitions</c> (Kafka's <c>BuiltInPartitioner</c>).</summary>
    public static int Murmur2Partition(ReadOnlySpan<byte> key, int partitions) => (Murmur2(key) & int.MaxValue) % partitions;

    /// <summary>As Sarama and the original: FNV-1a (32 bits), the remainder without its sign.</summary>
    public static int Fnv1aPartition(ReadOnlySpan<byte> key, int partitions) => Math.Abs((int)Fnv1a(key) % partitions);

    /// <summary>MurmurHash2, 32 bits, seed 0x9747b28c. Source: Kafka's <c>Utils.murmur2</c>.</summary>
    public static int Murmur2(ReadOnlySpan<byte> key)
    {
        const uint Multiplier = 0x5bd1e995;
        var hash = 0x9747b28c ^ (uint)key.Length;
        for (; key.Length >= 4; key = key[4..])
        {
            var word = BinaryPrimitives.ReadUInt32LittleEndian(key) * Multiplier;
            word = (word ^ (word >> 24)) * Multiplier;
            hash = (hash * Multiplier) ^ word;
        }

        if (key.Length > 0)
        {
            for (var i = key.Length - 1; i >= 0; i--)
            {
                hash ^= (uint)key[i] << (8 * i);
            }

            hash *= Multiplier;
        }

        hash = (hash ^ (hash >> 13)) * Multiplier;
        return (int)(hash ^ (hash >> 15));
    }

    /// <summary>FNV-1a, 32 bits.</summary>
    public static uint Fnv1a(ReadOnlySpan<byte> key)
    {
        var hash = Fnv1aOffset;
        foreach (var next in key)
        {
            hash = (hash ^ next) * Fnv1aPrime;
        }

        return hash;
    }
}
