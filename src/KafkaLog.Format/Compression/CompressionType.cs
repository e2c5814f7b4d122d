namespace KafkaLog.Format.Compression;

/// <summary>How a batch's records are compressed: bits 0 to 2 of its attributes. Source: Kafka's <c>CompressionType</c>.</summary>
public enum CompressionType : byte
{
    /// <summary>Not compressed.</summary>
    None = 0,

    /// <summary>gzip (RFC 1952).</summary>
    Gzip = 1,

    /// <summary>Snappy.</summary>
    Snappy = 2,

    /// <summary>LZ4 frames.</summary>
    Lz4 = 3,

    /// <summary>Zstandard (KIP-110).</summary>
    Zstd = 4,
}
