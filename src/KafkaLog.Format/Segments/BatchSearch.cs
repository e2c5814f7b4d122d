using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Native;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Searches a damaged segment for the next whole batch, in slices. A batch counts only if its CRC is right and it belongs here:
/// it carries the segment's identity, or, where there is none, another header or the end of the file follows it, and the
/// damaged batch does not reach beyond it. So bytes inside a record's value, or inside a wrapper that is stored as it is,
/// are not taken for a batch. Holes in the file are not read.
/// </summary>
internal sealed class BatchSearch
{
    private const int WindowBytes = 1 << 20;

    // A batch up to this size is read whole for its CRC; see RangeChecksum for larger ones.
    private const int SmallBatchBytes = 16 * 1024;

    // How many bytes FindEnd may read: this many for each byte of the file, and at least FreeLengthBytes.
    private const int MaxLengthFactor = 16;
    private const long FreeLengthBytes = 256L << 20;

    // A batch may end in zeros, and zeros may follow it. More of them than a writer prepares are not tried one by one.
    private const int MaxTriedZeros = 2 << 20;

    // So many zeros may be before the first other byte of a batch, at most: its offset and its length are not both zero.
    private const int MaxLeadingZeros = RecordBatchHeader.LogOverhead - 1;

    private const long SystemCallBytes = 4096; // the cost of a call that reads nothing, in bytes read

    private static readonly SearchValues<byte> Magics = SearchValues.Create([0, 1, 2]);
    private static readonly SearchValues<byte> Magic2 = SearchValues.Create([2]);

    private readonly BatchFinder _finder;
    private readonly long _minOffset;
    private readonly long? _segmentId;
    private readonly byte[] _head = new byte[RecordBatchHeader.Bytes];
    private readonly int _headBytes;
    private IEnumerator<long>? _steps;
    private RangeChecksum? _crc32;
    private RangeChecksum? _crc32C;

    // What the last part of the search found.
    private long? _found;
    private long? _rightEnd;
    private bool _reachesEnd;

    /// <summary>Creates a search; nothing is read yet but the damaged batch's header.</summary>
    /// <param name="finder">The file.</param>
    /// <param name="damaged">Where the damaged batch begins, in bytes.</param>
    /// <param name="end">The end of the file.</param>
    /// <param name="minOffset">No batch before this offset belongs here.</param>
    /// <param name="segmentId">The segment's identity, or null.</param>
    public BatchSearch(BatchFinder finder, long damaged, long end, long minOffset, long? segmentId)
    {
        _finder = finder;
        Position = damaged;
        End = end;
        ContentEnd = end;
        _minOffset = minOffset;
        _segmentId = segmentId;
        _headBytes = finder.ReadFully(_head, damaged);
        _steps = Steps().GetEnumerator();
    }

    /// <summary>Where the damaged batch begins.</summary>
    public long Position { get; }

    /// <summary>The end of the file when the search began.</summary>
    public long End { get; }

    /// <summary>The position after the last byte that is not zero; <see cref="Position"/> if all are zero.</summary>
    public long ContentEnd { get; private set; }

    /// <summary>
    /// Where the file's content ends, as far as one can tell: a mapped segment ends in zeros while it is written
    /// (<see cref="MappedWindow"/>). Batches end in a zero too, so a few are content.
    /// </summary>
    public long WrittenEnd => ContentEnd == Position || End - ContentEnd >= RecordBatchHeader.Bytes ? ContentEnd : End;

    /// <summary>When the search is done: the position of the first whole batch after the damaged one; null if there is none.</summary>
    public long? Next { get; private set; }

    /// <summary>True when the search has ended.</summary>
    public bool IsDone => _steps is null;

    /// <summary>Continues until it is done, or has read about <paramref name="budgetBytes"/>. Returns <see cref="IsDone"/>.</summary>
    /// <exception cref="IOException">The file cannot be read; <see cref="HasFailed"/> is true, and the search cannot be
    /// continued.</exception>
    public bool Advance(long budgetBytes)
    {
        HasFailed = !IsDone; // until the step has succeeded
        while (_steps is { } steps && budgetBytes > 0)
        {
            if (!steps.MoveNext())
            {
                _steps = null;
                _crc32 = null;
                _crc32C = null;
                break;
            }

            budgetBytes -= steps.Current;
        }

        HasFailed = false;
        return IsDone;
    }

