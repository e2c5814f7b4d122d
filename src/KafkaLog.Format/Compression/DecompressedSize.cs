using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>Limits the size of a decompressed block. Pure.</summary>
internal static class DecompressedSize
{
    /// <summary>
    /// The most decompressed bytes per compressed byte. deflate cannot exceed 1032; zstd and lz4 exceed it with blocks of one
    /// repeated byte. Honest records may be such a block, so the limit applies only above <see cref="FreeBytes"/>.
    /// </summary>
    public const int MaxRatio = 4096;

    /// <summary>So many bytes are always allowed, whatever the ratio.</summary>
    public const int FreeBytes = 4 << 20;

    /// <summary>True if readers would refuse a block for its ratio. A writer then stores it as it is.</summary>
    public static bool IsBomb(long bytes, int compressedBytes) => bytes > FreeBytes && bytes / MaxRatio > compressedBytes;

    /// <summary>Takes <paramref name="more"/> decompressed bytes, within the absolute cap and the ratio.</summary>
    /// <exception cref="CorruptBatchException">A cap is exceeded.</exception>
    public static void Add(ref long total, long more, int sourceBytes, int maxBytes, CompressionType type)
    {
        total += more;
        if (total > maxBytes)
        {
            throw new CorruptBatchException($"{sourceBytes} bytes of {type} decompress to more than the cap of {maxBytes} bytes");
        }

        if (IsBomb(total, sourceBytes))
        {
            throw new CorruptBatchException(
                $"{sourceBytes} bytes of {type} decompress to more than {MaxRatio} times as much ({total} bytes so far)");
        }
    }
}
