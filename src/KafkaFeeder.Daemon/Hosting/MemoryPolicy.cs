using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// Keeps the native heap small. By default glibc gives each thread its own arena. Every record is allocated by one thread and freed
/// by another, which would leave all arenas half empty.
/// </summary>
internal static partial class MemoryPolicy
{
    private const int ArenaMax = -8; // M_ARENA_MAX of malloc.h

    /// <summary>To be called before the client library starts its first thread.</summary>
    public static void Apply()
    {
        try
        {
            _ = MallOpt(ArenaMax, 2);
        }
        catch (EntryPointNotFoundException)
        {
            return; // musl has no mallopt, and only one arena
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}
