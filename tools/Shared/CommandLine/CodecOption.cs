using System.CommandLine;
using KafkaLog.Format.Compression;

namespace KafkaFeeder.CommandLine;

/// <summary><c>--codec</c>.</summary>
internal static class CodecOption
{
    public static Option<CompressionType> Create() => new("--codec")
    {
        HelpName = "none|gzip|snappy|lz4|zstd",
        Description = "How batches are compressed",
        DefaultValueFactory = _ => CompressionType.None,
        CustomParser = ArgumentParsers.OneOf(
            ("none", CompressionType.None),
            ("gzip", CompressionType.Gzip),
            ("snappy", CompressionType.Snappy),
            ("lz4", CompressionType.Lz4),
            ("zstd", CompressionType.Zstd)),
    };
}
