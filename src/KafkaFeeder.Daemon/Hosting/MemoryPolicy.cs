using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Keeps the native heap small: by default glibc gives each thread an arena of its own, and what one thread allocates and
/// another frees (every record does) leaves them all half empty.
/// </summary>
internal static partial class MemoryPolicy
{
    private const int ArenaMax = -8; // M_ARENA_MAX of malloc.h

    /// <summary>To be called before the first thread of the client library.</summary>
    public static void Apply()
    {
        try
        {
            _ = MallOpt(ArenaMax, 2);
        }
        catch (EntryPointNotFoundException)
        {
            return; // musl has one arena anyway
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
