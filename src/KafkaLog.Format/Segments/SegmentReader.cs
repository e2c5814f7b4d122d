using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>What <see cref="SegmentReader.TryRead"/> found.</summary>
public enum SegmentReadStatus
{
    /// <summary>A whole batch with a valid CRC: <see cref="SegmentReader.Header"/> and <see cref="SegmentReader.Batch"/>.</summary>
    Batch,

    /// <summary>The file ends here, perhaps in the middle of a batch. Nothing was consumed; call again when it has grown.</summary>
    NeedMore,

    /// <summary>
    /// Damage, with a good batch after it: <see cref="SegmentReader.Damage"/>. Nothing was consumed: see <see cref="SegmentReader.Pass"/>.
    /// </summary>
    Corrupt,

    /// <summary>
    /// Damage; the search for the next good batch is not finished, see <see cref="SegmentReader.SearchBudgetBytes"/>. Nothing
    /// was consumed; call again.
    /// </summary>
    Searching,
}

/// <summary>
/// Reads the batches of one segment, also while it is being written. One damaged byte costs at most the batch it is in:
/// the next whole batch is found again. Memory is bounded by the largest batch, whatever the bytes say. Not thread-safe.
/// </summary>
public sealed class SegmentReader : IDisposable
{
    /// <summary>
    /// The largest batch that is read by default, in bytes: the largest record that a <see cref="LogWriter"/> takes
    /// (64 MiB), and room for the header of its batch.
    /// </summary>
    public const int DefaultMaxBatchBytes = (64 << 20) + 1024;

    private const int ReadBytes = 64 * 1024;
    private const string ClaimsTooMuch = "a batch claims more bytes than there are before the next one";

    private readonly SafeFileHandle _file;
    private readonly int _maxBatchBytes;
    private readonly BatchFinder _finder;
    private readonly RecordBatchDecoder _unwrapper = new();
    private byte[] _buffer = [];
    private long _bufferStart;
    private int _bufferBytes;
    private long? _segmentId;
    private BatchSearch? _search;
    private string? _tailFault;

    /// <summary>Creates a reader.</summary>
    /// <param name="file">The open segment; the reader closes it.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="position">Where to begin: 0, or the end of a batch.</param>
    /// <param name="nextOffset">The offset of the first record after <paramref name="position"/>, or up to 2^31 less.</param>
    /// <param name="maxBatchBytes">The largest batch to read; larger ones count as damage.</param>
    public SegmentReader(SafeFileHandle file, string path, long position = 0, long nextOffset = 0, int maxBatchBytes = DefaultMaxBatchBytes)
    {
        _file = file;
        Path = path;
        Position = position;
        NextOffset = nextOffset;
        _maxBatchBytes = maxBatchBytes;
        _finder = new BatchFinder(file, maxBatchBytes);
        _segmentId = ReadSegmentId(file, maxBatchBytes);
    }

    /// <summary>The segment's path.</summary>
    public string Path { get; }

    /// <summary>
    /// How many bytes of the file one call may read in search of the next batch after damage. A call that needs more returns
    /// <see cref="SegmentReadStatus.Searching"/>, and the next call continues. A call may exceed it somewhat, as a batch is
    /// examined whole. No limit unless it is set.
    /// </summary>
    public long SearchBudgetBytes { get; set; } = long.MaxValue;

    /// <summary>The open segment.</summary>
    public SafeFileHandle File => _file;

    /// <summary>True if the segment's writer gave it an identity: it is ours, and takes the lock.</summary>
    internal bool HasSegmentId => _segmentId is not null;

    /// <summary>The first byte that was not consumed.</summary>
    public long Position { get; private set; }

    /// <summary>The offset that the next record must have at least.</summary>
    public long NextOffset { get; private set; }

    /// <summary>
    /// After <see cref="SegmentReadStatus.NeedMore"/>: where the file's content ends, as far as one can tell. Less than its
    /// length if it ends in zeros: space that its writer has prepared.
    /// </summary>
    public long WrittenEnd { get; private set; }

    /// <summary>Where the batch that was read begins.</summary>
    public long BatchPosition { get; private set; }

    /// <summary>
    /// The header of the batch that was read; of a wrapper of magic 0 or 1, with the fields that follow from the messages in
    /// it.
    /// </summary>
    public RecordBatchHeader Header { get; private set; }

