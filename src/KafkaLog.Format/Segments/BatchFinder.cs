using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Searches a damaged segment for the next whole batch. A batch counts only if its CRC is right and it belongs here:
/// it carries the segment's identity, or, where there is none, another header or the end of the file follows it, and the
/// damaged batch does not reach beyond it. So bytes inside a record's value, or inside a wrapper that is stored as it is,
/// are not taken for a batch.
/// </summary>
internal sealed class BatchFinder(SafeFileHandle file, int maxBatchBytes)
{
    private const int WindowBytes = 1 << 20;

    // A batch up to this size is read whole for its CRC; see RangeChecksum for larger ones.
    private const int SmallBatchBytes = 16 * 1024;

    // How many bytes FindEnd may look through: so many for each byte of the file, and this at least.
    private const int MaxLengthFactor = 16;
    private const long FreeLengthBytes = 256L << 20;

    private static readonly SearchValues<byte> Magics = SearchValues.Create([0, 1, 2]);
    private static readonly SearchValues<byte> Magic2 = SearchValues.Create([2]);

    private long _lengthCrcBytes;

    /// <summary>The position of the first whole batch behind the damaged one at <paramref name="damaged"/>; null if there is none.</summary>
    /// <param name="damaged">Where the damaged batch begins, in bytes.</param>
    /// <param name="end">The end of the file.</param>
    /// <param name="minOffset">No batch before this offset belongs here.</param>
    /// <param name="segmentId">The segment's identity, or null.</param>
    public long? FindBehind(long damaged, long end, long minOffset, long? segmentId)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        var headBytes = ReadFully(head, damaged);
        if (segmentId is null && headBytes == head.Length && SegmentId.Of(RecordBatchHeader.Read(head)) is { } own && Find(damaged + 1, end, 0, own) is { } next)
        {
            return next; // the first batch of a file of ours, damaged elsewhere than in its identity
        }

        // An offset that is damaged where no CRC reaches may have raised minOffset over all that follow.
        var first = Find(damaged + 1, end, minOffset, segmentId) ?? (minOffset > 0 ? Find(damaged + 1, end, 0, segmentId) : null);
        if (segmentId is not null)
        {
            return first;
        }

        // What was found may lie inside the damaged batch. If its length points to a batch, or to the end, its length is right.
        if (headBytes <= RecordBatchHeader.MagicPosition)
        {
            return first;
        }

        var claimed = damaged + RecordBatchHeader.LogOverhead + BinaryPrimitives.ReadInt32BigEndian(head[8..]);
        if (claimed >= damaged + BatchCheck.MinBytes && claimed != first && claimed <= end && (claimed == end || BatchAt(claimed) is not null))
        {
            return first < claimed && FindEnd(damaged, first.Value, first.Value) is not null ? first
                : claimed < end ? claimed
                : null;
        }

