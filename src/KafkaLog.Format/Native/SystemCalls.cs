using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Native;

/// <summary>
/// The calls that the framework lacks or gets wrong: its flush swallows the errors of fsync on Linux, it cannot sync a
/// directory, and it cannot open a file without following links or blocking on a FIFO. Linux (glibc, musl) only, except for
/// fsync and flock, which every Unix has.
/// </summary>
internal static partial class SystemCalls
{
    public const int ReadOnly = 0;
    public const int NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000;

    // These two have other numbers on ARM than on x86; all other architectures of .NET on Linux agree with one of them.
    public static readonly int NoFollow = IsArm ? 0x8000 : 0x20000;
    public static readonly int Directory = IsArm ? 0x4000 : 0x10000;

    public const int CurrentDirectory = -100;
    public const int AtNoFollow = 0x100;
    public const int AtEmptyPath = 0x1000;
    public const uint StatxBasicStats = 0x7ff;
    public const uint StatxCreated = 0x800;

    private static bool IsArm => RuntimeInformation.ProcessArchitecture is Architecture.Arm or Architecture.Arm64 or Architecture.Armv6;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Fsync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    public static partial int Fsync(int descriptor);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Flock(SafeFileHandle file, int operation);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int FileControl(SafeFileHandle file, int command, ref FileLockRange range);

    public const int FullSync = 51; // F_FULLFSYNC, macOS

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int FileControl(SafeFileHandle file, int command);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(SafeFileHandle directory, string path, int flags, uint mask, out StatxResult result);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Statx(int directory, string path, int flags, uint mask, out StatxResult result);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    public static partial long Seek(SafeFileHandle file, long position, int whence);

    // Memory mapping, Linux only: see MappedWindow.
    public const int ProtectReadWrite = 3;
    public const int MapShared = 1;

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial IntPtr Map(IntPtr address, nuint length, int protection, int flags, SafeFileHandle file, long position);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Unmap(IntPtr address, nuint length);

    [LibraryImport("libc", EntryPoint = "fstatfs", SetLastError = true)]
    public static partial int FileSystem(SafeFileHandle file, out FileSystemResult result);

    /// <summary>The kernel's <c>struct flock</c> on 64-bit systems (fcntl(2)). All zeros but the type: the whole file.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct FileLockRange
    {
        public short Type;
        public short Whence;
        public long Start;
        public long Length; // 0: to the end, wherever that will be
        public int ProcessId;
    }

    /// <summary>The kernel's <c>struct statfs</c>, of which only the type is used (statfs(2)); 64-bit systems.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct FileSystemResult
    {
        [FieldOffset(0)] public long Type;
    }

    /// <summary>The kernel's <c>struct statx</c>, the same on every architecture (statx(2)).</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct StatxResult
    {
        [FieldOffset(16)] public uint Links;
        [FieldOffset(28)] public ushort Mode;
        [FieldOffset(32)] public ulong Inode;
        [FieldOffset(40)] public ulong Size;
        [FieldOffset(80)] public long CreatedSeconds;
        [FieldOffset(88)] public uint CreatedNanoseconds;
        [FieldOffset(112)] public long ModifiedSeconds;
        [FieldOffset(120)] public uint ModifiedNanoseconds;
        [FieldOffset(136)] public uint DeviceMajor;
        [FieldOffset(140)] public uint DeviceMinor;

        public readonly bool IsRegularFile => (Mode & 0xF000) == 0x8000;
    }
}