    /// <summary>True once a step ended with an error.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>The whole search. It yields the cost of each step, in bytes.</summary>
    private IEnumerable<long> Steps()
    {
        foreach (var work in FindContentEnd())
        {
            yield return work;
        }

        if (ContentEnd > Position)
        {
            foreach (var work in FindNext())
            {
                yield return work;
            }
        }
    }

    private IEnumerable<long> FindContentEnd()
    {
        var end = End;
        var hole = (long)WindowBytes;
        while (end > Position)
        {
            var start = Math.Max(Position, end - hole);
            if (FileHoles.NextData(_finder.File, start) >= end)
            {
                end = start;
                hole = Math.Min(hole * 2, long.MaxValue / 4);
                yield return SystemCallBytes;
                continue;
            }

            hole = WindowBytes;
            start = Math.Max(Position, end - hole);
            var content = ContentEndIn(start, end);
            yield return end - start;
            if (content > start)
            {
                ContentEnd = content;
                yield break;
            }

            end = start;
        }

        ContentEnd = Position;
    }

    private IEnumerable<long> FindNext()
    {
        if (_segmentId is null && OwnIdentity() is { } own)
        {
            // The first batch of a file of ours, damaged elsewhere than in its identity.
            foreach (var work in Find(0, own))
            {
                yield return work;
            }

            if (_found is not null)
            {
                Next = _found;
                yield break;
            }
        }

        foreach (var work in Find(_minOffset, _segmentId))
        {
            yield return work;
        }

        if (_found is null && _minOffset > 0)
        {
            // A damaged offset that no CRC covers may have raised _minOffset above all that follow.
            foreach (var work in Find(0, _segmentId))
            {
                yield return work;
            }
        }

        Next = _found;
        if (_segmentId is not null || _headBytes <= RecordBatchHeader.MagicPosition)
        {
            yield break;
        }

        foreach (var work in JudgeByLength(_found))
        {
            yield return work;
        }
    }

    /// <summary>
    /// The batch that was found may be inside the damaged one. If the damaged batch's length points to a batch, or to the end, it is right.
    /// </summary>
    private IEnumerable<long> JudgeByLength(long? first)
    {
        var claimed = Position + RecordBatchHeader.LogOverhead + BinaryPrimitives.ReadInt32BigEndian(_head.AsSpan(8));
        if (claimed >= Position + BatchCheck.MinBytes && claimed != first && claimed <= End
            && (claimed == End || _finder.BatchAt(claimed) is not null))
        {
            var next = claimed;
            if (first < claimed)
            {
                // Unless its CRC is right with another one: a damaged length may point to a later batch by chance.
                foreach (var work in FindEnd(first.Value, claimed))
                {
                    yield return work;
                }

                next = _rightEnd ?? claimed;
            }

            Next = next < End ? next : null;
            yield break;
        }

        if (first is not { } found)
        {
            yield break;
        }

        // Otherwise its length is damaged: with the right length its CRC is right.
        foreach (var work in FindEnd(found, End))
        {
            yield return work;
        }

        if (_rightEnd is { } right)
        {
            Next = right < End ? right : null;
        }
        else if (claimed > End && _finder.IsEndOfBatch(_head.AsSpan(0, _headBytes)))
        {
            foreach (var work in FindWhetherItReachesEnd(found))
            {
                yield return work;
            }

            Next = _reachesEnd ? found : null; // a torn batch: the one that was found is inside it
        }
    }

    private long? OwnIdentity() => _headBytes == _head.Length ? SegmentId.Of(RecordBatchHeader.Read(_head)) : null;

    private long ContentEndIn(long start, long end)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            var bytes = _finder.ReadFully(window.AsSpan(0, (int)(end - start)), start);
            return start + window.AsSpan(0, bytes).LastIndexOfAnyExcept((byte)0) + 1;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    /// <summary>Finds the first whole batch after <see cref="Position"/>.</summary>
    private IEnumerable<long> Find(long minOffset, long? segmentId) => Find(Position + 1, minOffset, segmentId);

    private IEnumerable<long> Find(long from, long minOffset, long? segmentId)
    {
        _found = null;
        _crc32 = null;
        _crc32C = null;
        while (from + BatchCheck.MinBytes <= End && _found is null)
        {
            var (next, work) = FindInSlice(from, minOffset, segmentId);
            from = next;
            yield return work;
        }
    }

