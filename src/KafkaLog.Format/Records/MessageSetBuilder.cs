using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Runtime.InteropServices;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// Gathers records as messages of magic 0 or 1: uncompressed one entry each, compressed one wrapper around all. The messages'
/// checksums do not cover offsets and sizes, so a message is encoded once, when it is added, and its offset is filled in when
/// that of the batch is known. Not thread-safe. These formats have no headers, and magic 0 has no timestamps.
/// </summary>
internal sealed class MessageSetBuilder(byte magic, int capacityBytes) : IBatchBuilder
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(capacityBytes);
    private int _end;
    private long _maxTimestamp;

    public int RecordsCount { get; private set; }

    public int CapacityBytes => _buffer.Length;

    public int Bytes => _end;

    public int RecordsBytes => _end;

    public void Append(in NewRecord record)
    {
        if (!BatchBuilders.CanHold(record, magic, out var fault))
        {
            throw new ArgumentException(fault, nameof(record));
        }

        PooledBuffer.Reserve(ref _buffer, _end, LegacyMessage.BytesOf(magic, record.Key.Length, record.Value.Length));
        _end += LegacyMessage.Write(_buffer.AsSpan(_end), magic, 0, 0, record);
        _maxTimestamp = RecordsCount == 0 ? record.Timestamp : Math.Max(_maxTimestamp, record.Timestamp);
        RecordsCount++;
    }

    public ReadOnlySpan<byte> Complete(
        long baseOffset,
        long segmentId,
        ICompressionCodec? codec,
        ArrayBufferWriter<byte> compressed,
        int lockMark = RecordBatchHeader.NoLeaderEpoch)
    {
        Debug.Assert(RecordsCount > 0, "a wrapper around nothing is damage to a reader");
        if (codec is not null)
        {
            NumberFrom(magic == 1 ? 0 : baseOffset); // KIP-31: relative in magic 1
            var headBytes = LegacyMessage.MinBytesOf(magic);
            compressed.ResetWrittenCount();
            compressed.GetSpan(headBytes)[..headBytes].Clear();
            compressed.Advance(headBytes);
            codec.Compress(_buffer.AsSpan(0, _end), compressed);
            if (compressed.WrittenCount < _end && !DecompressedSize.IsBomb(_end, compressed.WrittenCount - headBytes))
            {
                var wrapper = MemoryMarshal.AsMemory(compressed.WrittenMemory).Span;
                LegacyMessage.WriteWrapper(wrapper, magic, codec.Type, baseOffset + RecordsCount - 1, _maxTimestamp);
                return wrapper;
            }
        }

        NumberFrom(baseOffset);
        return _buffer.AsSpan(0, _end);
    }

    public void Reset()
    {
        _end = 0;
        RecordsCount = 0;
    }

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
    }

    private void NumberFrom(long offset)
    {
        for (var rest = _buffer.AsSpan(0, _end); !rest.IsEmpty; offset++)
        {
            BinaryPrimitives.WriteInt64BigEndian(rest, offset);
            rest = rest[(BinaryPrimitives.ReadInt32BigEndian(rest[8..]) + RecordBatchHeader.LogOverhead)..];
        }
    }
}
