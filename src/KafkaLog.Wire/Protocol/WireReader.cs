using System.Buffers.Binary;
using System.Text;

namespace KafkaLog.Wire.Protocol;

/// <summary>
/// Reads the primitive types of the Kafka protocol from one response. Every length is checked against what is there before anything
/// is allocated or skipped. Source: kafka.apache.org/protocol, "Protocol Primitive Types"; KIP-482 for compact types and tagged fields.
/// </summary>
internal ref struct WireReader(ReadOnlySpan<byte> bytes)
{
    private readonly int _total = bytes.Length;
    private ReadOnlySpan<byte> _rest = bytes;

    /// <summary>Bytes that are not read yet.</summary>
    public readonly int Remaining => _rest.Length;

    public byte ReadByte() => Take(1)[0];

    public bool ReadBoolean() => Take(1)[0] != 0;

    public short ReadInt16() => BinaryPrimitives.ReadInt16BigEndian(Take(2));

    public int ReadInt32() => BinaryPrimitives.ReadInt32BigEndian(Take(4));

    public long ReadInt64() => BinaryPrimitives.ReadInt64BigEndian(Take(8));

    /// <summary>16 bytes, big-endian (KIP-516).</summary>
    public Guid ReadUuid() => new(Take(16), bigEndian: true);

    /// <summary>UNSIGNED_VARINT: at most five bytes, seven bits each, the lowest first.</summary>
    public uint ReadVarUInt()
    {
        var value = 0u;
        for (var shift = 0; shift <= 28; shift += 7)
        {
            var next = ReadByte();
            if (shift == 28 && next > 0x0f)
            {
                break;
            }

            value |= (uint)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw Malformed("a number has more than 32 bits");
    }

    /// <summary>STRING, which cannot be null.</summary>
    public string ReadString() => ReadNullableString() ?? throw Malformed("a string is null that cannot be");

    /// <summary>NULLABLE_STRING: length as INT16, -1 is null.</summary>
    public string? ReadNullableString()
    {
        var length = ReadInt16();
        return length < -1 ? throw Malformed($"a string has the length {length}") : length < 0 ? null : Text(Take(length));
    }

    /// <summary>COMPACT_STRING, which cannot be null.</summary>
    public string ReadCompactString() => ReadCompactNullableString() ?? throw Malformed("a string is null that cannot be");

    /// <summary>COMPACT_NULLABLE_STRING: length + 1 as UNSIGNED_VARINT, 0 is null.</summary>
    public string? ReadCompactNullableString()
    {
        var length = ReadVarUInt();
        return length == 0 ? null : Text(Take(length - 1));
    }

    /// <summary>NULLABLE_BYTES: length as INT32, -1 is null, which is returned as empty.</summary>
    public ReadOnlySpan<byte> ReadBytes()
    {
        var length = ReadInt32();
        return length < -1 ? throw Malformed($"a field has the length {length}") : length < 0 ? default : Take(length);
    }

    /// <summary>ARRAY: the number of items as INT32; null (-1) is returned as 0.</summary>
    /// <param name="itemBytes">The fewest bytes that an item takes, at least 1.</param>
    /// <exception cref="ProtocolException">So many items cannot be in what is left.</exception>
    public int ReadArrayLength(int itemBytes)
    {
        var count = ReadInt32();
        return count < -1 || count > Remaining / itemBytes ? throw Malformed($"an array has {count} items") : Math.Max(0, count);
    }

    /// <summary>COMPACT_ARRAY: the number of items + 1 as UNSIGNED_VARINT; null (0) is returned as 0.</summary>
    /// <param name="itemBytes">The fewest bytes that an item takes, at least 1.</param>
    /// <exception cref="ProtocolException">So many items cannot be in what is left.</exception>
    public int ReadCompactArrayLength(int itemBytes)
    {
        var count = ReadVarUInt();
        return count > (uint)(Remaining / itemBytes) + 1 ? throw Malformed($"an array has {count} items") : count == 0 ? 0 : (int)count - 1;
    }

    /// <summary>Skips tagged fields: none of them is needed here, and unknown ones are to be skipped (KIP-482).</summary>
    public void SkipTaggedFields()
    {
        for (var left = ReadVarUInt(); left > 0; left--)
        {
            ReadVarUInt();
            Take(ReadVarUInt());
        }
    }

    /// <summary>To be called after the last field: a response with more bytes is not what it was taken for.</summary>
    public readonly void ThrowIfNotAtEnd()
    {
        if (!_rest.IsEmpty)
        {
            throw Malformed($"{_rest.Length} bytes follow the last field");
        }
    }

    private ReadOnlySpan<byte> Take(uint count) => count > (uint)_rest.Length ? throw TooShort(count) : Take((int)count);

    private ReadOnlySpan<byte> Take(int count)
    {
        if ((uint)count > (uint)_rest.Length)
        {
            throw TooShort((uint)count);
        }

        var taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }

    private readonly ProtocolException TooShort(uint count) => Malformed($"{count} bytes are needed and {_rest.Length} are left");

    private readonly ProtocolException Malformed(string what) =>
        new($"malformed response: {what}, at byte {_total - _rest.Length} of {_total}");

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
