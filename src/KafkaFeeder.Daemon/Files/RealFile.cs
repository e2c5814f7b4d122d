using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>
/// Opens files and directories without following a link that somebody has created meanwhile, and without blocking on a FIFO. If the
/// kernel has no openat2 (before Linux 5.6), the path of the opened descriptor is checked.
/// </summary>
internal static class RealFile
{
    private static readonly int Flags = FileCalls.ReadOnly | FileCalls.NoFollow | FileCalls.NonBlocking | FileCalls.CloseOnExec;

    /// <summary>Opens the file or directory at a path without links.</summary>
    /// <param name="realPath">A path from <see cref="RealPath"/>.</param>
    /// <param name="file">What was opened; the caller disposes of it.</param>
    /// <param name="errno">The error; 0 after success. ELOOP: there is a link in the path now.</param>
    public static bool TryOpen(string realPath, out SafeFileHandle? file, out int errno)
    {
        var descriptor = FileCalls.OpenAt2(FileCalls.CurrentDirectory, realPath, Flags, FileCalls.ResolveNoSymlinks);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (!IsUnsupported(errno))
        {
            file = Own(descriptor);
            return file is not null;
        }

        descriptor = FileCalls.OpenAt(FileCalls.CurrentDirectory, realPath, Flags, 0);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        file = Own(descriptor);
        if (file is not null && new FileInfo($"/proc/self/fd/{descriptor}").LinkTarget != realPath)
        {
            file.Dispose();
            (file, errno) = (null, FileCalls.TooManyLinks);
        }

        return file is not null;
    }

    /// <summary>Opens the entry of this name in an open directory. No link is followed, and nothing outside can be opened.</summary>
    public static bool TryOpenIn(SafeFileHandle directory, string name, out SafeFileHandle? file, out int errno)
    {
        var within = (int)directory.DangerousGetHandle();
        var descriptor = FileCalls.OpenAt2(within, name, Flags, FileCalls.ResolveNoSymlinks | FileCalls.ResolveBeneath);
        errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        if (IsUnsupported(errno) && !name.Contains('/', StringComparison.Ordinal) && name is not ("." or ".."))
        {
            descriptor = FileCalls.OpenAt(within, name, Flags, 0);
            errno = descriptor < 0 ? Marshal.GetLastPInvokeError() : 0;
        }

        file = Own(descriptor);
        return file is not null;
    }

    /// <summary>True if there is no openat2: an old kernel returns ENOSYS, a filter of system calls (seccomp) EPERM.</summary>
    private static bool IsUnsupported(int errno) => errno is FileCalls.NoSystemCall or FileCalls.NotPermitted;

    private static SafeFileHandle? Own(int descriptor) => descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
}
