using System.ComponentModel;
using System.Runtime.InteropServices;
using KafkaLog.Format.Native;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>Opens segments for reading, and refuses anything else that has such a name.</summary>
public static class SegmentHandle
{
    private const int NoSuchFile = 2;
    private const int NoSuchDevice = 6;
    private const int TooManyLinks = 40;

    /// <summary>
    /// Opens a regular file for reading, without a lock, without following a link in the last part of the path, and
    /// without blocking on a FIFO or a device.
    /// </summary>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="NotASegmentException">It is a link, a directory, a FIFO or a device.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static SafeFileHandle OpenForReading(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }

        var descriptor =
            SystemCalls.Open(path, SystemCalls.ReadOnly | SystemCalls.NoFollow | SystemCalls.NonBlocking | SystemCalls.CloseOnExec, 0);
        if (descriptor < 0)
        {
            var errno = Marshal.GetLastPInvokeError();
            throw errno switch
            {
                NoSuchFile => new FileNotFoundException($"{path} does not exist", path),
                TooManyLinks => new NotASegmentException($"{path} is a symbolic link; a segment must be a regular file"),
                NoSuchDevice => new NotASegmentException($"{path} is a socket or a device; a segment must be a regular file"),
                _ => new IOException($"cannot open {path}: {new Win32Exception(errno).Message} (errno {errno})"),
            };
        }

        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            _ = Stat(handle);
            return handle;
        }
        catch (NotASegmentException)
        {
            handle.Dispose();
            throw new NotASegmentException($"{path} is a directory, a FIFO or a device; a segment must be a regular file");
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>The file's identity, size and time.</summary>
    /// <exception cref="NotASegmentException">It is not a regular file.</exception>
    /// <exception cref="IOException">The file system does not answer.</exception>
    internal static SegmentStat Stat(SafeFileHandle segment)
    {
        if (!OperatingSystem.IsLinux())
        {
            return new SegmentStat(0, 0, RandomAccess.GetLength(segment), new DateTimeOffset(File.GetLastWriteTimeUtc(segment)));
        }

        if (SystemCalls.Statx(segment, "", SystemCalls.AtEmptyPath, SystemCalls.StatxBasicStats, out var stat) != 0)
        {
            throw new IOException($"cannot stat: {new Win32Exception(Marshal.GetLastPInvokeError()).Message}");
        }

        if (!stat.IsRegularFile)
        {
            throw new NotASegmentException("not a regular file");
        }

        return StatOf(stat);
    }

    /// <summary>The same for a path, links not followed (Linux); null if there is nothing, or the file system does not answer.</summary>
    internal static SegmentStat? TryStatPath(string path) =>
        SystemCalls.Statx(SystemCalls.CurrentDirectory, path, SystemCalls.AtNoFollow, SystemCalls.StatxBasicStats, out var stat) == 0
            ? StatOf(stat)
            : null;

    /// <summary>True if the open file is in no directory any more, so that nobody will find what is written to it.</summary>
    internal static bool IsWithoutName(SafeFileHandle segment) =>
        OperatingSystem.IsLinux()
        && SystemCalls.Statx(segment, "", SystemCalls.AtEmptyPath, SystemCalls.StatxBasicStats, out var stat) == 0
        && stat.Links == 0;

    private static SegmentStat StatOf(in SystemCalls.StatxResult stat) => new(
        ((ulong)stat.DeviceMajor << 32) | stat.DeviceMinor,
        stat.Inode,
        (long)stat.Size,
        DateTimeOffset.FromUnixTimeSeconds(stat.ModifiedSeconds).AddTicks(stat.ModifiedNanoseconds / 100));
}

/// <summary>What the operating system says about an open segment.</summary>
/// <param name="Device">The file system; 0 where unknown.</param>
/// <param name="Inode">The file's number in it; 0 where unknown. Reused after a deletion, so never an identity by itself.</param>
/// <param name="Bytes">Its size.</param>
/// <param name="Modified">Its last modification.</param>
internal readonly record struct SegmentStat(ulong Device, ulong Inode, long Bytes, DateTimeOffset Modified);

/// <summary>Something has a segment's name and is not one: trying again does not help.</summary>
public sealed class NotASegmentException : IOException
{
    /// <summary>An error that says what is there.</summary>
    public NotASegmentException(string message)
        : base(message)
    {
    }
}
