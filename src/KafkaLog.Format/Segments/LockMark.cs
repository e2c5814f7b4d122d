using System.Buffers.Binary;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Native;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// A writer's note that it holds the lock of the file that a batch is written to: a number made of the file's device, inode and
/// time of creation, in place of the partition leader epoch, which is the brokers' to set and outside the CRC. A copy of the
/// file, or the same file seen through another file system, has another number: the writer's lock is not on it.
/// </summary>
internal static class LockMark
{
    /// <summary>No lock is held, or not one that every reader sees.</summary>
    public const int None = RecordBatchHeader.NoLeaderEpoch;

    /// <summary>The mark for a file whose lock is held.</summary>
    public static int Of(SafeFileHandle file)
    {
        if (!OperatingSystem.IsLinux() || !FileSystemKind.HasSharedLocks(file))
        {
            return None;
        }

        if (SystemCalls.Statx(file, "", SystemCalls.AtEmptyPath, SystemCalls.StatxBasicStats | SystemCalls.StatxCreated, out var stat) != 0)
        {
            return None;
        }

        // Inode numbers are reused. If the time of creation is unknown, it is 0.
        Span<byte> identity = stackalloc byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(identity, stat.DeviceMajor);
        BinaryPrimitives.WriteUInt32BigEndian(identity[4..], stat.DeviceMinor);
        BinaryPrimitives.WriteUInt64BigEndian(identity[8..], stat.Inode);
        BinaryPrimitives.WriteInt64BigEndian(identity[16..], stat.CreatedSeconds);
        BinaryPrimitives.WriteUInt32BigEndian(identity[24..], stat.CreatedNanoseconds);
        return (int)(Crc32C.Compute(identity) & int.MaxValue);
    }

    /// <summary>Whether the file's first batch says that its writer held the lock of this very file.</summary>
    public static bool IsIn(SafeFileHandle file)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return RandomAccess.Read(file, head, 0) == head.Length
            && RecordBatchHeader.TryRead(head, out var header)
            && header.Magic == 2
            && SegmentId.Of(header) is not null
            && header.PartitionLeaderEpoch != None
            && header.PartitionLeaderEpoch == Of(file);
    }
}
