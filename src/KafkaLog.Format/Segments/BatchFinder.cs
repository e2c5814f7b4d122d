using System.Buffers;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Searches a damaged segment for the next whole batch. A batch counts only if its CRC is right and it belongs here:
/// it carries the segment's identity, or, where there is none, another header or the end of the file follows it. So
/// bytes inside a record's value that look like a batch are not taken for one.
/// </summary>
internal sealed class BatchFinder(SafeFileHandle file, int maxBatchBytes)
{
    private const int WindowBytes = 1 << 20;

    // Hostile bytes can look like a header at every position, and each costs a CRC over what it claims: beyond this
    // many times the bytes searched, only batches up to SmallBatchBytes are still tried.
    private const int MaxCrcFactor = 16;
    private const int SmallBatchBytes = 4 * 1024;
    private const long FreeCrcBytes = 256L << 20;

    /// <summary>The position of the first whole batch at or behind <paramref name="from"/>; null if there is none.</summary>
    /// <param name="from">Where to begin, in bytes.</param>
    /// <param name="end">The end of the file.</param>
    /// <param name="minOffset">No batch before this offset belongs here.</param>
    /// <param name="segmentId">The segment's identity, or null.</param>
    public long? Find(long from, long end, long minOffset, long? segmentId)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            long crcBytes = 0;
            while (from + RecordBatchHeader.Bytes <= end)
            {
                var bytes = window.AsSpan(0, ReadFully(window.AsSpan(0, WindowBytes), from));
                if (bytes.Length < RecordBatchHeader.Bytes)
                {
                    return null;
                }

                var last = bytes.Length - RecordBatchHeader.Bytes;
                for (var at = 0; at <= last; at++)
                {
                    var skip = bytes.Slice(at + RecordBatchHeader.MagicPosition, last - at + 1).IndexOf((byte)2);
                    if (skip < 0)
                    {
                        break;
                    }

                    at += skip;
                    var header = RecordBatchHeader.Read(bytes[at..]);
                    if (!BatchCheck.LooksLikeHeader(header, maxBatchBytes, minOffset)
                        || from + at + header.TotalBytes > end
                        || (segmentId is { } id && header.ProducerId != id)
                        || (crcBytes > FreeCrcBytes + (MaxCrcFactor * (long)at) && header.TotalBytes > SmallBatchBytes))
                    {
                        continue;
                    }

                    crcBytes += header.TotalBytes;
                    if (IsWhole(from + at, header, end, segmentId))
                    {
                        return from + at;
                    }
                }

                from += last + 1;
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <summary>The header of the whole batch at <paramref name="position"/>; null if there is none.</summary>
    public RecordBatchHeader? BatchAt(long position)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        if (ReadFully(head, position) < head.Length)
        {
            return null;
        }

        var header = RecordBatchHeader.Read(head);
        return BatchCheck.FaultOf(header, maxBatchBytes) is null && HasValidCrc(position, header) ? header : null;
    }

    private bool IsWhole(long position, in RecordBatchHeader header, long end, long? segmentId) =>
        HasValidCrc(position, header) && (segmentId is not null || IsFollowed(position + header.TotalBytes, header.NextOffset, end));

    private bool HasValidCrc(long position, in RecordBatchHeader header)
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

    private bool IsFollowed(long position, long nextOffset, long end)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        var read = ReadFully(head, position);
        return position + read == end
            || (read == head.Length && BatchCheck.LooksLikeHeader(RecordBatchHeader.Read(head), maxBatchBytes, nextOffset));
    }

    private int ReadFully(Span<byte> to, long position)
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
