using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Records;

/// <summary>Magic 0 and 1.</summary>
public sealed class MessageSetTests
{
    public static TheoryData<byte, CompressionType> Kinds => new(
        from magic in (byte[])[0, 1]
        from type in (CompressionType[])[CompressionType.None, CompressionType.Gzip, CompressionType.Snappy, CompressionType.Lz4]
        select (magic, type));

    public static TheoryData<byte, CompressionType> Wrappers => [.. Kinds.Where(kind => kind.Data.Item2 != CompressionType.None)];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Any_records_come_back_as_they_were(byte magic, CompressionType type)
    {
        Prop.ForAll<NonEmptyArray<Tuple<long, string?, string?>>>(input =>
        {
            using var builder = new MessageSetBuilder(magic, 1024);
            var expected = new List<Seen>();
            foreach (var (timestamp, key, value) in input.Get)
            {
                byte[]? keyBytes = key is null ? null : Encoding.UTF8.GetBytes(key), valueBytes = value is null
                    ? null
                    : Encoding.UTF8.GetBytes(value);
                var record = new NewRecord { Timestamp = Math.Abs(timestamp), Key = keyBytes, HasKey = key is not null, Value = valueBytes,
                    HasValue = value is not null };
                builder.Append(record);
                expected.Add(new Seen(
                    700 + expected.Count,
                    magic == 0 ? -1 : Math.Abs(timestamp),
                    keyBytes is null ? null : Encoding.UTF8.GetString(keyBytes),
                    valueBytes is null ? null : Encoding.UTF8.GetString(valueBytes),
                    ""));
            }

            var set = builder.Complete(700, 0, CompressionCodecs.For(type, magic), new ArrayBufferWriter<byte>()).ToArray();
            return ReadSet(set).SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [MemberData(nameof(Wrappers))]
    public void Compressed_records_get_one_wrapper_with_the_last_offset(byte magic, CompressionType type)
    {
        var set = Set(magic, type, 100);
        Assert.Equal(set.Length, RecordBatchHeader.LogOverhead + BinaryPrimitives.ReadInt32BigEndian(set.AsSpan(8)));
        Assert.Equal(99, BinaryPrimitives.ReadInt64BigEndian(set));
        var header = new RecordBatchDecoder().ReadHeader(set);
        Assert.Equal((0L, 99, 100, magic), (header.BaseOffset, header.LastOffsetDelta, header.RecordsCount, header.Magic));
        Assert.Equal(100, header.NextOffset);
    }

    [Fact]
    public void Magic_0_has_the_frame_header_checksum_of_old_Kafka_and_magic_1_the_right_one()
    {
        Assert.NotEqual(Lz4HeaderOf(0)[6], Lz4HeaderOf(1)[6]);
        Assert.Equal(Lz4HeaderOf(0)[..6], Lz4HeaderOf(1)[..6]);
        Assert.Equal((byte)(Format.Checksums.XxHash32.Compute(Lz4HeaderOf(1).AsSpan(4, 2)) >> 8), Lz4HeaderOf(1)[6]);
        Assert.Equal((byte)(Format.Checksums.XxHash32.Compute(Lz4HeaderOf(0).AsSpan(0, 6)) >> 8), Lz4HeaderOf(0)[6]);

        static byte[] Lz4HeaderOf(byte magic) => Set(magic, CompressionType.Lz4, 100).AsSpan(LegacyMessage.MinBytesOf(magic), 7).ToArray();
    }

    [Fact]
    public void The_wrong_frame_header_checksum_is_refused_in_magic_2()
    {
        var block = new ArrayBufferWriter<byte>();
        CompressionCodecs.For(CompressionType.Lz4, 0)!.Compress(new byte[1000], block);
        Assert.Throws<CorruptBatchException>(
            () => CompressionCodecs.For(CompressionType.Lz4)!.Decompress(block.WrittenSpan, new ArrayBufferWriter<byte>(), 10_000));

        var plain = new ArrayBufferWriter<byte>();
        CompressionCodecs.For(CompressionType.Lz4, 1)!.Decompress(block.WrittenSpan, plain, 10_000);
        Assert.Equal(new byte[1000], plain.WrittenSpan.ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_wrapper_in_a_wrapper_is_refused(byte magic)
    {
        var codec = CompressionCodecs.For(CompressionType.Gzip)!;
        var error = Assert.Throws<CorruptBatchException>(
            () => new RecordBatchDecoder().Decode(Wrap(magic, codec, Set(magic, CompressionType.Gzip, 50))));
        Assert.Contains("wrapper itself", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrapper_with_messages_of_another_magic_is_refused() => Assert.Throws<CorruptBatchException>(
        () => new RecordBatchDecoder().Decode(Wrap(1, CompressionCodecs.For(CompressionType.Gzip)!, Set(0, CompressionType.None, 5))));

    [Fact]
    public void An_empty_wrapper_is_refused() => Assert.Throws<CorruptBatchException>(
        () => new RecordBatchDecoder().Decode(Wrap(1, CompressionCodecs.For(CompressionType.Gzip)!, [])));

    [Fact]
    public void Zstd_in_magic_1_is_unsupported_not_damage() => Assert.Throws<UnsupportedBatchException>(
        () => new RecordBatchDecoder().Decode(Wrap(1, CompressionCodecs.For(CompressionType.Zstd)!, Set(1, CompressionType.None, 5))));

    [Fact]
    public void A_record_with_headers_is_refused()
    {
        using var builder = new MessageSetBuilder(1, 1024);
        Assert.Throws<ArgumentException>(() => builder.Append(new NewRecord(1, "x"u8) { Headers = new[] { new RecordHeader("a", "b") } }));
    }

    internal static byte[] Set(byte magic, CompressionType type, int count)
    {
        using var builder = new MessageSetBuilder(magic, 1024);
        for (var n = 0; n < count; n++)
        {
            builder.Append(Some.Record($"value {n} of this set", $"key {n % 3}", 1_000 + n));
        }

        return builder.Complete(0, 0, CompressionCodecs.For(type, magic), new ArrayBufferWriter<byte>()).ToArray();
    }

    private static byte[] Wrap(byte magic, ICompressionCodec codec, byte[] content)
    {
        var wrapper = new ArrayBufferWriter<byte>();
        wrapper.Write(new byte[LegacyMessage.MinBytesOf(magic)]);
        codec.Compress(content, wrapper);
        var bytes = wrapper.WrittenSpan.ToArray();
        LegacyMessage.WriteWrapper(bytes, magic, codec.Type, 100, 0);
        return bytes;
    }

    private static List<Seen> ReadSet(byte[] set)
    {
        var seen = new List<Seen>();
        var decoder = new RecordBatchDecoder();
        for (ReadOnlySpan<byte> rest = set; !rest.IsEmpty;)
        {
            Assert.True(RecordBatchHeader.TryRead(rest, out var header));
            var entry = rest[..(int)header.TotalBytes];
            Assert.Equal(header.StoredCrc, RecordBatchHeader.ComputeCrc(entry));
            var each = decoder.Decode(entry);
            while (each.MoveNext())
            {
                seen.Add(Seen.Of(each.Current));
            }

            rest = rest[entry.Length..];
        }

        return seen;
    }
}
