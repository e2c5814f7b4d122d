using System.Runtime.CompilerServices;

namespace KafkaLog.Format.Records;

/// <summary>
/// Variable-length integers as Kafka writes them in records: zig-zag, seven bits a byte, low bits first.
/// Source: Kafka's <c>ByteUtils.writeVarlong</c>; Protocol Buffers' sint64.
/// </summary>
internal static class Varint
{
    /// <summary>The longest encoding of 64 bits.</summary>
    public const int MaxBytes = 10;

    public static int SizeOf(long value)
    {
        var zigzag = ZigZag(value);
        var bits = 64 - System.Numerics.BitOperations.LeadingZeroCount(zigzag | 1);
        return (bits + 6) / 7;
    }

    /// <summary>Writes <paramref name="value"/> and returns the number of bytes written.</summary>
    public static int Write(Span<byte> destination, long value)
    {
        var zigzag = ZigZag(value);
        var i = 0;
        while (zigzag >= 0x80)
        {
            destination[i++] = (byte)(zigzag | 0x80);
            zigzag >>= 7;
        }

        destination[i++] = (byte)zigzag;
        return i;
    }

    /// <summary>Reads one value and moves <paramref name="source"/> past it; false if it is cut short or longer than ten bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // most have one byte
    public static bool TryRead(ref ReadOnlySpan<byte> source, out long value)
    {
        if (!source.IsEmpty && source[0] < 0x80)
        {
            value = (source[0] >> 1) ^ -(source[0] & 1);
            source = source[1..];
            return true;
        }

        return TryReadLong(ref source, out value);
    }

    /// <summary>Reads a value that must fit 32 bits: a length or a delta.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool TryReadInt32(ref ReadOnlySpan<byte> source, out int value)
    {
        if (TryRead(ref source, out var wide) && wide is >= int.MinValue and <= int.MaxValue)
        {
            value = (int)wide;
            return true;
        }

        value = 0;
        return false;
    }

    private static bool TryReadLong(ref ReadOnlySpan<byte> source, out long value)
    {
        ulong zigzag = 0;
        var limit = Math.Min(source.Length, MaxBytes);
        for (var i = 0; i < limit; i++)
        {
            var b = source[i];
            zigzag |= (ulong)(b & 0x7F) << (7 * i);
            if (b < 0x80)
            {
                source = source[(i + 1)..];
                value = (long)(zigzag >> 1) ^ -(long)(zigzag & 1);
                return true;
            }
        }

        value = 0;
        return false;
    }

    private static ulong ZigZag(long value) => (ulong)((value << 1) ^ (value >> 63));
}
