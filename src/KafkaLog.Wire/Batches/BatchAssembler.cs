using System.Buffers;
using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Wire.Batches;

/// <summary>
/// Gathers the records for one partition into one record batch of magic 2, to be sent. It takes single records, and whole stored
/// batches, of whose records only the numbers that depend on the batch are written again: the length, the timestamp delta and the
/// offset delta. Its memory is of the shared pool and is kept until it is disposed of. Not thread-safe. Source: Kafka's
/// <c>DefaultRecordBatch</c> and <c>DefaultRecord</c>.
/// </summary>
internal sealed class BatchAssembler : IDisposable
{
    // A record without key, value and headers has a byte for each of its fields.
    private const int MinRecordBytes = 7;

    // A length or an offset delta has 32 bits.
    private const int MaxVarintBytesOf32Bits = 5;

    // Against one byte each: the timestamp delta 9 more, the offset delta 4. The length of the record is then one byte longer at most.
    private const int MaxGrowthBytes = Varint.MaxBytes - 1 + MaxVarintBytesOf32Bits - 1 + 1;

    private static readonly Extent Empty = new(RecordBatchHeader.Bytes, 0, 0, 0);

    private readonly PooledBufferWriter _compressed = new();
    private byte[] _buffer; // room for the header, then the records
    private Extent _extent = Empty;

