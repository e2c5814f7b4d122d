using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaLog.Format.Segments;

/// <summary>What <see cref="SegmentReader.TryRead"/> came upon.</summary>
public enum SegmentReadStatus
{
    /// <summary>A whole batch with a valid CRC: <see cref="SegmentReader.Header"/> and <see cref="SegmentReader.Batch"/>.</summary>
    Batch,

    /// <summary>The file ends here, perhaps in the middle of a batch. Nothing was consumed; ask again when it has grown.</summary>
    NeedMore,

    /// <summary>Damage, with a good batch behind it: <see cref="SegmentReader.Damage"/>. Nothing was consumed: see <see cref="SegmentReader.Pass"/>.</summary>
    Corrupt,
}

/// <summary>
/// Reads the batches of one segment, also while it is being written. One damaged byte costs at most the batch it is in:
/// the next whole batch is found again. Memory is bounded by the largest batch, whatever the bytes say. Not thread-safe.
/// </summary>
public sealed class SegmentReader : IDisposable
{
    /// <summary>The largest batch that is read unless told otherwise, in bytes.</summary>
    public const int DefaultMaxBatchBytes = 64 << 20;

    private const int ReadBytes = 256 * 1024;

    private readonly SafeFileHandle _file;
    private readonly int _maxBatchBytes;
    private readonly BatchFinder _finder;
    private readonly RecordBatchDecoder _unwrapper = new();
    private byte[] _buffer = [];
    private long _bufferStart;
    private int _bufferBytes;
    private long? _segmentId;
    private long _searchedEnd = -1;
    private string? _tailFault;

    /// <summary>A reader.</summary>
    /// <param name="file">The open segment; the reader closes it.</param>
    /// <param name="path">Its path, for messages.</param>
    /// <param name="position">Where to begin: 0, or the end of a batch.</param>
    /// <param name="nextOffset">The offset of the first record behind <paramref name="position"/>, or less.</param>
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

    /// <summary>The open segment.</summary>
    public SafeFileHandle File => _file;

    /// <summary>True if the segment's writer gave it an identity: it is ours, and takes the lock.</summary>
    public bool HasSegmentId => _segmentId is not null;

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

    /// <summary>The header of the batch that was read; of a wrapper of magic 0 or 1, with what the messages in it tell.</summary>
    public RecordBatchHeader Header { get; private set; }

    /// <summary>
    /// The base offset that stands in the file, where it is damaged, outside the CRC, and was repaired: in
    /// <see cref="Header"/> and in <see cref="Batch"/>. Null if it is as it should be.
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
    /// its start, or by a writer that gives none.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static long? ReadSegmentId(SafeFileHandle file, int maxBatchBytes = DefaultMaxBatchBytes) =>
        new BatchFinder(file, maxBatchBytes).BatchAt(0) is { } header ? SegmentId.Of(header) : null;

    /// <summary>Reads the next batch.</summary>
    /// <exception cref="UnsupportedBatchException">A wrapper of magic 0 or 1 whose codec is not installed: it cannot be told what is in it.</exception>
    /// <exception cref="IOException">The file cannot be read; nothing was consumed.</exception>
    public SegmentReadStatus TryRead()
    {
        Batch = default;
        Damage = null;
        DamagedBaseOffset = null;
        _tailFault = null;
        var fault = Examine(out var needsMore);
        if (fault is not null && !needsMore)
        {
            // The writer may have cut a torn write back and written anew between our reads: look once more.
            ForgetBuffer();
            fault = Examine(out needsMore);
        }

        return needsMore ? NeedMore() : fault is null ? SegmentReadStatus.Batch : SearchBehind(fault);
    }

    /// <summary>
    /// To be called when <see cref="TryRead"/> says <see cref="SegmentReadStatus.NeedMore"/> and the segment's writer is
    /// gone: what lies between <see cref="Position"/> and the end will never be completed. Returns it as damage; null if
    /// there is nothing. Nothing is consumed.
    /// </summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public SegmentDamage? FindTail()
    {
        var end = RandomAccess.GetLength(_file);
        if (end <= Position)
        {
            return null;
        }

        // A damaged length may claim more than there is, with good batches behind it.
        if (FindBehind(end) is { } next)
        {
            return new SegmentDamage(Position, next, false, "a batch claims more bytes than lie before the next one");
        }

        if (WrittenEnd == Position)
        {
            return new SegmentDamage(Position, end, true, $"{end - Position} zeros: space that its writer had prepared, or that a crash of the machine left empty");
        }

        return new SegmentDamage(Position, end, _tailFault is null || WrittenEnd < end, _tailFault ?? "the file ends in the middle of a batch");
    }

    /// <summary>Passes damage, when it has been accounted for.</summary>
    public void Pass(SegmentDamage damage)
    {
        ArgumentNullException.ThrowIfNull(damage);
        if (damage.Position != Position)
        {
            throw new ArgumentException($"The damage begins at position {damage.Position}, the reader stands at {Position}.", nameof(damage));
        }

        Position = damage.EndPosition;
        ForgetBuffer();
    }

