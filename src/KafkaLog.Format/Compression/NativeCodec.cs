using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>What the codecs by native libraries share: loaded when first used, and missed by the name of their package.</summary>
internal static class NativeCodec
{
    /// <summary>What to throw when a library is not there: the batch is sound, and waits for it.</summary>
    public static UnsupportedBatchException Missing(CompressionType type, string library, string package, DllNotFoundException cause) =>
        new($"{type} needs {library}, which is not installed (on Debian or Ubuntu: apt-get install {package})", cause);
}