    /// <summary>
    /// The base offset as it is stored, if it is damaged (the CRC does not cover it) and was repaired in <see cref="Header"/>
    /// and in <see cref="Batch"/>. Null if it is right.
    /// </summary>
    public long? DamagedBaseOffset { get; private set; }

    /// <summary>The batch that was read, header included; valid until the next read.</summary>
    public ReadOnlyMemory<byte> Batch { get; private set; }

    /// <summary>The damage that was found.</summary>
    public SegmentDamage? Damage { get; private set; }

    /// <summary>Opens a segment by its path.</summary>
    /// <exception cref="IOException">It cannot be opened, or is not a regular file.</exception>
    public static SegmentReader Open(string path, long position = 0)
    {
        var file = SegmentHandle.OpenForReading(path);
        try
        {
            return new SegmentReader(file, path, position);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>
    /// The identity that the writer gave the segment (<see cref="SegmentId"/>); null if the segment is empty, damaged at
    /// its start, or by a writer that sets none.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    internal static long? ReadSegmentId(SafeFileHandle file, int maxBatchBytes = DefaultMaxBatchBytes) =>
        new BatchFinder(file, maxBatchBytes).BatchAt(0) is { } header ? SegmentId.Of(header) : null;

    /// <summary>Reads the next batch.</summary>
    /// <exception cref="UnsupportedBatchException">A wrapper of magic 0 or 1 whose codec is not installed: its content is
    /// unknown.</exception>
    /// <exception cref="IOException">The file cannot be read; nothing was consumed.</exception>
    public SegmentReadStatus TryRead()
    {
        Batch = default;
        Damage = null;
        DamagedBaseOffset = null;
        if (_tailFault is { } known && _search is { IsDone: false, HasFailed: false } search && search.Position == Position)
        {
            return SearchAfter(known); // Position is examined again when the search has a result
        }

        _tailFault = null;
        var found = Examine(out var fault);
        if (found == SegmentReadStatus.Corrupt)
        {
            // The writer may have cut off a torn write and written again between our reads: look once more.
            ForgetBuffer();
            found = Examine(out fault);
        }

        return found switch
        {
            SegmentReadStatus.NeedMore => NeedMore(),
            SegmentReadStatus.Corrupt => SearchAfter(fault),
            _ => SegmentReadStatus.Batch,
        };
    }

    /// <summary>
    /// Call this when <see cref="TryRead"/> returns <see cref="SegmentReadStatus.NeedMore"/> and the segment's writer is
    /// gone: the bytes between <see cref="Position"/> and the end will never be completed. Returns them as damage; null if
    /// there are none. Nothing is consumed, and the search has no budget.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SegmentDamage? FindTail()
    {
        while (true)
        {
            switch (TryReadTail())
            {
                case SegmentReadStatus.Searching:
                    continue;
                case SegmentReadStatus.Corrupt:
                    return Damage;
                default:
                    return null;
            }
        }
    }

    /// <summary>
    /// The same within <see cref="SearchBudgetBytes"/>: <see cref="SegmentReadStatus.Corrupt"/> with <see cref="Damage"/>,
    /// <see cref="SegmentReadStatus.NeedMore"/> if there is nothing, or <see cref="SegmentReadStatus.Searching"/>.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SegmentReadStatus TryReadTail()
    {
        Damage = null;
        var end = RandomAccess.GetLength(_file);
        if (end <= Position)
        {
            return SegmentReadStatus.NeedMore;
        }

        var search = SearchTo(end);
        if (!search.Advance(SearchBudgetBytes))
        {
            return SegmentReadStatus.Searching;
        }

        WrittenEnd = search.WrittenEnd;
        Damage = TailOf(search);
        return SegmentReadStatus.Corrupt;
    }

    /// <summary>
    /// Call this when <see cref="TryRead"/> returns <see cref="SegmentReadStatus.NeedMore"/> and the segment's writer may
    /// live. Returns <see cref="SegmentReadStatus.Corrupt"/> with <see cref="Damage"/> if no living writer explains the bytes
    /// at <see cref="Position"/>: a whole batch follows them, or no batch begins with such bytes. Returns
    /// <see cref="SegmentReadStatus.Batch"/> if a batch became whole meanwhile. Nothing else is consumed, and the search has
    /// no budget.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SegmentReadStatus TryReadUnfinished()
    {
        Damage = null;
        var end = RandomAccess.GetLength(_file);
        if (end <= Position)
        {
            WrittenEnd = end;
            return SegmentReadStatus.NeedMore;
        }

        var search = SearchTo(end);
        search.Advance(long.MaxValue);
        ForgetBuffer();
        var found = Examine(out var fault); // once more, after the search: a writer finishes a batch before it begins the next
        if (found == SegmentReadStatus.Batch)
        {
            return SegmentReadStatus.Batch;
        }

        WrittenEnd = search.WrittenEnd;
        if (search.Next is { } next)
        {
            Damage = new SegmentDamage(Position, next, false, found == SegmentReadStatus.Corrupt ? fault : ClaimsTooMuch);
        }
        else if (!BatchCheck.CanBegin(Fill(RecordBatchHeader.Bytes), _maxBatchBytes, out var proof))
        {
            Damage = new SegmentDamage(Position, WrittenEnd, false, proof);
        }

        DropBuffer();
        return Damage is null ? SegmentReadStatus.NeedMore : SegmentReadStatus.Corrupt;
    }

    private SegmentDamage TailOf(BatchSearch search)
    {
        // A damaged length may claim more than there is, with good batches after it.
        if (search.Next is { } next)
        {
            return new SegmentDamage(Position, next, false, ClaimsTooMuch);
        }

        var end = search.End;
        return WrittenEnd == Position
            ? new SegmentDamage(
                Position,
                end,
                true,
                $"{end - Position} zeros: space that its writer had prepared, or that a crash of the machine left empty")
            : new SegmentDamage(
                Position, end, _tailFault is null || WrittenEnd < end, _tailFault ?? "the file ends in the middle of a batch");
    }

    /// <summary>Moves past damage, when it has been accounted for.</summary>
    public void Pass(SegmentDamage damage)
    {
        ArgumentNullException.ThrowIfNull(damage);
        if (damage.Position != Position)
        {
            throw new ArgumentException(
                $"The damage begins at position {damage.Position}, but the reader is at {Position}.", nameof(damage));
        }

        Position = damage.EndPosition;
        ForgetBuffer();
    }

    /// <summary>Releases the buffer while there is nothing to read.</summary>
    public void DropBuffer()
    {
        ForgetBuffer();
        _unwrapper.Trim();
    }

    private void ForgetBuffer()
    {
        if (_buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
        }

        _bufferBytes = 0;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        DropBuffer();
        Batch = default;
        _file.Dispose();
    }

    /// <summary>
    /// Looks at the batch at Position. Batch: it was consumed. NeedMore: it is not whole. Corrupt: <paramref name="fault"/> says what is
    /// wrong with it; it is empty otherwise.
    /// </summary>
    private SegmentReadStatus Examine(out string fault)
    {
        fault = "";
        var head = Fill(RecordBatchHeader.Bytes);
        if (!RecordBatchHeader.TryRead(head, out var header))
        {
            var magic = head.Length > RecordBatchHeader.MagicPosition ? head[RecordBatchHeader.MagicPosition] : (byte)0;
            if (magic <= 2)
            {
                return SegmentReadStatus.NeedMore;
            }

            fault = BatchCheck.FaultOfMagic(magic);
            return SegmentReadStatus.Corrupt;
        }

        if (!BatchCheck.IsPossible(header, _maxBatchBytes, out var headerFault))
        {
            fault = headerFault;
            return SegmentReadStatus.Corrupt;
        }

        if (header.TotalBytes > ReadBytes && Position + header.TotalBytes > RandomAccess.GetLength(_file))
        {
            return SegmentReadStatus.NeedMore; // no memory is allocated for bytes that only a length claims
        }

        var batch = Fill((int)header.TotalBytes);
        if (batch.Length < header.TotalBytes)
        {
            return SegmentReadStatus.NeedMore;
        }

        var computed = RecordBatchHeader.ComputeCrc(batch);
        if (computed != header.StoredCrc)
        {
            fault = $"stored CRC-32{(header.Magic == 2 ? "C" : "")} 0x{header.StoredCrc:x8}, computed 0x{computed:x8}";
            return SegmentReadStatus.Corrupt;
        }

        if (header.RecordsCount < 0)
        {
            try
            {
                header = _unwrapper.ReadHeader(batch);
            }
            catch (CorruptBatchException e)
            {
                fault = e.Message;
                return SegmentReadStatus.Corrupt;
            }
        }

        _segmentId ??= SegmentId.Of(header);
        if (header.ProducerId != _segmentId && !BatchCheck.HasPossibleOffsets(header, out var offsetFault))
        {
            fault = offsetFault; // with an identity, the offset is repaired
            return SegmentReadStatus.Corrupt;
        }

        Accept(header);
        return SegmentReadStatus.Batch;
    }

    private void Accept(RecordBatchHeader header)
    {
        if (header.ProducerId == _segmentId
            && NextOffset + SegmentId.SequenceOf(header.BaseSequence - NextOffset) is var baseOffset && baseOffset != header.BaseOffset)
        {
            // Damaged where no CRC covers it; the sequence has the right one. Repaired in the bytes, too, for those who decode them.
            DamagedBaseOffset = header.BaseOffset;
            header = header with { BaseOffset = baseOffset };
            BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan((int)(Position - _bufferStart)), header.BaseOffset);
        }

        _search = null;
        Header = header;
        BatchPosition = Position;
        Batch = _buffer.AsMemory((int)(Position - _bufferStart), (int)header.TotalBytes);
        Position += header.TotalBytes;
        NextOffset = header.NextOffset;
    }

    private SegmentReadStatus SearchAfter(string fault)
    {
        ForgetBuffer();
        _tailFault = fault;
        var search = SearchTo(RandomAccess.GetLength(_file));
        if (!search.Advance(SearchBudgetBytes))
        {
            DropBuffer();
            return SegmentReadStatus.Searching;
        }

        WrittenEnd = search.WrittenEnd;
        if (search.Next is not { } next)
        {
            DropBuffer();
            return SegmentReadStatus.NeedMore;
        }

        // A batch that is being copied into a mapping may become whole during the search, and the next one, too.
        var again = Examine(out var still);
        if (again != SegmentReadStatus.Corrupt)
        {
            return again == SegmentReadStatus.NeedMore ? NeedMore() : again;
        }

        Damage = new SegmentDamage(Position, next, false, still);
        return SegmentReadStatus.Corrupt;
    }

    private SegmentReadStatus NeedMore()
    {
        DropBuffer(); // the bytes after Position may still change
        WrittenEnd = RandomAccess.GetLength(_file);
        return SegmentReadStatus.NeedMore;
    }

    /// <summary>
    /// The search after Position: one in progress, or one whose result is still valid. Until the file grows, the same search
    /// would find nothing again. But in the zeros that a writer has prepared at the end, data may appear without the file
    /// growing. More zeros than any writer prepares are not searched again and again.
    /// </summary>
    private BatchSearch SearchTo(long end)
    {
        if (_search is not { HasFailed: false } search || search.Position != Position || search.End > end
            || (search.IsDone && (search.End != end || (search.WrittenEnd != end && end - search.WrittenEnd <= 2L * _maxBatchBytes))))
        {
            search = _search = new BatchSearch(_finder, Position, end, NextOffset, _segmentId);
        }

        return search;
    }

    /// <summary>The bytes from Position on, as many as there are, at most <paramref name="bytes"/>.</summary>
    private ReadOnlySpan<byte> Fill(int bytes)
    {
        var start = (int)(Position - _bufferStart);
        if (_bufferBytes == 0 || Position < _bufferStart || start > _bufferBytes)
        {
            _bufferStart = Position;
            _bufferBytes = 0;
            start = 0;
        }

        if (_bufferBytes - start < bytes)
        {
            MakeRoom(ref start, bytes);
            while (_bufferBytes - start < bytes)
            {
                var read = RandomAccess.Read(_file, _buffer.AsSpan(_bufferBytes), _bufferStart + _bufferBytes);
                if (read == 0)
                {
                    break;
                }

                _bufferBytes += read;
            }
        }

        return _buffer.AsSpan(start, Math.Min(bytes, _bufferBytes - start));
    }

    /// <summary>
    /// Moves what is unread to the front; a larger buffer if a batch needs one. No larger than the bytes that are there: with
    /// many logs, each reads only a few new bytes.
    /// </summary>
    private void MakeRoom(ref int start, int bytes)
    {
        var kept = _bufferBytes - start;
        if (_buffer.Length < bytes || _buffer.Length == 0)
        {
            var there = RandomAccess.GetLength(_file) - _bufferStart - start;
            var larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(bytes, Math.Min(there, ReadBytes)));
            _buffer.AsSpan(start, kept).CopyTo(larger);
            if (_buffer.Length > 0)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
            }

            _buffer = larger;
        }
        else
        {
            _buffer.AsSpan(start, kept).CopyTo(_buffer);
        }

        _bufferStart += start;
        _bufferBytes = kept;
        start = 0;
    }
}
