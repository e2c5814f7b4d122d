using System.Runtime.InteropServices;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Files;

/// <summary>Finds where a file has data on disk and where it has holes, which read as zeros (lseek(2)).</summary>
internal static class FileExtents
{
    /// <summary>The unit in which disk space is counted: the block size of all common file systems, in bytes.</summary>
    public const int BlockBytes = 4096;

    /// <summary>The ranges with data between two positions. If the file system does not support it, the whole range is one.</summary>
    public static IEnumerable<(long Start, long End)> Between(SafeFileHandle file, long position, long end)
    {
        while (position < end)
        {
            var data = FileCalls.Seek(file, position, FileCalls.SeekData);
            if (data < 0 && Marshal.GetLastPInvokeError() == FileCalls.NoMoreData)
            {
                yield break;
            }

            var hole = data < 0 ? -1 : FileCalls.Seek(file, data, FileCalls.SeekHole);
            if (hole <= data)
            {
                yield return (position, end);
                yield break;
            }

            if (data < end)
            {
                yield return (data, Math.Min(hole, end));
            }

            position = hole;
        }
    }

    /// <summary>Copies bytes to the start of another, empty file. Holes stay holes.</summary>
    public static void Copy(SafeFileHandle source, long position, long end, SafeFileHandle copy)
    {
        var buffer = new byte[64 * 1024];
        foreach (var (from, to) in Between(source, position, end))
        {
            for (var at = from; at < to;)
            {
                var read = RandomAccess.Read(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, to - at)), at);
                if (read == 0)
                {
                    break; // it was cut meanwhile
                }

                RandomAccess.Write(copy, buffer.AsSpan(0, read), at - position);
                at += read;
            }
        }

        RandomAccess.SetLength(copy, Math.Max(0, Math.Min(end, RandomAccess.GetLength(source)) - position));
    }

    /// <summary>True if the bytes between two positions and another file are equal, up to the end of the shorter of both.</summary>
    /// <exception cref="IOException">One of them cannot be read.</exception>
    public static bool BeginAlike(SafeFileHandle source, long position, long end, string path)
    {
        using var other = SegmentHandle.OpenForReading(path); // does not block on a FIFO
        var bytes = Math.Min(RandomAccess.GetLength(other), Math.Min(end, RandomAccess.GetLength(source)) - position);
        var (ours, theirs) = (new byte[64 * 1024], new byte[64 * 1024]);
        for (var at = 0L; at < bytes; at += ours.Length)
        {
            var part = (int)Math.Min(ours.Length, bytes - at);
            if (!ReadWhole(source, ours.AsSpan(0, part), position + at).SequenceEqual(ReadWhole(other, theirs.AsSpan(0, part), at)))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The most bytes that such a copy takes on disk; at least one block.</summary>
    public static long DiskBytesOfCopy(SafeFileHandle source, long position, long end)
    {
        var bytes = 0L;
        foreach (var (from, to) in Between(source, position, Math.Min(end, RandomAccess.GetLength(source))))
        {
            bytes += RoundUp(to - position) - ((from - position) / BlockBytes * BlockBytes);
        }

        return Math.Max(BlockBytes, bytes);
    }

    /// <summary>Rounds up to whole blocks, in bytes.</summary>
    public static long RoundUp(long bytes) => (bytes + BlockBytes - 1) / BlockBytes * BlockBytes;

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    private static Span<byte> ReadWhole(SafeFileHandle file, Span<byte> into, long position)
    {
        var total = 0;
        while (total < into.Length && RandomAccess.Read(file, into[total..], position + total) is > 0 and var read)
        {
            total += read;
        }

        return into[..total];
    }
}