        // Otherwise its length is what is damaged: with the right one its CRC is right.
        return first is not { } found ? null
            : FindEnd(damaged, found, end) is { } right ? (right < end ? right : null)
            : claimed > end && IsEndOfBatch(head[..headBytes]) && !ReachesEnd(found, end) ? null // a torn batch: what was found lies in it
            : found;
    }

    /// <summary>The position of the first whole batch at or behind <paramref name="from"/>; null if there is none.</summary>
    private long? Find(long from, long end, long minOffset, long? segmentId)
    {
        var magics = segmentId is null ? Magics : Magic2; // only magic 2 can carry an identity
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            RangeChecksum? crc32 = null;
            RangeChecksum? crc32C = null;
            var start = from;
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
                        || !(segmentId is { } id ? IsOfSegment(header, minOffset, id) : BatchCheck.LooksLikeHeader(header, maxBatchBytes, minOffset))
                        || from + at + header.TotalBytes > end
                        || (header.Magic < 2 && !FitsItsSize(bytes[at..], from + at, header))
                        || (segmentId is null && !IsFollowed(from + at + header.TotalBytes, end)))
                    {
                        continue;
                    }

                    // Hostile bytes can look like a header everywhere, each with a length of megabytes.
                    var isWhole = header.TotalBytes <= SmallBatchBytes ? HasValidCrc(from + at, header)
                        : header.Magic == 2 ? (crc32C ??= RangeChecksum.OfCrc32C(file, start)).Compute(from + at + RecordBatchHeader.AttributesPosition, from + at + header.TotalBytes) == header.StoredCrc
                        : (crc32 ??= RangeChecksum.OfCrc32(file, start)).Compute(from + at + RecordBatchHeader.MagicPosition, from + at + header.TotalBytes) == header.StoredCrc;
                    if (isWhole)
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
            && BatchCheck.IsPossible(header, maxBatchBytes)
            && position + header.TotalBytes <= RandomAccess.GetLength(file) && HasValidCrc(position, header) ? header : null;
    }

    // An offset that does not fit its sequence is damaged, and says nothing.
    private bool IsOfSegment(in RecordBatchHeader header, long minOffset, long segmentId) =>
        header.ProducerId == segmentId
        && BatchCheck.IsPossible(header, maxBatchBytes)
        && (header.BaseOffset >= minOffset || header.BaseSequence != SegmentId.SequenceOf(header.BaseOffset));

    /// <summary>
    /// Where the batch at <paramref name="position"/> ends, if its length is all that is damaged: there its CRC is right,
    /// and a header or the end of the file follows. Looked for from <paramref name="from"/> to <paramref name="to"/>, in one
    /// pass, and not at all when too much of that was done for the file's size.
    /// </summary>
    private long? FindEnd(long position, long from, long to)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.AttributesPosition];
        if (ReadFully(head, position) < head.Length || head[RecordBatchHeader.MagicPosition] > 2 || _lengthCrcBytes > FreeLengthBytes + (MaxLengthFactor * position))
        {
            return null;
        }

        var isMagic2 = head[RecordBatchHeader.MagicPosition] == 2;
        var stored = BinaryPrimitives.ReadUInt32BigEndian(head[(isMagic2 ? RecordBatchHeader.CrcPosition : LegacyMessage.CrcPosition)..]);
        var crcEnd = position + (isMagic2 ? RecordBatchHeader.AttributesPosition : RecordBatchHeader.MagicPosition);
        var crc = 0u;
        to = Math.Min(to, position + maxBatchBytes);
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            while (crcEnd < to)
            {
                var bytes = window.AsSpan(0, ReadFully(window.AsSpan(0, WindowBytes), crcEnd));
                var isLast = crcEnd + bytes.Length >= to;
                var last = isLast ? (int)(to - crcEnd) : bytes.Length - RecordBatchHeader.Bytes;
                if (last <= 0)
                {
                    return null; // the file is being cut
                }

                var done = 0;
                for (var at = (int)Math.Max(1, Math.Min(last, from - crcEnd)); at <= last; at++)
                {
                    var isEnd = crcEnd + at == to;
                    if (!isEnd && !IsEndOfBatch(bytes[at..Math.Min(bytes.Length, at + RecordBatchHeader.Bytes)]))
                    {
                        continue;
                    }

                    crc = Append(crc, bytes[done..at]);
                    done = at;
                    if (crc == stored && crcEnd + at >= from)
                    {
                        return crcEnd + at;
                    }
                }

                crc = Append(crc, bytes[done..last]);
                crcEnd += last;
                _lengthCrcBytes += last;
            }

            return null;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }

        uint Append(uint before, ReadOnlySpan<byte> bytes) => isMagic2 ? Crc32C.Append(before, bytes) : Crc32.Append(before, bytes);
    }

    /// <summary>
    /// True if a batch that lies at or behind <paramref name="position"/> ends where the file does, but for zeros: a whole
    /// one, or a damaged one behind a whole one. What lies in a torn batch is cut where that is.
    /// </summary>
    private bool ReachesEnd(long position, long end)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.LogOverhead];
        while (true)
        {
            while (position < end && BatchAt(position) is { } header)
            {
                position += header.TotalBytes;
            }

            if (position == end
                || (end - position >= RecordBatchHeader.Bytes && EndOfContent(position, end) == position)
                || (ReadFully(head, position) == head.Length && position + head.Length + BinaryPrimitives.ReadInt32BigEndian(head[8..]) == end))
            {
                return true;
            }

            if (Find(position + 1, end, 0, null) is not { } next)
            {
                return false;
            }

            position = next;
        }
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

    /// <summary>True if a batch may end at <paramref name="position"/>: a header follows, or nothing more, or zeros, as behind a mapped segment's last.</summary>
    private bool IsFollowed(long position, long end)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        var bytes = head[..ReadFully(head, position)];
        return position + bytes.Length == end || IsEndOfBatch(bytes);
    }

    private bool IsEndOfBatch(ReadOnlySpan<byte> behind) =>
        RecordBatchHeader.TryRead(behind, out var header) && BatchCheck.LooksLikeHeader(header, maxBatchBytes, 0)
        || (behind.Length == RecordBatchHeader.Bytes && !behind.ContainsAnyExcept((byte)0));

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
