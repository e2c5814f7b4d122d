using System.Numerics;
using System.Runtime.InteropServices;

namespace KafkaLog.Format.Checksums;

/// <summary>CRC-32C (Castagnoli), the checksum of magic 2. Source: RFC 3720 B.4; Kafka's <c>Crc32C</c>.</summary>
internal static class Crc32C
{
    /// <summary>x^32 + x^28 + x^27 and so on.</summary>
    internal static readonly CrcPolynomial Polynomial = new(0x82F63B78);

    /// <summary>The checksum of <paramref name="bytes"/>: "123456789" gives 0xe3069283.</summary>
    public static uint Compute(ReadOnlySpan<byte> bytes) => Append(0, bytes);

    /// <summary>Continues a checksum: that of the bytes that gave <paramref name="crc"/>, followed by <paramref name="bytes"/>.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes) => ~Step(~crc, bytes);

    /// <summary>The checksum of the same bytes after another beginning, without reading them again.</summary>
    /// <param name="crc">The checksum of the beginning and the bytes that follow it.</param>
    /// <param name="beginning">The checksum of the beginning.</param>
    /// <param name="other">The checksum of the other beginning.</param>
    /// <param name="bytes">How many bytes follow.</param>
    public static uint WithBeginning(uint crc, uint beginning, uint other, long bytes) =>
        crc ^ Polynomial.Shift(beginning ^ other, bytes);

    // BitOperations.Crc32C is the bare step: the start value and the final complement are ours.
    private static uint Step(uint crc, ReadOnlySpan<byte> bytes)
    {
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words)
        {
            crc = BitOperations.Crc32C(crc, word);
        }

        foreach (var b in bytes[(words.Length * sizeof(ulong))..])
        {
            crc = BitOperations.Crc32C(crc, b);
        }

        return crc;
    }
}