    /// <summary>An empty batch.</summary>
    /// <param name="capacityBytes">The memory to begin with, in bytes.</param>
    public BatchAssembler(int capacityBytes = 4096) =>
        _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(capacityBytes, RecordBatchHeader.Bytes));

    /// <summary>Bytes of the batch so far, uncompressed, header included.</summary>
    public int Bytes => _extent.End;

    /// <summary>Records in the batch so far.</summary>
    public int RecordsCount => _extent.RecordsCount;

    /// <summary>An upper bound of the bytes that a stored batch adds to <see cref="Bytes"/>, however many records are left out.</summary>
    /// <param name="storedBytes">Bytes of the stored batch, header included.</param>
    /// <param name="records">The number of records in it.</param>
    public static long MaxBytesOf(int storedBytes, int records) =>
        storedBytes - RecordBatchHeader.Bytes + (records * (long)MaxGrowthBytes);

    /// <summary>An upper bound of the bytes that a record adds to <see cref="Bytes"/>.</summary>
    public static long MaxBytesOf(in Record record) =>
        1 + Varint.MaxBytes + (5 * MaxVarintBytesOf32Bits) + (long)record.Key.Length + record.Value.Length + record.HeadersBytes.Length;

    /// <summary>Adds a record, of any magic, after the others. Its offset is not kept.</summary>
    /// <exception cref="OverflowException">The batch would exceed 2 GB.</exception>
    public void Append(in Record record)
    {
        PooledBuffer.Reserve(ref _buffer, _extent.End, checked((int)MaxBytesOf(record)));
        var extent = _extent.BeginningWith(record.Timestamp);
        var timestampDelta = record.Timestamp - extent.BaseTimestamp;
        var bodyBytes = BytesBeforeFields(timestampDelta, extent.RecordsCount)
            + BytesOf(record.Key, record.HasKey) + BytesOf(record.Value, record.HasValue)
            + Varint.SizeOf(record.HeadersCount) + record.HeadersBytes.Length;

        var to = _buffer.AsSpan(extent.End);
        var at = WriteBeforeFields(to, bodyBytes, timestampDelta, extent.RecordsCount);
        at += WriteBytes(to[at..], record.Key, record.HasKey);
        at += WriteBytes(to[at..], record.Value, record.HasValue);
        at += Varint.Write(to[at..], record.HeadersCount);
        record.HeadersBytes.CopyTo(to[at..]);
        _extent = extent.After(at + record.HeadersBytes.Length, record.Timestamp);
    }

    /// <summary>
    /// Adds the records of a stored batch of magic 2 that is not compressed, after the others. Records of a transaction are added as any
    /// others. If this fails, nothing of the batch was added.
    /// </summary>
    /// <param name="stored">The whole batch, header included.</param>
    /// <param name="skip">How many of its first records are left out; from 0 to all of them.</param>
    /// <exception cref="CorruptBatchException">
    /// Its length, magic or CRC-32C is wrong, or its bytes are not the records that its header promises.
    /// </exception>
    /// <exception cref="ArgumentException">It is compressed, or a control batch, which holds no data.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="skip"/> is negative, or more than the batch has.</exception>
    /// <exception cref="OverflowException">The batch would exceed 2 GB.</exception>
    public void AppendBatch(ReadOnlySpan<byte> stored, int skip)
    {
        var header = ReadHeader(stored);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(skip, header.RecordsCount);
        PooledBuffer.Reserve(ref _buffer, _extent.End, checked((int)MaxBytesOf(stored.Length, header.RecordsCount)));

        // The last step makes it true: until then, what is written lies after the end.
        var extent = _extent;
        var records = new RecordEnumerator(header, stored[RecordBatchHeader.Bytes..]);
        while (records.MoveNext())
        {
            if (skip-- > 0)
            {
                continue;
            }

            var timestamp = records.Current.Timestamp;
            extent = extent.BeginningWith(timestamp);
            var added = WriteRecord(
                _buffer.AsSpan(extent.End), timestamp - extent.BaseTimestamp, extent.RecordsCount, records.CurrentFields);
            extent = extent.After(added, timestamp);
        }

        _extent = extent;
    }

    /// <summary>
    /// Finishes the batch: writes its header and its CRC-32C. The bytes are valid until the next call of anything here. More records
    /// may be added after it, and it may be called again.
    /// </summary>
    /// <param name="producerId">The producer id.</param>
    /// <param name="epoch">Its epoch.</param>
    /// <param name="baseSequence">The sequence of the first record.</param>
    /// <param name="codec">How to compress; a batch that would not get smaller stays as it is. Null: not compressed.</param>
    /// <exception cref="InvalidOperationException">There are no records: such a batch has no last offset.</exception>
    /// <exception cref="UnsupportedBatchException">The codec's native library is not installed.</exception>
    public ReadOnlySpan<byte> Complete(long producerId, short epoch, int baseSequence, ICompressionCodec? codec)
    {
        if (RecordsCount == 0)
        {
            throw new InvalidOperationException("a record batch has at least one record");
        }

        var header = new RecordBatchHeader
        {
            BaseOffset = 0, // from a producer (Kafka's error 87 otherwise)
            PartitionLeaderEpoch = RecordBatchHeader.NoLeaderEpoch,
            Magic = 2,
            LastOffsetDelta = RecordsCount - 1,
            BaseTimestamp = _extent.BaseTimestamp,
            MaxTimestamp = _extent.MaxTimestamp,
            ProducerId = producerId,
            ProducerEpoch = epoch,
            BaseSequence = baseSequence,
            RecordsCount = RecordsCount,
        };
        var batch = _buffer.AsSpan(0, Bytes);
        if (codec is not null && TryCompress(codec))
        {
            batch = _compressed.Written;
            header = header with { Attributes = (short)codec.Type };
        }

        header.WriteTo(batch);
        return batch;
    }

    /// <summary>Makes the batch empty, for the next one. The memory is kept.</summary>
    public void Reset() => _extent = Empty;

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        _compressed.Dispose();
    }

    private static RecordBatchHeader ReadHeader(ReadOnlySpan<byte> stored)
    {
        if (stored.Length < RecordBatchHeader.Bytes)
        {
            throw new CorruptBatchException($"a record batch has {stored.Length} bytes, expected at least {RecordBatchHeader.Bytes}");
        }

        var header = RecordBatchHeader.Read(stored);
        var fault = header.Magic != 2 ? $"its magic is {header.Magic}, expected 2"
            : header.TotalBytes != stored.Length ? $"its length is {header.TotalBytes}, {stored.Length} bytes are there"
            : header.StoredCrc != RecordBatchHeader.ComputeCrc(stored) ? "its CRC-32C does not match: it was changed after it was read"
            : null;
        if (fault is not null)
        {
            throw new CorruptBatchException($"the record batch at base offset {header.BaseOffset} cannot be sent: {fault}");
        }

        if (header.Compression != CompressionType.None || header.IsControl)
        {
            throw new ArgumentException("the records of a compressed batch or of a control batch cannot be copied", nameof(stored));
        }

        var most = (stored.Length - RecordBatchHeader.Bytes) / MinRecordBytes;
        return header.RecordsCount >= 0 && header.RecordsCount <= most
            ? header
            : throw new CorruptBatchException(
                $"the record batch at base offset {header.BaseOffset} has a valid CRC, but its {stored.Length} bytes have room for {most} "
                    + $"records, not for {header.RecordsCount}");
    }

    private bool TryCompress(ICompressionCodec codec)
    {
        _compressed.Clear();
        _ = _compressed.GetSpan(RecordBatchHeader.Bytes);
        _compressed.Advance(RecordBatchHeader.Bytes); // written when the batch is finished
        codec.Compress(_buffer.AsSpan(RecordBatchHeader.Bytes, Bytes - RecordBatchHeader.Bytes), _compressed);
        return _compressed.Length < Bytes && !DecompressedSize.IsBomb(Bytes, _compressed.Length - RecordBatchHeader.Bytes);
    }

    /// <summary>Writes a record whose fields are encoded, and returns its length in bytes.</summary>
    private static int WriteRecord(Span<byte> to, long timestampDelta, int offsetDelta, ReadOnlySpan<byte> fields)
    {
        var at = WriteBeforeFields(to, BytesBeforeFields(timestampDelta, offsetDelta) + fields.Length, timestampDelta, offsetDelta);
        fields.CopyTo(to[at..]);
        return at + fields.Length;
    }

    private static int WriteBeforeFields(Span<byte> to, int bodyBytes, long timestampDelta, int offsetDelta)
    {
        var at = Varint.Write(to, bodyBytes);
        to[at++] = 0; // attributes: none are defined
        at += Varint.Write(to[at..], timestampDelta);
        return at + Varint.Write(to[at..], offsetDelta);
    }

    private static int BytesBeforeFields(long timestampDelta, int offsetDelta) =>
        1 + Varint.SizeOf(timestampDelta) + Varint.SizeOf(offsetDelta);

    private static int BytesOf(ReadOnlySpan<byte> bytes, bool present) =>
        present ? Varint.SizeOf(bytes.Length) + bytes.Length : 1;

    private static int WriteBytes(Span<byte> to, ReadOnlySpan<byte> bytes, bool present)
    {
        var at = Varint.Write(to, present ? bytes.Length : -1);
        bytes.CopyTo(to[at..]);
        return at + bytes.Length;
    }

    /// <summary>How far the batch goes.</summary>
    /// <param name="End">Bytes of the batch, header included.</param>
    /// <param name="RecordsCount">Records in it.</param>
    /// <param name="BaseTimestamp">The timestamp of the first record, ms since 1970 UTC.</param>
    /// <param name="MaxTimestamp">The largest timestamp, ms since 1970 UTC.</param>
    private readonly record struct Extent(int End, int RecordsCount, long BaseTimestamp, long MaxTimestamp)
    {
        /// <summary>The same; without records, with the timestamp of the one that will be the first.</summary>
        public Extent BeginningWith(long timestamp) => RecordsCount == 0 ? new(End, 0, timestamp, timestamp) : this;

        /// <summary>With one more record of so many bytes.</summary>
        public Extent After(int bytes, long timestamp) =>
            new(End + bytes, RecordsCount + 1, BaseTimestamp, Math.Max(MaxTimestamp, timestamp));
    }
}
