using System.Buffers;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Records;

public sealed class RecordBatchTests
{
    [Fact]
    public void Varints_come_back_and_have_the_length_that_was_computed()
    {
        Prop.ForAll<long>(value =>
        {
            Span<byte> bytes = stackalloc byte[Varint.MaxBytes];
            var written = Varint.Write(bytes, value);
            ReadOnlySpan<byte> rest = bytes[..written];
            return written == Varint.SizeOf(value) && Varint.TryRead(ref rest, out var read) && read == value && rest.IsEmpty;
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData(long.MinValue)]
    [InlineData(0L)]
    [InlineData(-1L)]
    [InlineData(63L)]
    [InlineData(64L)]
    [InlineData(-65L)]
    public void Varints_at_the_limits_come_back(long value)
    {
        Span<byte> bytes = stackalloc byte[Varint.MaxBytes];
        var written = Varint.Write(bytes, value);
        ReadOnlySpan<byte> rest = bytes[..written];
        Assert.Equal(written, Varint.SizeOf(value));
        Assert.True(Varint.TryRead(ref rest, out var read));
        Assert.Equal(value, read);
    }

    [Fact]
    public void A_varint_of_eleven_bytes_is_refused()
    {
        ReadOnlySpan<byte> bytes = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        Assert.False(Varint.TryRead(ref bytes, out _));
    }

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void Any_records_come_back_as_they_were(CompressionType type)
    {
        Prop.ForAll<NonEmptyArray<Tuple<long, string?, string?, string?>>>(input =>
        {
            using var builder = new RecordBatchBuilder(1024);
            var expected = new List<Seen>();
            foreach (var (timestamp, key, value, header) in input.Get)
            {
                RecordHeader[] headers = header is null ? [] : [new RecordHeader("a", Valid(header)), new RecordHeader("", null)];
                builder.Append(new NewRecord
                {
                    Timestamp = timestamp,
                    Key = key is null ? default : Encoding.UTF8.GetBytes(Valid(key)!),
                    HasKey = key is not null,
                    Value = value is null ? default : Encoding.UTF8.GetBytes(Valid(value)!),
                    HasValue = value is not null,
                    Headers = headers,
                });
                expected.Add(
                    new Seen(700 + expected.Count, timestamp, Valid(key), Valid(value), header is null ? "" : $"a={Valid(header)},=null"));
            }

            var batch = builder.Complete(700, SegmentId.Create(), CompressionCodecs.For(type), new ArrayBufferWriter<byte>());
            var header0 = RecordBatchHeader.Read(batch);
            var seen = new List<Seen>();
            var each = new RecordBatchDecoder().Decode(batch);
            while (each.MoveNext())
            {
                seen.Add(Seen.Of(each.Current));
            }

            return header0.StoredCrc == RecordBatchHeader.ComputeCrc(batch) && header0.TotalBytes == batch.Length
                && seen.SequenceEqual(expected);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void A_block_that_decompresses_to_more_than_the_cap_is_refused(CompressionType type)
    {
        using var builder = new RecordBatchBuilder(1024);
        builder.Append(Some.Record(new string('x', 3_000_000)));
        var batch = builder.Complete(0, SegmentId.Create(), CompressionCodecs.For(type), new ArrayBufferWriter<byte>()).ToArray();

        var error = Assert.Throws<CorruptBatchException>(() => new RecordBatchDecoder(1_000_000).Decode(batch).MoveNext());
        Assert.Contains("cap of 1000000 bytes", error.Message, StringComparison.Ordinal);
        Assert.True(new RecordBatchDecoder(4_000_000).Decode(batch).MoveNext());
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void A_block_of_our_writer_is_never_taken_for_a_bomb(CompressionType type)
    {
        using var builder = new RecordBatchBuilder(1024);
        builder.Append(Some.Record(new string('x', 30_000_000)));
        var batch = builder.Complete(0, SegmentId.Create(), CompressionCodecs.For(type), new ArrayBufferWriter<byte>()).ToArray();

        Assert.True(new RecordBatchDecoder().Decode(batch).MoveNext());
    }

    [Fact]
    public void A_block_of_an_absurd_ratio_is_refused()
    {
        var block = new ArrayBufferWriter<byte>();
        CompressionCodecs.For(CompressionType.Zstd)!.Compress(new byte[30_000_000], block);

        var error = Assert.Throws<CorruptBatchException>(
            () => CompressionCodecs.For(CompressionType.Zstd)!.Decompress(block.WrittenSpan, new ArrayBufferWriter<byte>(), int.MaxValue));
        Assert.Contains("times as much", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_codec_is_not_damage()
    {
        var batch = Some.Segment(CompressionType.None, 3);
        batch[22] = 5;
        Assert.Throws<UnsupportedBatchException>(() => new RecordBatchDecoder().Decode(batch).MoveNext());
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void A_compressed_block_cut_anywhere_or_changed_anywhere_is_read_or_refused(CompressionType type)
    {
        // As if the CRC had been forged: the codecs themselves must hold. A gzip block still gives all its bytes without its
        // trailer and the end mark before it.
        const int GzipEndBytes = 16;
        var batch = Some.Segment(type, 40);
        var decoder = new RecordBatchDecoder(1_000_000);
        Assert.Equal((int)type, batch[22]);
        for (var position = RecordBatchHeader.Bytes; position < batch.Length; position++)
        {
            Assert.False(IsWhole(decoder, batch.AsSpan(0, position)) && position < batch.Length - GzipEndBytes);
            foreach (var flip in (byte[])[0x01, 0x40, 0xff])
            {
                var damaged = (byte[])batch.Clone();
                damaged[position] ^= flip;
                _ = IsWhole(decoder, damaged);
            }
        }

        Assert.True(IsWhole(decoder, batch));
    }

    [Fact]
    public void Records_with_any_single_byte_changed_are_read_or_refused_at_a_bounded_cost()
    {
        // As if the CRC had been forged: the decoder itself must hold.
        var batch = Some.Segment(CompressionType.None, 4);
        var decoder = new RecordBatchDecoder();
        var refused = 0;
        for (var position = RecordBatchHeader.Bytes - 4; position < batch.Length; position++)
        {
            foreach (var flip in (byte[])[0x01, 0x80, 0xff])
            {
                var damaged = (byte[])batch.Clone();
                damaged[position] ^= flip;
                try
                {
                    var each = decoder.Decode(damaged);
                    var records = 0;
                    while (each.MoveNext())
                    {
                        records++;
                    }

                    Assert.Equal(RecordBatchHeader.Read(damaged).RecordsCount, records);
                }
                catch (CorruptBatchException)
                {
                    refused++;
                }
            }
        }

        Assert.True(refused > 0);
    }

    private static bool IsWhole(RecordBatchDecoder decoder, ReadOnlySpan<byte> batch)
    {
        try
        {
            var each = decoder.Decode(batch);
            while (each.MoveNext())
            {
                Assert.True(each.Current.Offset >= 0);
            }

            return true;
        }
        catch (CorruptBatchException)
        {
            return false;
        }
    }

    // A lone surrogate has no UTF-8 form, so it cannot come back as text.
    private static string? Valid(string? text) => text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
}
