using System.Buffers;

namespace KafkaLog.Format.Records;

/// <summary>
/// The buffer for decompressed blocks. It grows by doubling, but at most to the cap of a block plus one chunk, so that a
/// hostile block does not cost twice its cap.
/// </summary>
/// <param name="maxBytes">The cap: the most bytes that a block may decompress to.</param>
internal sealed class DecompressionBuffer(int maxBytes) : IBufferWriter<byte>
{
    private const int MinBytes = 64 * 1024; // what the codecs ask for at a time

    private byte[] _buffer = [];
    private int _written;

    public ReadOnlySpan<byte> WrittenSpan => _buffer.AsSpan(0, _written);

    public void Clear() => _written = 0;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_buffer.Length - _written));
        _written += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsMemory(_written);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _buffer.AsSpan(_written);
    }

    private void Reserve(int bytes)
    {
        var needed = checked(_written + Math.Max(1, bytes));
        if (needed > _buffer.Length)
        {
            var most = maxBytes + (long)MinBytes;
            var doubled = Math.Max(MinBytes, _buffer.Length * 2L);
            // Above half of the cap, straight to the cap.
            Array.Resize(ref _buffer, (int)Math.Max(needed, doubled > most / 2 ? most : doubled));
        }
    }
}
