using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace KafkaLog.Wire.Protocol;

/// <summary>
/// Writes the primitive types of the Kafka protocol into a buffer of the shared pool, which grows. Source: kafka.apache.org/protocol,
/// "Protocol Primitive Types"; KIP-482 for compact types and tagged fields. Not thread-safe.
/// </summary>
internal sealed class WireWriter : IDisposable
{
    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(256);

    /// <summary>What was written; valid until the next write.</summary>
    public ReadOnlyMemory<byte> Written => _buffer.AsMemory(0, Length);

    /// <summary>Bytes that were written.</summary>
    public int Length { get; private set; }

    /// <summary>Starts again with an empty buffer.</summary>
    public void Clear() => Length = 0;

    public void WriteByte(byte value) => Take(1)[0] = value;

    public void WriteBoolean(bool value) => WriteByte(value ? (byte)1 : (byte)0);

    public void WriteInt16(short value) => BinaryPrimitives.WriteInt16BigEndian(Take(2), value);

    public void WriteInt32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(4), value);

    public void WriteInt64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);

    /// <summary>16 bytes, big-endian (KIP-516).</summary>
    public void WriteUuid(Guid value) => value.TryWriteBytes(Take(16), bigEndian: true, out _);

    /// <summary>UNSIGNED_VARINT: seven bits a byte, the lowest first.</summary>
    public void WriteVarUInt(uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            WriteByte((byte)(value | 0x80));
        }

        WriteByte((byte)value);
    }

    /// <summary>STRING or NULLABLE_STRING: length as INT16, -1 is null.</summary>
    /// <exception cref="ArgumentException">It has more than 32,767 bytes.</exception>
    public void WriteString(string? value)
    {
        if (value is null)
        {
            WriteInt16(-1);
            return;
        }

        var bytes = LengthOf(value);
        WriteInt16((short)bytes);
        Encoding.UTF8.GetBytes(value, Take(bytes));
    }

    /// <summary>COMPACT_STRING: length + 1 as UNSIGNED_VARINT.</summary>
    /// <exception cref="ArgumentException">It has more than 32,767 bytes.</exception>
    public void WriteCompactString(string value)
    {
        var bytes = LengthOf(value);
        WriteVarUInt((uint)bytes + 1);
        Encoding.UTF8.GetBytes(value, Take(bytes));
    }

    /// <summary>Bytes as they are.</summary>
    public void Write(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    /// <summary>BYTES: length as INT32.</summary>
    public void WriteBytes(ReadOnlySpan<byte> value)
    {
        WriteInt32(value.Length);
        Write(value);
    }

    /// <summary>ARRAY: the number of items as INT32; the items follow.</summary>
    public void WriteArrayLength(int count) => WriteInt32(count);

    /// <summary>COMPACT_ARRAY: the number of items + 1 as UNSIGNED_VARINT; the items follow.</summary>
    public void WriteCompactArrayLength(int count) => WriteVarUInt((uint)count + 1);

    /// <summary>Ends a structure of a flexible version that has no tagged fields.</summary>
    public void WriteNoTaggedFields() => WriteByte(0);

    /// <summary>Writes a number into bytes that were written before.</summary>
    /// <param name="position">From the start of the buffer.</param>
    /// <param name="value">The number.</param>
    public void SetInt32(int position, int value) =>
        BinaryPrimitives.WriteInt32BigEndian(_buffer.AsSpan(0, Length).Slice(position, 4), value);

    public void Dispose()
    {
        ArrayPool<byte>.Shared.Return(_buffer);
        _buffer = [];
        Length = 0;
    }

    private static int LengthOf(string value)
    {
        var bytes = Encoding.UTF8.GetByteCount(value);
        return bytes <= short.MaxValue ? bytes : throw new ArgumentException($"a string of {bytes} bytes is too long for the protocol");
    }

    private Span<byte> Take(int count)
    {
        if (_buffer.Length - Length < count)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_buffer.Length * 2, Length + count));
            _buffer.AsSpan(0, Length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        var taken = _buffer.AsSpan(Length, count);
        Length += count;
        return taken;
    }
}
