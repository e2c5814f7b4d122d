using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>Which file it is, whatever it is called. An inode is used again after a deletion, so two files may have had the same.</summary>
internal readonly record struct FileId(ulong Device, ulong Inode);

/// <summary>What the system says of a file or directory.</summary>
/// <param name="Id">Which file it is.</param>
/// <param name="Owner">The user's number.</param>
/// <param name="Mode">Type and rights, as <c>st_mode</c>.</param>
/// <param name="Links">Names that it has.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Modified">Its last modification.</param>
/// <param name="Changed">The last change of content, rights, owner or names, in 100 ns; nobody but the kernel sets it.</param>
/// <param name="DiskBytes">What it takes on the disk: less than its size where it has holes.</param>
internal readonly record struct FileFacts(
    FileId Id, uint Owner, uint Mode, uint Links, long Bytes, DateTimeOffset Modified, long Changed, long DiskBytes)
{
    public bool IsRegular => (Mode & 0xF000) == 0x8000;

    public bool IsDirectory => (Mode & 0xF000) == 0x4000;

    /// <summary>Of the file that a path leads to, links followed.</summary>
    /// <param name="path">Any path.</param>
    /// <param name="facts">What was found.</param>
    /// <param name="errno">Why not; 0 after success.</param>
    public static bool TryOf(string path, out FileFacts facts, out int errno) =>
        TryOf(FileCalls.CurrentDirectory, path, 0, out facts, out errno);

    /// <summary>Of the file that a path leads to, links followed.</summary>
    /// <exception cref="IOException">It cannot be looked at: it is gone, or may not be reached.</exception>
    public static FileFacts Of(string path) =>
        TryOf(path, out var facts, out var errno) ? facts : throw new IOException($"cannot look at {path}: {Errors.Text(errno)}");

    /// <summary>
    /// Whether there is something. <see cref="File.Exists"/> says no of what cannot be looked at, and that is not the same.
    /// </summary>
    /// <exception cref="IOException">Nobody knows: it cannot be looked at.</exception>
    public static bool IsThere(string path) => TryOf(path, out _, out var errno)
        || (Errors.IsAbsent(errno) ? false : throw new IOException($"{path}: {Errors.Text(errno)}"));

    /// <summary>Of what lies under a path; a link in its last part is not followed.</summary>
    public static bool TryOfEntry(string path, out FileFacts facts, out int errno) =>
        TryOf(FileCalls.CurrentDirectory, path, FileCalls.AtSymlinkNoFollow, out facts, out errno);

    /// <summary>Of what has this name in an open directory; a link is not followed.</summary>
    public static bool TryOf(SafeFileHandle directory, string name, out FileFacts facts, out int errno) =>
        TryOf((int)directory.DangerousGetHandle(), name, FileCalls.AtSymlinkNoFollow, out facts, out errno);

    /// <summary>Of an open file or directory.</summary>
    /// <exception cref="IOException">The system does not say.</exception>
    public static FileFacts Of(SafeFileHandle file)
    {
        if (!TryOf((int)file.DangerousGetHandle(), "", FileCalls.AtEmptyPath, out var facts, out var errno))
        {
            throw new IOException($"the system does not say what was opened: {Errors.Text(errno)}");
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

/// <summary>The system's error numbers in words.</summary>
internal static class Errors
{
    /// <summary><c>Permission denied</c>.</summary>
    public static string Text(int errno) => new Win32Exception(errno).Message;

    /// <summary>True if there is nothing under that path, false if it only cannot be looked at now.</summary>
    public static bool IsAbsent(int errno) => errno is FileCalls.NoEntry or FileCalls.NotADirectory or FileCalls.TooManyLinks;
}
