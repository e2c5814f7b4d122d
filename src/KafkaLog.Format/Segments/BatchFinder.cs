using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>Looks for a batch at one position of a file. A <see cref="BatchSearch"/> uses it at many.</summary>
internal sealed class BatchFinder(SafeFileHandle file, int maxBatchBytes)
{
    /// <summary>The file.</summary>
    public SafeFileHandle File => file;

    /// <summary>The largest batch that counts.</summary>
    public int MaxBatchBytes => maxBatchBytes;

    /// <summary>Bytes of this file that were read in search of the end of a batch with a damaged length.</summary>
    public long LengthCrcBytes { get; set; }

    /// <summary>The header of the whole batch at <paramref name="position"/>, as it is stored; null if there is none.</summary>
    public RecordBatchHeader? BatchAt(long position)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return RecordBatchHeader.TryRead(head[..ReadFully(head, position)], out var header)
            && BatchCheck.IsPossible(header, maxBatchBytes)
            && position + header.TotalBytes <= RandomAccess.GetLength(file) && HasValidCrc(position, header) ? header : null;
    }

    // An offset that is negative, or does not fit its sequence, is damaged, and says nothing.
    public bool IsOfSegment(in RecordBatchHeader header, long minOffset, long segmentId) =>
        header.ProducerId == segmentId
        && BatchCheck.IsPossible(header, maxBatchBytes)
        && (header.BaseOffset < 0 || header.BaseOffset >= minOffset || header.BaseSequence != SegmentId.SequenceOf(header.BaseOffset));

    /// <summary>
    /// Whether the lengths of key and value add up to the message's size. Magic 0 and 1 are bytes that occur everywhere,
    /// so this keeps the search from computing CRCs everywhere.
    /// </summary>
    public bool FitsItsSize(ReadOnlySpan<byte> bytes, long position, in RecordBatchHeader header)
    {
        var at = LegacyMessage.HeadBytes(header.Magic);
        var keyBytes = BinaryPrimitives.ReadInt32BigEndian(bytes[at..]);
        var room = header.TotalBytes - LegacyMessage.MinBytesOf(header.Magic);
        if (keyBytes < -1 || keyBytes > room)
        {
            return false;
        }

        at += sizeof(int) + Math.Max(0, keyBytes);
        Span<byte> elsewhere = stackalloc byte[sizeof(int)];
        if (at + sizeof(int) <= bytes.Length)
        {
            bytes.Slice(at, sizeof(int)).CopyTo(elsewhere);
        }
        else if (ReadFully(elsewhere, position + at) < sizeof(int))
        {
            return false;
        }

        var valueBytes = BinaryPrimitives.ReadInt32BigEndian(elsewhere);
        return valueBytes >= -1 && Math.Max(0, keyBytes) + (long)Math.Max(0, valueBytes) == room;
    }

    public bool HasValidCrc(long position, in RecordBatchHeader header)
    {
        var batch = ArrayPool<byte>.Shared.Rent((int)header.TotalBytes);
        try
        {
            var bytes = batch.AsSpan(0, (int)header.TotalBytes);
            return ReadFully(bytes, position) == bytes.Length && RecordBatchHeader.ComputeCrc(bytes) == header.StoredCrc;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(batch);
        }
    }

    /// <summary>
    /// True if a batch may end at <paramref name="position"/>: a header follows, or the end of the file, or zeros, as after
    /// the last batch of a mapped segment.
    /// </summary>
    public bool IsFollowed(long position, long end)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        var bytes = head[..ReadFully(head, position)];
        return position + bytes.Length == end || IsEndOfBatch(bytes);
    }

    /// <summary>True if the bytes after a batch are a header, or zeros.</summary>
    public bool IsEndOfBatch(ReadOnlySpan<byte> after) =>
        RecordBatchHeader.TryRead(after, out var header) && BatchCheck.LooksLikeHeader(header, maxBatchBytes, 0)
        || (after.Length == RecordBatchHeader.Bytes && !after.ContainsAnyExcept((byte)0));

    /// <summary>Reads as many bytes as there are.</summary>
    public int ReadFully(Span<byte> to, long position)
    {
        var total = 0;
        while (total < to.Length)
        {
            var read = RandomAccess.Read(file, to[total..], position + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }
}
