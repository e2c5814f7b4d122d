using System.Buffers;
using System.Diagnostics;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// Gathers records into one batch of magic 2. Space for the header is left before the encoded records, so that an
/// uncompressed batch is finished in place. Not thread-safe. A record is
/// <c>length attributes timestampDelta offsetDelta keyLength key valueLength value headersCount headers</c>,
/// all numbers varints (Kafka's <c>DefaultRecord</c>).
/// </summary>
internal sealed class RecordBatchBuilder : IBatchBuilder
{
    private byte[] _buffer;
    private int _end = RecordBatchHeader.Bytes;
    private long _baseTimestamp;
    private long _maxTimestamp;

    public RecordBatchBuilder(int capacityBytes) => _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(capacityBytes, RecordBatchHeader.Bytes));

    public int RecordsCount { get; private set; }

    public int CapacityBytes => _buffer.Length;

    public int Bytes => _end;

    public int RecordsBytes => _end - RecordBatchHeader.Bytes;

    public void Append(in NewRecord record)
    {
        if (RecordsCount == 0)
        {
            _baseTimestamp = record.Timestamp;
            _maxTimestamp = record.Timestamp;
        }

        var timestampDelta = record.Timestamp - _baseTimestamp;
        var bodyBytes = BodyBytes(record, timestampDelta, RecordsCount);
        PooledBuffer.Reserve(ref _buffer, _end, bodyBytes + Varint.MaxBytes);

        var to = _buffer.AsSpan(_end);
        var at = Varint.Write(to, bodyBytes);
        to[at++] = 0; // attributes: none are defined
        at += Varint.Write(to[at..], timestampDelta);
        at += Varint.Write(to[at..], RecordsCount);
        at += WriteBytes(to[at..], record.Key, record.HasKey);
        at += WriteBytes(to[at..], record.Value, record.HasValue);
        at += Varint.Write(to[at..], record.Headers.Length);
        foreach (var header in record.Headers)
        {
            at += WriteBytes(to[at..], header.Name.Span, true);
            at += WriteBytes(to[at..], header.Value.GetValueOrDefault().Span, header.Value.HasValue);
        }

        _end += at;
        RecordsCount++;
        _maxTimestamp = Math.Max(_maxTimestamp, record.Timestamp);
    }

    public ReadOnlySpan<byte> Complete(
        long baseOffset,
        long segmentId,
        ICompressionCodec? codec,
        ArrayBufferWriter<byte> compressed,
        int lockMark = RecordBatchHeader.NoLeaderEpoch)
    {
        Debug.Assert(RecordsCount > 0, "a batch without records has no last offset");
        var header = new RecordBatchHeader
        {
            BaseOffset = baseOffset,
            PartitionLeaderEpoch = lockMark,
            Magic = 2,
            LastOffsetDelta = RecordsCount - 1,
            BaseTimestamp = _baseTimestamp,
            MaxTimestamp = _maxTimestamp,
            ProducerId = segmentId,
            ProducerEpoch = 0,
            BaseSequence = SegmentId.SequenceOf(baseOffset),
            RecordsCount = RecordsCount,
        };

        if (codec is not null)
        {
            compressed.ResetWrittenCount();
            compressed.GetSpan(RecordBatchHeader.Bytes)[..RecordBatchHeader.Bytes].Clear();
            compressed.Advance(RecordBatchHeader.Bytes);
            codec.Compress(_buffer.AsSpan(RecordBatchHeader.Bytes, _end - RecordBatchHeader.Bytes), compressed);
            if (compressed.WrittenCount < _end && !DecompressedSize.IsBomb(_end, compressed.WrittenCount - RecordBatchHeader.Bytes))
            {
                var batch = System.Runtime.InteropServices.MemoryMarshal.AsMemory(compressed.WrittenMemory).Span;
                (header with { Attributes = (short)codec.Type }).WriteTo(batch);
                return batch;
            }
        }

        header.WriteTo(_buffer.AsSpan(0, _end));
        return _buffer.AsSpan(0, _end);
    }

    public void Reset()
    {
        _end = RecordBatchHeader.Bytes;
        RecordsCount = 0;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private static int BodyBytes(in NewRecord record, long timestampDelta, int recordsCount)
    {
        var bytes = 1 + Varint.SizeOf(timestampDelta) + Varint.SizeOf(recordsCount)
            + BytesOf(record.Key.Length, record.HasKey) + BytesOf(record.Value.Length, record.HasValue)
            + Varint.SizeOf(record.Headers.Length);
        foreach (var header in record.Headers)
        {
            bytes += BytesOf(header.Name.Length, true) + BytesOf(header.Value?.Length ?? 0, header.Value.HasValue);
        }

        return bytes;
    }

    private static int BytesOf(int length, bool present) => present ? Varint.SizeOf(length) + length : 1;

    private static int WriteBytes(Span<byte> to, ReadOnlySpan<byte> bytes, bool present)
    {
        if (!present)
        {
            return Varint.Write(to, -1);
        }

        var at = Varint.Write(to, bytes.Length);
        bytes.CopyTo(to[at..]);
        return at + bytes.Length;
    }
}
