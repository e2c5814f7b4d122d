using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using Xunit;

namespace KafkaLog.Format.Tests.Compression;

/// <summary>Blocks of each codec: at sizes where buffers end, cut anywhere, and hostile ones.</summary>
public sealed class HostileBlockTests
{
    public static TheoryData<CompressionType, byte> Codecs => new(
        from magic in (byte[])[0, 1, 2]
        from type in Enum.GetValues<CompressionType>()
        where CompressionCodecs.For(type, magic) is not null
        select (type, magic));

    /// <summary>A buffer that is exactly full when the block ends does not mean that more follows.</summary>
    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_block_about_as_large_as_a_buffer_comes_back(CompressionType type, byte magic)
    {
        var codec = CompressionCodecs.For(type, magic)!;
        var plain = new byte[300_000];
        new Random(7).NextBytes(plain.AsSpan(0, 1000));
        foreach (var around in (int[])[0, 256, 32 * 1024, 64 * 1024, 128 * 1024, 192 * 1024, 256 * 1024])
        {
            for (var size = Math.Max(1, around - 2); size <= around + 2; size++)
            {
                var block = new ArrayBufferWriter<byte>();
                codec.Compress(plain.AsSpan(0, size), block);
                var reused = new ArrayBufferWriter<byte>();
                for (var use = 0; use < 3; use++)
                {
                    reused.ResetWrittenCount();
                    codec.Decompress(block.WrittenSpan, reused, plain.Length);
                    Assert.True(plain.AsSpan(0, size).SequenceEqual(reused.WrittenSpan), $"{size} bytes, use {use}");
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_cut_block_or_one_with_trailing_bytes_is_refused_or_gives_no_wrong_bytes(CompressionType type, byte magic)
    {
        var codec = CompressionCodecs.For(type, magic)!;
        var plain = new byte[5_000];
        new Random(7).NextBytes(plain.AsSpan(0, 1_000));
        var block = new ArrayBufferWriter<byte>();
        codec.Compress(plain, block);
        for (var bytes = 0; bytes < block.WrittenCount; bytes++)
        {
            var found = Decompress(codec, block.WrittenSpan[..bytes]);
            Assert.True(found is null || plain.AsSpan().StartsWith(found), $"{bytes} of {block.WrittenCount} bytes");
        }

        foreach (var trailing in (byte[][])[[0], [0xff], [0x1f, 0x8b], new byte[100], block.WrittenSpan.ToArray()])
        {
            var found = Decompress(codec, [.. block.WrittenSpan, .. trailing]);
            Assert.True(found is null || found.AsSpan().StartsWith(plain));
        }
    }

    [Fact]
    public void A_zlib_stream_that_wants_a_dictionary_is_damage() => Assert.Throws<CorruptBatchException>(
        () => Run(CompressionCodecs.For(CompressionType.Gzip)!, [0x78, 0xBB, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]));

    [Theory]
    [InlineData(uint.MaxValue)]
    [InlineData(0x80000000u)]
    [InlineData(0x7fffffffu)]
    [InlineData(64u << 20)]
    public void A_snappy_block_that_claims_a_huge_size_is_refused_before_allocating(uint claimed)
    {
        var block = new byte[20];
        var at = 0;
        for (; claimed >= 0x80; claimed >>= 7)
        {
            block[at++] = (byte)(claimed | 0x80);
        }

        block[at] = (byte)claimed;
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<CorruptBatchException>(() => Run(CompressionCodecs.For(CompressionType.Snappy)!, block));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    [InlineData(int.MinValue)]
    [InlineData(5)]
    public void A_framed_snappy_block_that_claims_more_bytes_than_there_are_is_refused(int length)
    {
        var block = new ArrayBufferWriter<byte>();
        CompressionCodecs.For(CompressionType.Snappy)!.Compress(new byte[3], block);
        var bytes = block.WrittenSpan.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(16), length == 5 ? bytes.Length - 19 : length);
        Assert.Throws<CorruptBatchException>(() => Run(CompressionCodecs.For(CompressionType.Snappy)!, bytes));
    }

    private static byte[]? Decompress(ICompressionCodec codec, ReadOnlySpan<byte> block)
    {
        try
        {
            return Run(codec, block);
        }
        catch (CorruptBatchException)
        {
            return null;
        }
    }

    private static byte[] Run(ICompressionCodec codec, ReadOnlySpan<byte> block)
    {
        var plain = new ArrayBufferWriter<byte>();
        codec.Decompress(block, plain, 1_000_000);
        return plain.WrittenSpan.ToArray();
    }
}
