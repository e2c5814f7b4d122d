using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>The one path of a directory, whatever links lead to it (realpath(3)).</summary>
internal static partial class RealPath
{
    /// <summary>The real path, or null if there is nothing.</summary>
    public static unsafe string? Of(string path)
    {
        var resolved = Resolve(path, IntPtr.Zero);
        if (resolved == IntPtr.Zero)
        {
            return null;
        }

        try
        {
            return Marshal.PtrToStringUTF8(resolved);
        }
        finally
        {
            NativeMemory.Free((void*)resolved);
        }
    }

    [LibraryImport("libc", EntryPoint = "realpath", StringMarshalling = StringMarshalling.Utf8)]
    private static partial IntPtr Resolve(string path, IntPtr buffer);
}
