using System.Buffers;
using KafkaLog.Format.Records;

namespace KafkaLog.Wire.Batches;

/// <summary>Gathers bytes in a buffer of the shared pool, which grows. Not thread-safe.</summary>
internal sealed class PooledBufferWriter : IBufferWriter<byte>, IDisposable
{
    private byte[] _buffer = [];

    /// <summary>What was written. It may be changed; valid until the next call.</summary>
    public Span<byte> Written => _buffer.AsSpan(0, Length);

    /// <summary>Bytes that were written.</summary>
    public int Length { get; private set; }

    /// <summary>Starts again with an empty buffer.</summary>
    public void Clear() => Length = 0;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_buffer.Length - Length));
        Length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        PooledBuffer.Reserve(ref _buffer, Length, Math.Max(1, sizeHint));
        return _buffer.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        Length = 0;
    }
}