    /// <summary>Searches one window, or less if many CRCs have to be computed. Returns where to continue, and the cost in bytes.</summary>
    private (long Next, long Work) FindInSlice(long from, long minOffset, long? segmentId)
    {
        var data = FileHoles.NextData(_finder.File, from);
        if (data >= End)
        {
            return (End, SystemCallBytes);
        }

        from = Math.Max(from, data - MaxLeadingZeros);
        var bytes = Math.Min(WindowBytes, Math.Max(0, FileHoles.NextHole(_finder.File, data) - from) + RecordBatchHeader.Bytes);
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            var there = _finder.ReadFully(window.AsSpan(0, (int)Math.Min(bytes, End - from)), from);
            return FindIn(window.AsSpan(0, there), from, minOffset, segmentId);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }
    }

    private (long Next, long Work) FindIn(ReadOnlySpan<byte> bytes, long from, long minOffset, long? segmentId)
    {
        // A header that the window cuts is left to the next one.
        var last = bytes.Length - (from + bytes.Length >= End ? BatchCheck.MinBytes : RecordBatchHeader.Bytes);
        if (last < 0)
        {
            return (End, SystemCallBytes); // the file is being truncated
        }

        var magics = segmentId is null ? Magics : Magic2; // only magic 2 can carry an identity
        var work = (long)bytes.Length + (2 * SystemCallBytes);
        for (var at = 0; at <= last; at++)
        {
            var skip = bytes.Slice(at + RecordBatchHeader.MagicPosition, last - at + 1).IndexOfAny(magics);
            if (skip < 0)
            {
                break;
            }

            at += skip;
            at += LeadingZeros(bytes[at..]);
            if (at > last)
            {
                break;
            }

            if (IsCandidate(bytes[at..], from + at, minOffset, segmentId, out var header))
            {
                if (IsWhole(from + at, header, ref work))
                {
                    _found = from + at;
                    return (End, work);
                }

                if (work > 2 * WindowBytes)
                {
                    return (from + at + 1, work);
                }
            }
        }

        return (from + last + 1, work);
    }

    /// <summary>
    /// The distance to the earliest place where a batch may begin: one of the bytes of its offset and length is not zero.
    /// </summary>
    private static int LeadingZeros(ReadOnlySpan<byte> bytes)
    {
        if (BinaryPrimitives.ReadInt32BigEndian(bytes[8..]) != 0)
        {
            return 0;
        }

        var zeros = bytes[8..].IndexOfAnyExcept((byte)0);
        return zeros < 0 ? bytes.Length : 8 + zeros - MaxLeadingZeros;
    }

    private bool IsCandidate(ReadOnlySpan<byte> bytes, long position, long minOffset, long? segmentId, out RecordBatchHeader header) =>
        RecordBatchHeader.TryRead(bytes, out header)
        && (segmentId is { } id
            ? _finder.IsOfSegment(header, minOffset, id)
            : BatchCheck.LooksLikeHeader(header, _finder.MaxBatchBytes, minOffset))
        && position + header.TotalBytes <= End
        && (header.Magic == 2 || _finder.FitsItsSize(bytes, position, header))
        && (segmentId is not null || _finder.IsFollowed(position + header.TotalBytes, End));

    /// <summary>Hostile bytes can look like a header everywhere, each with a length of megabytes.</summary>
    private bool IsWhole(long position, in RecordBatchHeader header, ref long work)
    {
        if (header.TotalBytes <= SmallBatchBytes)
        {
            work += header.TotalBytes;
            return _finder.HasValidCrc(position, header);
        }

        // After a gap a new one: no batch that was asked for has bytes in the gap.
        var isMagic2 = header.Magic == 2;
        var crc = isMagic2 ? _crc32C : _crc32;
        if (crc is null || position > crc.ComputedTo + SmallBatchBytes)
        {
            crc = isMagic2
                ? _crc32C = RangeChecksum.OfCrc32C(_finder.File, position)
                : _crc32 = RangeChecksum.OfCrc32(_finder.File, position);
        }

        var before = crc.ReadBytes;
        var from = position + (isMagic2 ? RecordBatchHeader.AttributesPosition : RecordBatchHeader.MagicPosition);
        var isWhole = crc.Compute(from, position + header.TotalBytes) == header.StoredCrc;
        work += crc.ReadBytes - before;
        return isWhole;
    }

    /// <summary>
    /// Finds where the damaged batch ends, if only its length is damaged: there its CRC is right, and a header or the end of
    /// the file follows. Searches from <paramref name="from"/> to <paramref name="to"/>, in one pass, and not at all if such
    /// searches have read too much for the size of the file.
    /// </summary>
    private IEnumerable<long> FindEnd(long from, long to)
    {
        _rightEnd = null;
        to = Math.Min(to, Position + _finder.MaxBatchBytes);
        if (_headBytes < RecordBatchHeader.AttributesPosition || _head[RecordBatchHeader.MagicPosition] > 2 || from > to
            || _finder.LengthCrcBytes > FreeLengthBytes + (MaxLengthFactor * Position))
        {
            yield break;
        }

        var isMagic2 = _head[RecordBatchHeader.MagicPosition] == 2;
        var crcPosition = isMagic2 ? RecordBatchHeader.CrcPosition : LegacyMessage.CrcPosition;
        var stored = BinaryPrimitives.ReadUInt32BigEndian(_head.AsSpan(crcPosition));
        var pass = new EndPass(Position + (isMagic2 ? RecordBatchHeader.AttributesPosition : RecordBatchHeader.MagicPosition), 0, 0);
        while (pass.Position < to && _rightEnd is null)
        {
            var before = pass.Position;
            pass = FindEndInSlice(pass, from, to, stored, isMagic2);
            if (pass.Position == before)
            {
                yield break; // the file is being truncated
            }

            _finder.LengthCrcBytes += pass.Position - before;
            yield return pass.Position - before;
        }
    }

    private EndPass FindEndInSlice(EndPass pass, long from, long to, uint stored, bool isMagic2)
    {
        var window = ArrayPool<byte>.Shared.Rent(WindowBytes);
        try
        {
            var bytes = window.AsSpan(0, _finder.ReadFully(window.AsSpan(0, WindowBytes), pass.Position));
            var last = pass.Position + bytes.Length >= to ? (int)(to - pass.Position) : bytes.Length - RecordBatchHeader.Bytes;
            if (last <= 0)
            {
                return pass;
            }

            var (crc, zeros, done) = (pass.Crc, pass.Zeros, 0);
            for (var at = (int)Math.Max(1, Math.Min(last, from - pass.Position)); at <= last; at++)
            {
                zeros = bytes[at - 1] == 0 ? zeros + 1 : 0;
                if (pass.Position + at != to
                    && (zeros > MaxTriedZeros || !_finder.IsEndOfBatch(bytes[at..Math.Min(bytes.Length, at + RecordBatchHeader.Bytes)])))
                {
                    continue;
                }

                crc = Append(crc, bytes[done..at]);
                done = at;
                if (crc == stored && pass.Position + at >= from)
                {
                    _rightEnd = pass.Position + at;
                    break;
                }
            }

            return new EndPass(pass.Position + last, Append(crc, bytes[done..last]), zeros);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(window);
        }

        uint Append(uint before, ReadOnlySpan<byte> bytes) => isMagic2 ? Crc32C.Append(before, bytes) : Crc32.Append(before, bytes);
    }

    /// <summary>
    /// Finds whether a batch at or after <paramref name="position"/> ends where the file ends, not counting zeros: a whole
    /// one, or a damaged one after a whole one. A batch inside a torn one is cut off where the torn one is.
    /// </summary>
    private IEnumerable<long> FindWhetherItReachesEnd(long position)
    {
        _reachesEnd = false;
        while (true)
        {
            while (position < End && _finder.BatchAt(position) is { } header)
            {
                position += header.TotalBytes;
                yield return header.TotalBytes;
            }

            if (position == End
                || (End - position >= RecordBatchHeader.Bytes && ContentEnd <= position)
                || EndOfClaim(position) == End)
            {
                _reachesEnd = true;
                yield break;
            }

            foreach (var work in Find(position + 1, 0, null))
            {
                yield return work;
            }

            if (_found is not { } next)
            {
                yield break;
            }

            position = next;
        }
    }

    /// <summary>Where the length at a position points to; -1 if there is none.</summary>
    private long EndOfClaim(long position)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.LogOverhead];
        return _finder.ReadFully(head, position) == head.Length
            ? position + head.Length + BinaryPrimitives.ReadInt32BigEndian(head[8..])
            : -1;
    }

    /// <summary>How far the search for the damaged batch's end has come.</summary>
    private readonly record struct EndPass(long Position, uint Crc, int Zeros);
}