    /// <summary>Gives the buffer back while there is nothing to read.</summary>
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

    /// <summary>Looks at the batch at Position. Returns what is wrong with it; null with needsMore false: it was consumed.</summary>
    private string? Examine(out bool needsMore)
    {
        needsMore = false;
        var head = Fill(RecordBatchHeader.Bytes);
        if (!RecordBatchHeader.TryRead(head, out var header))
        {
            var magic = head.Length > RecordBatchHeader.MagicPosition ? head[RecordBatchHeader.MagicPosition] : (byte)0;
            needsMore = magic <= 2;
            return needsMore ? null : BatchCheck.FaultOfMagic(magic);
        }

        if (BatchCheck.FaultOf(header, _maxBatchBytes) is { } fault)
        {
            return fault;
        }

        if (header.TotalBytes > ReadBytes && Position + header.TotalBytes > RandomAccess.GetLength(_file))
        {
            needsMore = true; // no room is made for what only a length claims
            return null;
        }

        var batch = Fill((int)header.TotalBytes);
        if (batch.Length < header.TotalBytes)
        {
            needsMore = true;
            return null;
        }

        var computed = RecordBatchHeader.ComputeCrc(batch);
        if (computed != header.StoredCrc)
        {
            return $"stored CRC-32{(header.Magic == 2 ? "C" : "")} 0x{header.StoredCrc:x8}, computed 0x{computed:x8}";
        }

        if (header.RecordsCount < 0)
        {
            try
            {
                header = _unwrapper.ReadHeader(batch);
            }
            catch (CorruptBatchException e)
            {
                return e.Message;
            }
        }

        if (header.ProducerId != _segmentId && BatchCheck.FaultOfOffsets(header) is { } offsetFault)
        {
            return offsetFault; // of a segment with an identity it is repaired
        }

        Accept(header);
        return null;
    }

    private void Accept(RecordBatchHeader header)
    {
        if (header.ProducerId == _segmentId && header.BaseSequence != SegmentId.SequenceOf(header.BaseOffset))
        {
            // Damaged where the CRC does not reach; the sequence tells it. In the bytes too, for who decodes them.
            DamagedBaseOffset = header.BaseOffset;
            header = header with { BaseOffset = NextOffset + SegmentId.SequenceOf(header.BaseSequence - NextOffset) };
            BinaryPrimitives.WriteInt64BigEndian(_buffer.AsSpan((int)(Position - _bufferStart)), header.BaseOffset);
        }

        _segmentId ??= SegmentId.Of(header);
        _searchedEnd = -1;
        Header = header;
        BatchPosition = Position;
        Batch = _buffer.AsMemory((int)(Position - _bufferStart), (int)header.TotalBytes);
        Position += header.TotalBytes;
        NextOffset = header.NextOffset;
    }

    private SegmentReadStatus SearchBehind(string fault)
    {
        ForgetBuffer();
        var end = RandomAccess.GetLength(_file);
        if (end == _searchedEnd || FindBehind(end) is not { } next)
        {
            DropBuffer();
            _tailFault = fault;
            _searchedEnd = WrittenEnd == end ? end : -1; // until the file grows, the same search finds the same nothing
            return SegmentReadStatus.NeedMore;
        }

        // A batch that is copied into a mapping while it is read may become whole, and the next one too, while that is found.
        if (Examine(out var needsMore) is not { } still || needsMore)
        {
            return needsMore ? NeedMore() : SegmentReadStatus.Batch;
        }

        Damage = new SegmentDamage(Position, next, false, still);
        return SegmentReadStatus.Corrupt;
    }

    private SegmentReadStatus NeedMore()
    {
        DropBuffer(); // what lies after Position may still change
        WrittenEnd = RandomAccess.GetLength(_file);
        return SegmentReadStatus.NeedMore;
    }

    /// <summary>
    /// The next whole batch behind Position. Where there are only zeros it is not searched: a mapped segment ends in them
    /// while it is written (<see cref="MappedWindow"/>). Batches end in a zero too, so a few are content.
    /// </summary>
    private long? FindBehind(long end)
    {
        var contentEnd = _finder.EndOfContent(Position, end);
        WrittenEnd = contentEnd == Position || end - contentEnd >= RecordBatchHeader.Bytes ? contentEnd : end;
        return contentEnd == Position ? null : _finder.FindBehind(Position, end, NextOffset, _segmentId);
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

    /// <summary>Moves what is unread to the front; a larger buffer if a batch needs one.</summary>
    private void MakeRoom(ref int start, int bytes)
    {
        var kept = _bufferBytes - start;
        if (_buffer.Length < bytes || _buffer.Length == 0)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(bytes, ReadBytes));
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
