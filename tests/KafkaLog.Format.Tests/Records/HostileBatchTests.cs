using System.Buffers;
using System.Buffers.Binary;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Records;

/// <summary>Hostile batches with right checksums: refused at a bounded cost.</summary>
public sealed class HostileBatchTests
{
    private const int CapBytes = 64 << 20; // the default of reader and decoder

    private static readonly int[] Ints = [0, 1, -1, 13, 14, 49, 50, 1 << 20, CapBytes, CapBytes - 12, CapBytes - 11, int.MaxValue - 12,
        int.MaxValue - 11, int.MaxValue, int.MinValue, int.MinValue + 1];

    private static readonly long[] Varints =
        [0, 1, -1, -2, 63, 64, int.MaxValue, int.MinValue, 1L + int.MaxValue, (1L << 32) + 3, long.MaxValue, long.MinValue];

    public static TheoryData<byte, CompressionType> Codecs => new(
        from magic in (byte[])[0, 1, 2]
        from type in Enum.GetValues<CompressionType>()
        where CompressionCodecs.For(type, magic) is not null
        select (magic, type));

    /// <summary>
    /// Past the ratio or past the cap, whichever the codec reaches: with zeros gzip stays below the one, zstd below the other.
    /// </summary>
    [Theory]
    [MemberData(nameof(Codecs))]
    public void A_bomb_is_refused_and_costs_no_more_than_its_cap(byte magic, CompressionType type)
    {
        var bomb = Batch(magic, type, new byte[CapBytes + 1]);
        Assert.True(bomb.Length < CapBytes / 15);
        using var folder = new TempFolder();
        var good = Batch(magic, CompressionType.None, magic == 2 ? [12, 0, 0, 0, 1, 0, 0] : []);
        File.WriteAllBytes(folder.File("bomb"), [.. bomb, .. good]);
        using var reader = SegmentReader.Open(folder.File("bomb"));
        var before = GC.GetAllocatedBytesForCurrentThread();

        var status = reader.TryRead();
        if (magic == 2)
        {
            Assert.Equal(SegmentReadStatus.Batch, status);
            Assert.Throws<CorruptBatchException>(() => new RecordBatchDecoder().Decode(reader.Batch.Span));
        }
        else
        {
            Assert.Equal(SegmentReadStatus.Corrupt, status);
            Assert.Equal((0, bomb.Length), (reader.Damage!.Position, reader.Damage.EndPosition));
            Assert.Matches("cap of|times as much", reader.Damage.Reason);
            reader.Pass(reader.Damage);
        }

        // A buffer that doubles was allocated twice over; a reader looks at a wrapper twice; snappy has a buffer of its own.
        Assert.InRange(
            GC.GetAllocatedBytesForCurrentThread() - before,
            0,
            (magic == 2 ? 1L : 2) * (type == CompressionType.Snappy ? 4 : 2) * (CapBytes + (1 << 20)));
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Extreme_numbers_in_any_header_field_are_refused_or_read_without_allocating_by_them(byte magic)
    {
        var sound = SampleFile.Named($"ours {magic} None");
        var batch = sound.Bytes[..sound.Ends[0]];
        using var folder = new TempFolder();
        var path = folder.File("sample");
        var decoder = new RecordBatchDecoder();
        var seen = 0;
        for (var at = 0; at <= batch.Length - sizeof(int); at++)
        {
            foreach (var value in Ints)
            {
                var bytes = (byte[])batch.Clone();
                BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), value);
                if (at is not (>= 13 and <= 16))
                {
                    bytes[16] = magic;
                }

                if (bytes[16] <= 2)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(bytes[16] == 2 ? 17 : 12), RecordBatchHeader.ComputeCrc(bytes));
                }

