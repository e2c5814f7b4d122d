using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace KafkaFeeder;

/// <summary>
/// Finds the native library that Confluent.Kafka calls: the one bundled with its package where the build brought it
/// (<c>-p:BundledLibrdkafka=true</c>), else the system's <c>librdkafka.so.1</c>. Compiled into each program that talks
/// to Kafka. Confluent.Kafka's own <c>Library.Load(path)</c> is not used: it fails on systems without an unversioned
/// <c>libdl.so</c>.
/// </summary>
internal static class Librdkafka
{
    private const string SystemName = "librdkafka.so.1";

    private static readonly Lock Once = new();
    private static string? _problem;
    private static bool _tried;

    /// <summary>
    /// Loads the library. Call it once before the first use of Confluent.Kafka.
    /// </summary>
    /// <param name="problem">The message for the user when neither library is found; null on success.</param>
    /// <returns>True if the library is loaded.</returns>
    public static bool TryLoad(out string? problem)
    {
        lock (Once)
        {
            if (!_tried)
            {
                NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, Resolve);
                try
                {
                    _ = Library.Version;
                }
                catch (Exception e)
                    when (e is DllNotFoundException or TypeInitializationException or InvalidOperationException
                        or EntryPointNotFoundException)
                {
                    _problem =
                        $"librdkafka is not installed: neither a bundled one beside this program nor the system's {SystemName} could be "
                            + "loaded. "
                        + "On Debian or Ubuntu: apt-get install librdkafka1";
                }

                _tried = true;
            }

            problem = _problem;
            return problem is null;
        }
    }

    /// <summary>Resolves "librdkafka". The resolvers of other assemblies may call it too.</summary>
    internal static IntPtr Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != "librdkafka")
        {
            return IntPtr.Zero; // the runtime's own search
        }

        // Try the bundled one first. Its folder depends on how the program was published; the runtime knows it.
        if (NativeLibrary.TryLoad(name, assembly, path, out var handle))
        {
            return handle;
        }

        return NativeLibrary.TryLoad(SystemName, out handle) ? handle : IntPtr.Zero;
    }
}
