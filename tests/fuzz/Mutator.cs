using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Fuzz;

/// <summary>Changes inputs, as disks and as enemies do. Deterministic by its seed.</summary>
internal sealed class Mutator(Random random)
{
    private const int MaxBytes = 40_000;

    private static readonly int[] Interesting =
        [0, 1, -1, 2, 13, 14, 22, 26, 49, 61, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 1 << 16, (1 << 20) - 12, 1 << 20, (64 << 20) - 12,
            64 << 20, int.MaxValue, int.MaxValue - 12, int.MaxValue - 11, int.MinValue];

    private static readonly long[] Varints =
        [0, 1, -1, 63, 64, -64, -65, 8191, 8192, int.MaxValue, int.MinValue, 1L + int.MaxValue, uint.MaxValue, long.MaxValue,
            long.MinValue];

    private static readonly int[] HeaderFields = [0, 4, 8, 12, 16, 17, 18, 21, 22, 23, 26, 27, 30, 35, 43, 47, 51, 53, 57];

    /// <summary>A new input from one of the corpus, with another one at hand to splice in.</summary>
    public FuzzInput Mutate(FuzzInput one, FuzzInput other)
    {
        var bytes = (byte[])one.Bytes.Clone();
        var count = 1 + Math.Min(random.Next(6), random.Next(12));
        for (var i = 0; i < count; i++)
        {
            bytes = one.IsBlock || random.Next(4) > 0 ? Plain(bytes, other.Bytes) : Structured(bytes, other.Bytes);
        }

        if (!one.IsBlock && random.Next(2) == 0)
        {
            Entries.FixChecksums(bytes);
        }

        return one with { Bytes = bytes.Length > MaxBytes ? bytes[..MaxBytes] : bytes };
    }

    /// <summary>Without regard to what the bytes mean.</summary>
    private byte[] Plain(byte[] bytes, byte[] other)
    {
        if (bytes.Length == 0)
        {
            return other;
        }

        var at = random.Next(bytes.Length);
        switch (random.Next(12))
        {
            case 0:
            case 1:
                bytes[at] ^= (byte)(1 << random.Next(8));
                return bytes;
            case 2:
                bytes[at] = (byte)random.Next(256);
                return bytes;
            case 3:
                bytes[at] = (byte)random.Next(4) switch { 0 => 0, 1 => 0xff, 2 => 0x7f, _ => 0x80 };
                return bytes;
            case 4 when bytes.Length >= 4:
                BinaryPrimitives.WriteInt32BigEndian(
                    bytes.AsSpan(Math.Min(at, bytes.Length - 4)), Interesting[random.Next(Interesting.Length)]);
                return bytes;
            case 5:
                return Replaced(bytes, at, random.Next(2), Varint(Varints[random.Next(Varints.Length)]));
            case 6:
                return bytes[..at]; // torn
            case 7:
                return Replaced(bytes, at, Length(bytes.Length - at), []);
            case 8:
            {
                var from = random.Next(other.Length + 1);
                return Replaced(bytes, at, random.Next(2) * Length(bytes.Length - at), other[from..(from + Length(other.Length - from))]);
            }

            case 9:
            {
                var region = bytes[at..(at + Length(bytes.Length - at))];
                return Replaced(bytes, random.Next(bytes.Length), 0, [.. Enumerable.Repeat(region, random.Next(1, 5)).SelectMany(r => r)]);
            }

            case 10:
                bytes.AsSpan(at, Length(bytes.Length - at)).Fill((byte)random.Next(3)); // a hole
                return bytes;
            default:
                random.NextBytes(bytes.AsSpan(at, Length(bytes.Length - at)));
                return bytes;
        }
    }

