using System.Reflection;
using System.Runtime.InteropServices;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>
/// What the codecs with native libraries share: a library is loaded on first use, and the error for a missing one names its
/// package.
/// </summary>
internal static class NativeCodec
{
    public const string Lz4 = "liblz4.so.1";
    public const string Zstd = "libzstd.so.1";

    // The names above are those on Linux. On macOS and Windows the libraries have the names that Homebrew and their own builds give them.
    static NativeCodec() => NativeLibrary.SetDllImportResolver(typeof(NativeCodec).Assembly, static (name, assembly, path) =>
        ElsewhereNames(name).Select(other => NativeLibrary.TryLoad(other, assembly, path, out var library) ? library : IntPtr.Zero)
            .FirstOrDefault(library => library != IntPtr.Zero));

    /// <summary>The error for a missing library: the batch is sound and can be read once the library is installed.</summary>
    public static UnsupportedBatchException Missing(CompressionType type, string library, string package, DllNotFoundException cause) =>
        new($"{type} needs {library}, which is not installed (on Debian or Ubuntu: apt-get install {package})", cause);

    /// <summary>Call this before the first use of a library.</summary>
    public static void Prepare()
    {
        // The static constructor does it.
    }

    private static string[] ElsewhereNames(string name) => name switch
    {
        Lz4 when OperatingSystem.IsMacOS() => ["liblz4.1.dylib", "liblz4.dylib"],
        Lz4 when OperatingSystem.IsWindows() => ["liblz4.dll", "lz4.dll"],
        Zstd when OperatingSystem.IsMacOS() => ["libzstd.1.dylib", "libzstd.dylib"],
        Zstd when OperatingSystem.IsWindows() => ["libzstd.dll", "zstd.dll"],
        _ => [],
    };
}
