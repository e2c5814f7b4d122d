using System.Runtime.InteropServices;

namespace KafkaLog.Tool.Native;

/// <summary>What kind of file a path is; the framework does not distinguish sockets from files.</summary>
internal static partial class FileKind
{
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint Type = 1;
    private const int ModePosition = 28; // in struct statx, the same on every architecture
    private const int TypeMask = 0xF000;
    private const int SocketType = 0xC000;

    /// <summary>True if it is a socket itself, not a link to one.</summary>
    public static bool IsSocket(string path)
    {
        Span<byte> stat = stackalloc byte[256];
        return Statx(CurrentDirectory, path, NoFollow, Type, stat) == 0
            && (MemoryMarshal.Read<ushort>(stat[ModePosition..]) & TypeMask) == SocketType;
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Statx(int directory, string path, int flags, uint mask, Span<byte> result);
}
