using System.Buffers;

namespace KafkaLog.Format.Compression;

/// <summary>One way to compress a block of bytes. Implementations hold no state between calls.</summary>
internal interface ICompressionCodec
{
    /// <summary>The type, as the attributes of a batch have it.</summary>
    CompressionType Type { get; }

    /// <summary>Compresses a whole block and appends it to <paramref name="destination"/>.</summary>
    void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination);

    /// <summary>Decompresses a whole block.</summary>
    /// <exception cref="CorruptBatchException">The block is damaged, or larger than <paramref name="maxBytes"/>.</exception>
    /// <exception cref="UnsupportedBatchException">The codec's native library is not installed.</exception>
    void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes);
}

/// <summary>The codecs that this version has.</summary>
internal static class CompressionCodecs
{
    private static readonly ICompressionCodec?[] ByType =
        [null, new GzipCodec(), new SnappyCodec(), new Lz4Codec(Lz4HeaderChecksum.Right), new ZstdCodec()];
    private static readonly ICompressionCodec Lz4OfMagic0 = new Lz4Codec(Lz4HeaderChecksum.Kafka3160);
    private static readonly ICompressionCodec Lz4OfMagic1 = new Lz4Codec(Lz4HeaderChecksum.RightOrKafka3160);

    /// <summary>
    /// The codec of a type in a magic; null for <see cref="CompressionType.None"/> and for a codec that the magic does not
    /// have.
    /// </summary>
    public static ICompressionCodec? For(CompressionType type, byte magic = 2) => (type, magic) switch
    {
        (CompressionType.Lz4, 0) => Lz4OfMagic0,
        (CompressionType.Lz4, 1) => Lz4OfMagic1,
        (CompressionType.Zstd, < 2) => null, // KIP-110: magic 2 only
        _ => (int)type < ByType.Length ? ByType[(int)type] : null,
    };
}
