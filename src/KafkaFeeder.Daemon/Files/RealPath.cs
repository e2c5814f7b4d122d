using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Files;

/// <summary>The path of a file or directory with all links resolved (realpath(3)).</summary>
internal static class RealPath
{
    /// <summary>Resolves all links of a path.</summary>
    /// <param name="path">Any path.</param>
    /// <param name="real">The path without links.</param>
    /// <param name="errno">The error: nothing exists there, or it cannot be determined now; 0 after success.</param>
    public static unsafe bool TryResolve(string path, [NotNullWhen(true)] out string? real, out int errno)
    {
        var resolved = FileCalls.RealPath(path, IntPtr.Zero);
        errno = resolved == IntPtr.Zero ? Marshal.GetLastPInvokeError() : 0;
        real = Marshal.PtrToStringUTF8(resolved);
        NativeMemory.Free((void*)resolved);
        return real is not null;
    }

    /// <summary>The real path; if it cannot be resolved, the path itself, made absolute.</summary>
    public static string OrLexical(string path) => TryResolve(path, out var real, out _) ? real : Path.GetFullPath(path);

    /// <summary>True for the directory itself and for everything below it. Both are real paths.</summary>
    public static bool IsAtOrBelow(string path, string directory) =>
        path == directory || directory == "/"
        || (path.Length > directory.Length && path[directory.Length] == '/' && path.StartsWith(directory, StringComparison.Ordinal));
}
