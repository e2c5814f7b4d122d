using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>
/// Opens files and directories for what they are: never through a link that somebody has put there in the meantime, and
/// never waiting for a FIFO. Where the kernel has no openat2 (before Linux 5.6) the descriptor is asked what was opened.
/// </summary>
internal static class RealFile
{
    private static readonly int Flags = FileCalls.ReadOnly | FileCalls.NoFollow | FileCalls.NonBlocking | FileCalls.CloseOnExec;

    /// <summary>Opens what lies at a path that has no links in it.</summary>
    /// <param name="realPath">As <see cref="RealPath"/> gives it.</param>
    /// <param name="file">What was opened; the caller disposes of it.</param>
    /// <param name="errno">Why not; 0 after success. ELOOP: there is a link in the path by now.</param>
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

    /// <summary>Opens what has this name in a directory that is open; no link is followed and nothing outside can be reached.</summary>
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

    /// <summary>A filter of system calls (seccomp) says EPERM where an old kernel says ENOSYS.</summary>
    private static bool IsUnsupported(int errno) => errno is FileCalls.NoSystemCall or FileCalls.NotPermitted;

    private static SafeFileHandle? Own(int descriptor) => descriptor < 0 ? null : new SafeFileHandle(descriptor, ownsHandle: true);
}