    /// <summary>By batches, their fields, and what is inside their compression.</summary>
    private byte[] Structured(byte[] bytes, byte[] other)
    {
        var entries = Entries.Of(bytes);
        if (entries.Count == 0)
        {
            return Plain(bytes, other);
        }

        var entry = entries[random.Next(entries.Count)];
        var batch = bytes[entry.Start..entry.End];
        switch (random.Next(7))
        {
            case 0:
            {
                var field = Math.Min(HeaderFields[random.Next(HeaderFields.Length)], batch.Length - 4);
                BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(field), Interesting[random.Next(Interesting.Length)]);
                break;
            }

            case 1:
                batch[16] = (byte)random.Next(4);
                break;
            case 2:
            {
                var attributes = batch[16] == 2 ? 22 : 17;
                batch[attributes] = (byte)((batch[attributes] & ~7) | random.Next(8));
                break;
            }

            case 3: // a batch of another file in its place, or before it
            {
                var others = Entries.Of(other);
                if (others.Count > 0)
                {
                    var its = others[random.Next(others.Count)];
                    return Replaced(bytes, entry.Start, random.Next(2) * entry.Bytes, other[its.Start..its.End]);
                }

                break;
            }

            case 4: // the content becomes a whole other file: nesting
                batch = WithContent(batch, _ => other);
                break;
            default:
                batch = WithContent(batch, plain => Inner(plain, other));
                break;
        }

        return Replaced(bytes, entry.Start, entry.Bytes, batch);
    }

    private byte[] Inner(byte[] plain, byte[] other)
    {
        plain = plain.Length < 200 || random.Next(2) == 0 ? Plain(plain, other) : Structured(plain, other);
        if (random.Next(4) > 0)
        {
            Entries.FixChecksums(plain);
        }

        return random.Next(50) == 0 ? [.. Enumerable.Repeat(plain, 200).SelectMany(p => p)] : plain;
    }

    /// <summary>The batch with its records changed, compressed again as it says, its length and checksum right.</summary>
    private static byte[] WithContent(byte[] batch, Func<byte[], byte[]> change)
    {
        var at = Entries.ContentOf(batch);
        if (at < 0)
        {
            return batch;
        }

        var type = (CompressionType)(batch[batch[16] == 2 ? 22 : 17] & 7);
        var codec = CompressionCodecs.For(type, batch[16]);
        var content = batch[at..];
        if (codec is not null)
        {
            try
            {
                var plain = new ArrayBufferWriter<byte>();
                codec.Decompress(content, plain, 1 << 20);
                content = plain.WrittenSpan.ToArray();
            }
            catch (CorruptBatchException)
            {
                codec = null;
            }
        }

        content = change(content);
        if (codec is not null && content.Length > 0)
        {
            var compressed = new ArrayBufferWriter<byte>();
            codec.Compress(content, compressed);
            content = compressed.WrittenSpan.ToArray();
        }

        byte[] whole = [.. batch.AsSpan(0, at), .. content];
        BinaryPrimitives.WriteInt32BigEndian(whole.AsSpan(8), whole.Length - 12);
        if (whole[16] < 2)
        {
            BinaryPrimitives.WriteInt32BigEndian(whole.AsSpan(at - 4), content.Length);
        }

        Entries.FixChecksum(whole);
        return whole;
    }

    private int Length(int most) =>
        most == 0 ? 0 : random.Next(3) switch { 0 => random.Next(Math.Min(most, 8)), 1 => random.Next(Math.Min(most, 200)), _ =>
            random.Next(most) };

    private static byte[] Replaced(byte[] bytes, int at, int count, byte[] by) =>
        [.. bytes.AsSpan(0, at), .. by, .. bytes.AsSpan(Math.Min(bytes.Length, at + count))];

    private byte[] Varint(long value)
    {
        var zigzag = (ulong)((value << 1) ^ (value >> 63));
        var bytes = new List<byte>();
        do
        {
            bytes.Add((byte)(zigzag | 0x80));
            zigzag >>= 7;
        }
        while (zigzag != 0);

        if (random.Next(10) > 0)
        {
            bytes[^1] &= 0x7f; // else it goes on, and over ten bytes
        }

        return [.. bytes];
    }
}
