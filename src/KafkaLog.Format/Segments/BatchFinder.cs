using System.Buffers;
using System.Buffers.Binary;
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

    private static readonly SearchValues<byte> Magics = SearchValues.Create([0, 1, 2]);
    private static readonly SearchValues<byte> Magic2 = SearchValues.Create([2]);

    /// <summary>The position of the first whole batch at or behind <paramref name="from"/>; null if there is none.</summary>
    /// <param name="from">Where to begin, in bytes.</param>
    /// <param name="end">The end of the file.</param>
    /// <param name="minOffset">No batch before this offset belongs here.</param>
    /// <param name="segmentId">The segment's identity, or null.</param>
    public long? Find(long from, long end, long minOffset, long? segmentId)
    {
        var magics = segmentId is null ? Magics : Magic2; // only magic 2 can carry an identity
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            long crcBytes = 0;
            while (from + BatchCheck.MinBytes <= end)
            {
                var bytes = window.AsSpan(0, ReadFully(window.AsSpan(0, WindowBytes), from));

                // A header that the window cuts is left to the next one.
                var last = bytes.Length - (from + bytes.Length >= end ? BatchCheck.MinBytes : RecordBatchHeader.Bytes);
                if (last < 0)
                {
                    return null;
                }

                for (var at = 0; at <= last; at++)
                {
                    var skip = bytes.Slice(at + RecordBatchHeader.MagicPosition, last - at + 1).IndexOfAny(magics);
                    if (skip < 0)
                    {
                        break;
                    }

                    at += skip;
                    if (!RecordBatchHeader.TryRead(bytes[at..], out var header)
                        || !BatchCheck.LooksLikeHeader(header, maxBatchBytes, minOffset)
                        || from + at + header.TotalBytes > end
                        || (segmentId is { } id && header.ProducerId != id)
                        || (header.Magic < 2 && !FitsItsSize(bytes[at..], from + at, header))
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

    /// <summary>The position behind the last byte between <paramref name="from"/> and <paramref name="end"/> that is not zero; <paramref name="from"/> if all are.</summary>
    public long EndOfContent(long from, long end)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            while (end > from)
            {
                var start = Math.Max(from, end - WindowBytes);
                var at = window.AsSpan(0, ReadFully(window.AsSpan(0, (int)(end - start)), start)).LastIndexOfAnyExcept((byte)0);
                if (at >= 0)
                {
                    return start + at + 1;
                }

                end = start;
            }

            return from;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <summary>The header of the whole batch at <paramref name="position"/>, as it stands there; null if there is none.</summary>
    public RecordBatchHeader? BatchAt(long position)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return RecordBatchHeader.TryRead(head[..ReadFully(head, position)], out var header)
            && BatchCheck.FaultOf(header, maxBatchBytes) is null && HasValidCrc(position, header) ? header : null;
    }

    /// <summary>
    /// Whether the lengths of key and value add up to the message's size. Magic 0 and 1 are bytes that occur everywhere,
    /// so this is what keeps the search from computing CRCs everywhere.
    /// </summary>
    private bool FitsItsSize(ReadOnlySpan<byte> bytes, long position, in RecordBatchHeader header)
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

    private bool IsWhole(long position, in RecordBatchHeader header, long end, long? segmentId) =>
        HasValidCrc(position, header) && (segmentId is not null || IsFollowed(position + header.TotalBytes, end));

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

    private bool IsFollowed(long position, long end)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        var bytes = head[..ReadFully(head, position)];
        return position + bytes.Length == end
            || (RecordBatchHeader.TryRead(bytes, out var header) && BatchCheck.LooksLikeHeader(header, maxBatchBytes, 0));
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