                File.WriteAllBytes(path, bytes);
                var before = GC.GetAllocatedBytesForCurrentThread();
                seen += ReadAsItCan(path, decoder);
                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 2 << 20);
            }
        }

        Assert.True(seen > 0);
    }

    [Fact]
    public void Extreme_varints_anywhere_in_the_records_are_refused_or_read_without_allocating_by_them()
    {
        var sound = SampleFile.Named("ours 2 None");
        var records = sound.Bytes[RecordBatchHeader.Bytes..sound.Ends[0]];
        var decoder = new RecordBatchDecoder();
        for (var at = 0; at < records.Length; at++)
        {
            foreach (var value in Varints)
            {
                var varint = new byte[Varint.MaxBytes];
                var content = records[..at].Concat(varint[..Varint.Write(varint, value)]).Concat(records[(at + 1)..]).ToArray();
                var batch = Batch(2, CompressionType.None, content, 3);
                var before = GC.GetAllocatedBytesForCurrentThread();
                try
                {
                    var each = decoder.Decode(batch);
                    while (each.MoveNext())
                    {
                        _ = each.Current.CopyHeaders();
                    }
                }
                catch (CorruptBatchException)
                {
                    // as it should
                }

                Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 16);
            }
        }
    }

    [Theory]
    [InlineData(int.MaxValue, 0)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(int.MaxValue, int.MaxValue - 1)]
    [InlineData(2, 1)]
    public void A_wrong_count_of_records_is_refused(int records, int lastOffsetDelta)
    {
        var batch = Batch(2, CompressionType.None, [12, 0, 0, 0, 1, 0, 0], records);
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(23), lastOffsetDelta);
        BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(17), RecordBatchHeader.ComputeCrc(batch));
        Assert.Throws<CorruptBatchException>(() =>
        {
            var each = new RecordBatchDecoder().Decode(batch);
            while (each.MoveNext())
            {
            }
        });
    }

    [Fact]
    public void A_hundred_thousand_headers_come_back()
    {
        var headers = Enumerable.Range(0, 100_000).Select(n => new RecordHeader("name " + n, n % 2 == 0 ? "value" : null)).ToArray();
        using var builder = new RecordBatchBuilder(1024);
        builder.Append(new NewRecord(1, "x"u8) { Headers = headers });
        var each = new RecordBatchDecoder().Decode(
            builder.Complete(0, SegmentId.Create(), CompressionCodecs.For(CompressionType.Gzip), new ArrayBufferWriter<byte>()));
        Assert.True(each.MoveNext());
        var found = each.Current.CopyHeaders();
        Assert.Equal(headers.Length, found.Length);
        Assert.All(
            headers.Zip(found),
            pair => Assert.True(
                pair.First.Name.Span.SequenceEqual(pair.Second.Name.Span) && pair.First.Value.HasValue == pair.Second.Value.HasValue));
        Assert.False(each.MoveNext());
    }

    [Fact]
    public void A_wrong_count_of_headers_is_refused_before_allocating_for_them()
    {
        const int Claimed = 30_000_000;
        var varint = new byte[Varint.MaxBytes];
        byte[] head = [0, 0, 0, 1, 0, .. varint[..Varint.Write(varint, Claimed)]];
        byte[] body = [.. head, .. new byte[Claimed]]; // as many bytes as headers, and each header has two
        byte[] record = [.. varint[..Varint.Write(varint, body.Length)], .. body];
        var batch = Batch(2, CompressionType.None, record);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<CorruptBatchException>(() => new RecordBatchDecoder().Decode(batch).MoveNext());
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 16);
    }

    /// <summary>A length of 64 MiB in a file of 100 bytes: nothing of that size is taken.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_batch_that_claims_megabytes_in_a_small_file_is_waited_for_without_allocating(byte magic)
    {
        var bytes = Batch(magic, CompressionType.None, new byte[200]);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), CapBytes - 12);
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), bytes);
        using var reader = SegmentReader.Open(folder.File("sample"), 0);
        using var larger = new SegmentReader(SegmentHandle.OpenForReading(folder.File("sample")), "sample", maxBatchBytes: 900 << 20);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
        Assert.Equal(SegmentReadStatus.NeedMore, larger.TryRead());
        Assert.True(reader.FindTail()!.IsTornTail);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4 << 20);
    }

    private static int ReadAsItCan(string path, RecordBatchDecoder decoder)
    {
        using var reader = SegmentReader.Open(path);
        var size = RandomAccess.GetLength(reader.File);
        var records = 0;
        for (var calls = 0; reader.Position < size; calls++)
        {
            Assert.InRange(calls, 0, 3);
            try
            {
                if (reader.TryRead() == SegmentReadStatus.Batch)
                {
                    var each = decoder.Decode(reader.Batch.Span);
                    while (each.MoveNext())
                    {
                        records++;
                    }
                }
                else
                {
                    reader.Pass(reader.Damage ?? reader.FindTail()!);
                }
            }
            catch (CorruptBatchException)
            {
                // the batch is accepted, its records are refused
            }
            catch (UnsupportedBatchException)
            {
                return records; // held: a codec that is not there
            }
        }

        return records;
    }

    /// <summary>A batch whose lengths and checksum are right, whatever its content is.</summary>
    private static byte[] Batch(byte magic, CompressionType type, byte[] content, int records = 1)
    {
        var batch = new ArrayBufferWriter<byte>();
        batch.Write(new byte[magic == 2 ? RecordBatchHeader.Bytes : LegacyMessage.MinBytesOf(magic)]);
        if (type == CompressionType.None)
        {
            batch.Write(content);
        }
        else
        {
            CompressionCodecs.For(type, magic)!.Compress(content, batch);
        }

        var bytes = batch.WrittenSpan.ToArray();
        if (magic == 2)
        {
            new RecordBatchHeader { BaseOffset = 7, Magic = 2, Attributes = (short)type, PartitionLeaderEpoch = -1,
                LastOffsetDelta = Math.Max(0, records - 1), ProducerId = -1, ProducerEpoch = -1, BaseSequence = -1,
                    RecordsCount = records }.WriteTo(bytes);
        }
        else
        {
            LegacyMessage.WriteWrapper(bytes, magic, type, 7, 0);
        }

        return bytes;
    }
}
