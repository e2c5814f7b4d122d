using System.Buffers;
using KafkaLog.Tool.Native;

namespace KafkaLog.Tool.Cat;

/// <summary>Collects what goes to standard output.</summary>
internal sealed class OutputBuffer : IBufferWriter<byte>
{
    private const int FullBytes = 64 * 1024;
    private const int KeptBytes = 1 << 20;

    private ArrayBufferWriter<byte> _bytes = new(2 * FullBytes);

    public void Advance(int count) => _bytes.Advance(count);

    public Memory<byte> GetMemory(int sizeHint = 0) => _bytes.GetMemory(sizeHint);

    public Span<byte> GetSpan(int sizeHint = 0) => _bytes.GetSpan(sizeHint);

    /// <summary>To be called after each record.</summary>
    /// <exception cref="OutputClosedException">Nobody reads it any more.</exception>
    public void FlushIfFull()
    {
        if (_bytes.WrittenCount >= FullBytes)
        {
            Flush();
        }
    }

    /// <exception cref="OutputClosedException">Nobody reads it any more.</exception>
    public void Flush()
    {
        StandardStreams.Write(_bytes.WrittenSpan);
        if (_bytes.Capacity > KeptBytes)
        {
            _bytes = new(2 * FullBytes); // so that one huge record does not keep its memory
        }
        else
        {
            _bytes.ResetWrittenCount();
        }
    }
}
