using System.ComponentModel;
using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>Which file or directory a path leads to: file system and inode. Another mount under the same path is another one.</summary>
internal static partial class FileIdentity
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint InodeOnly = 0x100; // STATX_INO

    /// <summary>The identity of what a path leads to.</summary>
    /// <exception cref="IOException">It cannot be asked: it is gone, or may not be reached.</exception>
    public static (ulong Device, ulong Inode) Of(string path)
    {
        if (Statx(CurrentDirectory, path, 0, InodeOnly, out var found) != 0)
        {
            throw new IOException($"cannot look at {path}: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }

        return (((ulong)found.DeviceMajor << 32) | found.DeviceMinor, found.Inode);
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, out StatxResult result);

    /// <summary>The kernel's <c>struct statx</c>, the same on every architecture (statx(2)).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct StatxResult
    {
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
    }
}
