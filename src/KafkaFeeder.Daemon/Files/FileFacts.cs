using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>Identifies a file, whatever its name. An inode may be reused after a deletion.</summary>
internal readonly record struct FileId(ulong Device, ulong Inode);

/// <summary>The metadata of a file or directory.</summary>
/// <param name="Id">Identifies the file.</param>
/// <param name="Owner">The user number of its owner.</param>
/// <param name="Mode">File type and permissions, as <c>st_mode</c>.</param>
/// <param name="Links">The number of its names (hard links).</param>
/// <param name="Bytes">Its size in bytes.</param>
/// <param name="Modified">Its last modification.</param>
/// <param name="Changed">The last change of content, permissions, owner or names, in 100 ns; only the kernel sets it.</param>
/// <param name="DiskBytes">What it takes on disk, in bytes: less than its size if it has holes.</param>
internal readonly record struct FileFacts(
    FileId Id, uint Owner, uint Mode, uint Links, long Bytes, DateTimeOffset Modified, long Changed, long DiskBytes)
{
    public bool IsRegular => (Mode & 0xF000) == 0x8000;

    public bool IsDirectory => (Mode & 0xF000) == 0x4000;

    /// <summary>The metadata of the file at a path; links are followed.</summary>
    /// <param name="path">Any path.</param>
    /// <param name="facts">The metadata.</param>
    /// <param name="errno">The error; 0 after success.</param>
    public static bool TryOf(string path, out FileFacts facts, out int errno) =>
        TryOf(FileCalls.CurrentDirectory, path, 0, out facts, out errno);

    /// <summary>The metadata of the file at a path; links are followed.</summary>
    /// <exception cref="IOException">It cannot be examined: it is gone, or may not be reached.</exception>
    public static FileFacts Of(string path) =>
        TryOf(path, out var facts, out var errno) ? facts : throw new IOException($"cannot look at {path}: {Errors.Text(errno)}");

    /// <summary>
    /// True if something exists at a path. <see cref="File.Exists"/> also returns false if that cannot be determined.
    /// </summary>
    /// <exception cref="IOException">It cannot be determined.</exception>
    public static bool IsThere(string path) => TryOf(path, out _, out var errno)
        || (Errors.IsAbsent(errno) ? false : throw new IOException($"{path}: {Errors.Text(errno)}"));

    /// <summary>The metadata of the entry at a path; a link in the last part is not followed.</summary>
    public static bool TryOfEntry(string path, out FileFacts facts, out int errno) =>
        TryOf(FileCalls.CurrentDirectory, path, FileCalls.AtSymlinkNoFollow, out facts, out errno);

    /// <summary>The metadata of the entry of this name in an open directory; a link is not followed.</summary>
    public static bool TryOf(SafeFileHandle directory, string name, out FileFacts facts, out int errno) =>
        TryOf((int)directory.DangerousGetHandle(), name, FileCalls.AtSymlinkNoFollow, out facts, out errno);

    /// <summary>The metadata of an open file or directory.</summary>
    /// <exception cref="IOException">statx(2) failed.</exception>
    public static FileFacts Of(SafeFileHandle file)
    {
        if (!TryOf((int)file.DangerousGetHandle(), "", FileCalls.AtEmptyPath, out var facts, out var errno))
        {
            throw new IOException($"cannot examine an open file: {Errors.Text(errno)}");
        }

        return facts;
    }

    private static bool TryOf(int directory, string path, int flags, out FileFacts facts, out int errno)
    {
        if (FileCalls.Statx(directory, path, flags, FileCalls.StatxBasicStats, out var stat) != 0)
        {
            (facts, errno) = (default, Marshal.GetLastPInvokeError());
            return false;
        }

        errno = 0;
        facts = new FileFacts(
            new FileId(((ulong)stat.DeviceMajor << 32) | stat.DeviceMinor, stat.Inode),
            stat.Owner,
            stat.Mode,
            stat.Links,
            (long)stat.Bytes,
            DateTimeOffset.FromUnixTimeSeconds(stat.ModifiedSeconds).AddTicks(stat.ModifiedNanoseconds / 100),
            (stat.ChangedSeconds * TimeSpan.TicksPerSecond) + (stat.ChangedNanoseconds / 100),
            (long)stat.Blocks * 512);
        return true;
    }
}

/// <summary>Error numbers of system calls (errno).</summary>
internal static class Errors
{
    /// <summary>The text of an error, such as <c>Permission denied</c>.</summary>
    public static string Text(int errno) => new Win32Exception(errno).Message;

    /// <summary>True if the error means that nothing exists at the path; false if that cannot be determined now.</summary>
    public static bool IsAbsent(int errno) => errno is FileCalls.NoEntry or FileCalls.NotADirectory or FileCalls.TooManyLinks;
}
