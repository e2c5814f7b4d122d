using System.Buffers.Binary;
using System.IO.Compression;
using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Tests;
using KafkaLog.Format.Checksums;
using Xunit;

namespace KafkaLog.Format.Tests.Checksums;

public sealed class ChecksumTests
{
    [Fact]
    public void Crc32C_of_the_check_string_is_the_published_one() => Assert.Equal(0xe3069283u, Crc32C.Compute("123456789"u8));

    [Fact]
    public void Crc32_of_the_check_string_is_the_published_one() => Assert.Equal(0xcbf43926u, Crc32.Compute("123456789"u8));

    // RFC 3720 B.4: 32 bytes of zeros, of ones, ascending, descending.
    [Fact]
    public void Crc32C_agrees_with_the_examples_of_RFC_3720()
    {
        byte[] ascending = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        Assert.Equal(0x8a9136aau, Crc32C.Compute(new byte[32]));
        Assert.Equal(0x62a8ab43u, Crc32C.Compute(Enumerable.Repeat((byte)0xff, 32).ToArray()));
        Assert.Equal(0x46dd794eu, Crc32C.Compute(ascending));
        Assert.Equal(0x113fdb5cu, Crc32C.Compute(ascending.Reverse().ToArray()));
    }

    // The last eight bytes of a gzip member are the CRC-32 and the length, by the framework's zlib.
    [Fact]
    public void Crc32_equals_that_of_zlib_at_every_length()
    {
        var bytes = new byte[1200];
        new Random(1).NextBytes(bytes);
        for (var length = 1; length <= bytes.Length; length++)
        {
            using var gzip = new MemoryStream();
            using (var stream = new GZipStream(gzip, CompressionLevel.NoCompression, leaveOpen: true))
            {
                stream.Write(bytes.AsSpan(0, length));
            }

            var expected = BinaryPrimitives.ReadUInt32LittleEndian(gzip.ToArray().AsSpan()[^8..]);
            Assert.Equal(expected, Crc32.Compute(bytes.AsSpan(0, length)));
            Assert.Equal(expected, ~Crc32.Step(0xFFFFFFFF, bytes.AsSpan(0, length)));
        }
    }

    [Fact]
    public void Crc32C_of_the_same_bytes_after_another_beginning_needs_no_second_pass()
    {
        var bytes = new byte[70_000];
        new Random(20261121).NextBytes(bytes);
        foreach (var length in (int[])[0, 1, 7, 8, 1_000, 65_535, 69_000])
        {
            var rest = bytes.AsSpan(80, length);
            var (start, otherStart) = (Crc32C.Compute(bytes.AsSpan(0, 40)), Crc32C.Compute(bytes.AsSpan(40, 40)));
            Assert.Equal(
                Crc32C.Append(otherStart, rest), Crc32C.WithBeginning(Crc32C.Append(start, rest), start, otherStart, length));
        }
    }

    // By the reference library.
    [Fact]
    public void XxHash32_agrees_with_the_reference()
    {
        Assert.Equal(0x02cc5d05u, XxHash32.Compute([]));
        Assert.Equal(0x550d7456u, XxHash32.Compute("a"u8));
        Assert.Equal(0x32d153ffu, XxHash32.Compute("abc"u8));
        Assert.Equal(0xf2dc139cu, XxHash32.Compute("0123456789abcdef0123456789"u8));
        Assert.Equal(0xe2293b2fu, XxHash32.Compute("Nobody inspects the spammish repetition"u8));
    }

    [Fact]
    public void A_range_of_a_file_has_the_checksum_of_its_bytes()
    {
        var bytes = new byte[100_000];
        new Random(20261121).NextBytes(bytes);
        using var folder = new TempFolder();
        System.IO.File.WriteAllBytes(folder.File("bytes"), bytes);
        using var file = System.IO.File.OpenHandle(folder.File("bytes"));
        var crc32 = RangeChecksum.OfCrc32(file, 77);
        var crc32C = RangeChecksum.OfCrc32C(file, 77);
        Prop.ForAll(Gen.Choose(77, bytes.Length).Two().ToArbitrary(), range =>
        {
            var (from, to) = (Math.Min(range.Item1, range.Item2), Math.Max(range.Item1, range.Item2));
            return crc32.Compute(from, to) == Crc32.Compute(bytes.AsSpan(from, to - from))
                && crc32C.Compute(from, to) == Crc32C.Compute(bytes.AsSpan(from, to - from));
        }).QuickCheckThrowOnFailure();
        Assert.Null(crc32.Compute(77, bytes.Length + 1));
    }
}
