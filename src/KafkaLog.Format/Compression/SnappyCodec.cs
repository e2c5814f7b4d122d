using System.Buffers;
using System.Buffers.Binary;
using IronSnappy;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Compression;

/// <summary>
/// Snappy. Java clients and brokers write it in xerial's framing: a 16-byte header, then blocks, each after its length
/// (big-endian); librdkafka writes one bare block. The first bytes distinguish them: as a bare block, the header would begin
/// with a copy of bytes that do not exist yet. This codec writes the framing, in blocks of 32 KiB, as Java does.
/// </summary>
internal sealed class SnappyCodec : ICompressionCodec
{
    private const int HeaderBytes = 16;
    private const int BlockBytes = 32 * 1024;

    // The magic, then version 1 and the lowest compatible version 1. Source: snappy-java's SnappyCodec.
    private static ReadOnlySpan<byte> Header =>
        [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1];

    private static ReadOnlySpan<byte> Magic => Header[..8];

    public CompressionType Type => CompressionType.Snappy;

    public void Compress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination)
    {
        destination.Write(Header);
        while (!source.IsEmpty)
        {
            var part = source[..Math.Min(BlockBytes, source.Length)];
            source = source[part.Length..];
            var block = Snappy.Encode(part);
            BinaryPrimitives.WriteInt32BigEndian(destination.GetSpan(sizeof(int)), block.Length);
            destination.Advance(sizeof(int));
            destination.Write(block);
        }
    }

    public void Decompress(ReadOnlySpan<byte> source, IBufferWriter<byte> destination, int maxBytes)
    {
        var total = 0L;
        var sourceBytes = source.Length;
        if (!source.StartsWith(Magic))
        {
            DecompressBlock(source, destination, ref total, sourceBytes, maxBytes);
            return;
        }

        if (source.Length < HeaderBytes)
        {
            throw new CorruptBatchException($"the snappy framing is {source.Length} bytes long, its header alone has {HeaderBytes}");
        }

        source = source[HeaderBytes..];
        while (!source.IsEmpty)
        {
            var length = source.Length < sizeof(int) ? -1 : BinaryPrimitives.ReadInt32BigEndian(source);
            if (length < 0 || length > source.Length - sizeof(int))
            {
                throw new CorruptBatchException(
                    $"a snappy block claims {length} bytes, {Math.Max(0, source.Length - sizeof(int))} are there");
            }

            DecompressBlock(source.Slice(sizeof(int), length), destination, ref total, sourceBytes, maxBytes);
            source = source[(sizeof(int) + length)..];
        }
    }

    private static void DecompressBlock(
        ReadOnlySpan<byte> block, IBufferWriter<byte> destination, ref long total, int sourceBytes, int maxBytes)
    {
        // The block begins with its length: check it before allocating by it.
        if (!TryReadLength(block, out var length))
        {
            throw new CorruptBatchException("a snappy block does not begin with its length");
        }

        DecompressedSize.Add(ref total, length, sourceBytes, maxBytes, CompressionType.Snappy);
        try
        {
            destination.Write(Snappy.Decode(block));
        }
        catch (Exception e)
            when (e is IOException or InvalidDataException or IndexOutOfRangeException or ArgumentException or OverflowException)
        {
            throw new CorruptBatchException($"a snappy block of {block.Length} bytes is damaged: {e.Message}", e);
        }
    }

    private static bool TryReadLength(ReadOnlySpan<byte> block, out uint length)
    {
        length = 0;
        for (var i = 0; i < Math.Min(5, block.Length); i++)
        {
            length |= (uint)(block[i] & 0x7F) << (7 * i);
            if (block[i] < 0x80)
            {
                return true;
            }
        }

        return false;
    }
}
