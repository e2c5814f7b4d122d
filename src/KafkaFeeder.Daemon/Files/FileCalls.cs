using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>
/// System calls that .NET does not offer: opening and deleting below a directory that is held open, without following links,
/// and who owns a file. Linux only.
/// </summary>
internal static partial class FileCalls
{
    public const int CurrentDirectory = -100;
    public const int ReadOnly = 0;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;

    // These two differ between ARM and x86; every other architecture of .NET on Linux has one of the two values.
    public static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;
    public static readonly int Directory = IsArm ? 0x4000 : 0x10000;

    public const ulong ResolveNoSymlinks = 4;
    public const ulong ResolveBeneath = 8;

    public const int AtSymlinkNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;
    public const uint StatxBasicStats = 0x7ff;

    public const int LockExclusive = 2;
    public const int LockNonBlocking = 4;
    public const int OfdGetLock = 36;
    public const short ReadLock = 0;
    public const short WriteLock = 1;

    public const int SeekData = 3;
    public const int SeekHole = 4;

    public const int NotPermitted = 1;
    public const int NoEntry = 2;
    public const int NoMoreData = 6; // ENXIO
    public const int AlreadyExists = 17;
    public const int NotADirectory = 20;
    public const int NoSystemCall = 38;
    public const int TooManyLinks = 40;

    private const long OpenAt2Number = 437; // the same on every architecture

    private static bool IsArm => RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 or Architecture.Armv6;

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenAt(int directory, string path, int flags, int mode);

    /// <summary>openat2(2), which needs Linux 5.6.</summary>
    public static unsafe int OpenAt2(int directory, string path, int flags, ulong resolve)
    {
        var how = new OpenHow { Flags = (uint)flags, Resolve = resolve };
        return (int)OpenAt2(OpenAt2Number, directory, path, &how, (nuint)sizeof(OpenHow));
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(int directory, string path, int flags, uint mask, out StatxResult result);

    /// <summary>lseek(2) of a 64-bit system: finds data or a hole. It moves the file offset, which reads by position do not use.</summary>
    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(SafeFileHandle file, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int UnlinkAt(SafeFileHandle directory, string name, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(SafeFileHandle file, int operation);

    /// <summary>Asks for a conflicting lock (<see cref="OfdGetLock"/>); afterwards <paramref name="range"/> contains its kind.</summary>
    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(SafeFileHandle file, int operation, ref LockRange range);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUser();

    [LibraryImport("libc", EntryPoint = "realpath", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial IntPtr RealPath(string path, IntPtr buffer);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial long OpenAt2(long number, int directory, string path, OpenHow* how, nuint bytes);

    /// <summary>The C library's <c>struct flock</c> on 64-bit systems: from the start to the end of the file where all is 0.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 32)]
    public struct LockRange
    {
        [FieldOffset(0)] public short Kind;
    }

    /// <summary>The kernel's <c>struct open_how</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct OpenHow
    {
        public ulong Flags;
        public ulong Mode;
        public ulong Resolve;
    }

    /// <summary>The kernel's <c>struct statx</c>, the same on every architecture (statx(2)).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct StatxResult
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(20)] public uint Owner;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Bytes;
        [FieldOffset(48)] public ulong Blocks;
        [FieldOffset(96)] public long ChangedSeconds;
        [FieldOffset(104)] public uint ChangedNanoseconds;
        [FieldOffset(112)] public long ModifiedSeconds;
        [FieldOffset(120)] public uint ModifiedNanoseconds;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;
    }
}
