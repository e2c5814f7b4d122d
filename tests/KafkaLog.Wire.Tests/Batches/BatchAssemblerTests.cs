using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Batches;

public sealed class BatchAssemblerTests
{
    private const int AttributesPosition = 21;

    private static readonly short[] DataAttributes =
    [
        0, 0, StoredBatch.LogAppendTime, StoredBatch.Transactional, StoredBatch.DeleteHorizon,
        StoredBatch.LogAppendTime | StoredBatch.Transactional,
    ];

    private static readonly long[] Varints =
        [0, 1, -1, -2, 63, 64, int.MaxValue, int.MinValue, 1L + int.MaxValue, long.MaxValue, long.MinValue];

    [Fact]
    public void Any_records_of_any_stored_batches_come_back_as_they_were_after_any_skip()
    {
        using var assembler = new BatchAssembler(100);
        for (var seed = 0; seed < 1_000; seed++)
        {
            var random = new Random(seed);
            assembler.Reset();
            var expected = new List<Seen>();
            for (var batches = random.Next(1, 6); batches > 0; batches--)
            {
                var stored = StoredBatch.Of(random, random.Next(1, 80), DataAttributes[random.Next(DataAttributes.Length)]);
                AddSomeOf(assembler, stored, random, expected);
            }

            if (expected.Count == 0)
            {
                Assert.Throws<InvalidOperationException>(() => assembler.Complete(1, 0, 0, null).Length);
                continue;
            }

            AssertIs(expected, assembler.Complete(77, 3, 1_000_000, null), assembler);
        }
    }

    /// <summary>Whole batches and single records, and the bound of what each adds.</summary>
    private static void AddSomeOf(BatchAssembler assembler, byte[] stored, Random random, List<Seen> expected)
    {
        var seen = Seen.AllOf(stored);
        var skip = random.Next(3) == 0 ? 0 : random.Next(seen.Count + 1);
        var before = assembler.Bytes;
        if (random.Next(4) > 0)
        {
            assembler.AppendBatch(stored, skip);
            Assert.InRange(assembler.Bytes, before, before + BatchAssembler.MaxBytesOf(stored.Length, seen.Count));
        }
        else
        {
            AppendEach(assembler, stored, skip);
        }

        expected.AddRange(seen[skip..]);
    }

    private static void AppendEach(BatchAssembler assembler, byte[] stored, int skip)
    {
        var each = new RecordBatchDecoder().Decode(stored);
        while (each.MoveNext())
        {
            if (skip-- > 0)
            {
                continue;
            }

            var before = assembler.Bytes;
            assembler.Append(each.Current);
            Assert.InRange(assembler.Bytes, before + 1, before + BatchAssembler.MaxBytesOf(each.Current));
        }
    }

    /// <summary>What a broker checks of a batch, and the records in it.</summary>
    private static void AssertIs(List<Seen> expected, ReadOnlySpan<byte> batch, BatchAssembler assembler)
    {
        var header = RecordBatchHeader.Read(batch);
        Assert.Equal(expected, Seen.AllOf(batch));
        Assert.Equal((batch.Length, header.StoredCrc), ((int)header.TotalBytes, RecordBatchHeader.ComputeCrc(batch)));
        Assert.Equal((0L, -1, (byte)2), (header.BaseOffset, header.PartitionLeaderEpoch, header.Magic));
        Assert.Equal((expected.Count, expected.Count - 1), (header.RecordsCount, header.LastOffsetDelta));
        Assert.Equal((expected[0].Timestamp, expected.Max(r => r.Timestamp)), (header.BaseTimestamp, header.MaxTimestamp));
        Assert.Equal((77L, (short)3, 1_000_000), (header.ProducerId, header.ProducerEpoch, header.BaseSequence));
        Assert.Equal(0, header.Attributes & ~7);
        Assert.Equal(expected.Count, assembler.RecordsCount);
        if (header.Compression == CompressionType.None)
        {
            Assert.Equal(batch.Length, assembler.Bytes);
        }
        else
        {
            Assert.InRange(batch.Length, RecordBatchHeader.Bytes, assembler.Bytes - 1);
        }

        AssertOffsetsHaveNoGap(batch);
    }

    private static void AssertOffsetsHaveNoGap(ReadOnlySpan<byte> batch)
    {
        var each = new RecordBatchDecoder().Decode(batch);
        for (var offset = 0L; each.MoveNext(); offset++)
        {
            Assert.Equal(offset, each.Current.Offset);
        }
    }

    [Fact]
    public void A_stored_batch_and_its_records_one_by_one_give_the_same_bytes()
    {
        using var whole = new BatchAssembler();
        using var single = new BatchAssembler();
        for (var seed = 0; seed < 100; seed++)
        {
            var stored = StoredBatch.Of(new Random(seed), 40, DataAttributes[seed % DataAttributes.Length]);
            whole.AppendBatch(stored, seed % 7);
            AppendEach(single, stored, seed % 7);
        }

        Assert.Equal(single.Complete(5, 0, 9, null).ToArray(), whole.Complete(5, 0, 9, null).ToArray());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Records_of_old_formats_come_back_as_they_were(byte magic)
    {
        using var old = BatchBuilders.Create(magic, 1_000);
        old.Append(new NewRecord(5, "key"u8, new byte[500]));
        old.Append(new NewRecord(4, ""u8, ""u8));
        old.Append(new NewRecord { Timestamp = 6, Key = "deleted"u8 });
        old.Append(new NewRecord(3, "no key"u8));
        var codec = CompressionCodecs.For(CompressionType.Gzip, magic)!;
        var stored = old.Complete(700, 0, codec, new ArrayBufferWriter<byte>()).ToArray();
        using var assembler = new BatchAssembler();
        AppendEach(assembler, stored, 0);

        var expected = Seen.AllOf(stored);
        Assert.Equal(4, expected.Count);
        AssertIs(expected, assembler.Complete(77, 3, 1_000_000, null), assembler);
    }

    [Theory]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Snappy)]
    [InlineData(CompressionType.Lz4)]
    [InlineData(CompressionType.Zstd)]
    public void A_batch_is_compressed_if_it_gets_smaller(CompressionType type)
    {
        using var assembler = new BatchAssembler();
        var stored = StoredBatch.Of(new Random(1), 200);
        assembler.AppendBatch(stored, 0);
        var codec = CompressionCodecs.For(type);

        for (var times = 0; times < 2; times++)
        {
            var batch = assembler.Complete(77, 3, 1_000_000, codec);
            Assert.Equal(type, RecordBatchHeader.Read(batch).Compression);
            AssertIs(Seen.AllOf(stored), batch, assembler);
        }

        assembler.Reset();
        var noise = NoiseOf(500);
        assembler.AppendBatch(noise, 0);
        var kept = assembler.Complete(77, 3, 1_000_000, codec);
        Assert.Equal(CompressionType.None, RecordBatchHeader.Read(kept).Compression);
        AssertIs(Seen.AllOf(noise), kept, assembler);
    }

    [Fact]
    public void More_records_may_follow_after_a_batch_was_completed_and_a_reset_begins_anew()
    {
        using var assembler = new BatchAssembler();
        var first = StoredBatch.Of(new Random(1), 3);
        var second = StoredBatch.Of(new Random(2), 2);
        assembler.AppendBatch(first, 0);
        AssertIs(Seen.AllOf(first), assembler.Complete(77, 3, 1_000_000, null), assembler);
        assembler.AppendBatch(second, 1);
        AssertIs([.. Seen.AllOf(first), Seen.AllOf(second)[1]], assembler.Complete(77, 3, 1_000_000, null), assembler);

        assembler.Reset();
        Assert.Equal((0, RecordBatchHeader.Bytes), (assembler.RecordsCount, assembler.Bytes));
        assembler.AppendBatch(second, 0);
        AssertIs(Seen.AllOf(second), assembler.Complete(77, 3, 1_000_000, null), assembler);
    }

    [Fact]
    public void A_skip_outside_of_the_batch_is_refused()
    {
        using var assembler = new BatchAssembler();
        var stored = StoredBatch.Of(new Random(1), 3);
        Assert.Throws<ArgumentOutOfRangeException>(() => assembler.AppendBatch(stored, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => assembler.AppendBatch(stored, 4));
        assembler.AppendBatch(stored, 3);
        Assert.Equal(0, assembler.RecordsCount);
    }

    [Theory]
    [InlineData(1)] // gzip
    [InlineData(4)] // zstd
    [InlineData(0x20)] // control
    [InlineData(0x30)]
    public void A_compressed_batch_and_a_control_batch_are_refused(short attributes)
    {
        using var assembler = new BatchAssembler();
        var stored = StoredBatch.Of(new Random(1), 3, attributes);
        Assert.Throws<ArgumentException>(() => assembler.AppendBatch(stored, 0));
        Assert.Equal(0, assembler.RecordsCount);
    }

    /// <summary>The base offset, the length and the leader epoch are not covered by the CRC; the length is checked.</summary>
    [Fact]
    public void A_changed_byte_is_refused_or_has_no_effect()
    {
        using var assembler = new BatchAssembler();
        var sound = StoredBatch.Of(new Random(1), 3);
        for (var at = 0; at < sound.Length; at++)
        {
            var stored = (byte[])sound.Clone();
            stored[at] ^= (byte)(1 << (at % 8));
            assembler.Reset();
            if (at is < 8 or (>= 12 and < 16))
            {
                assembler.AppendBatch(stored, 0);
                AssertIs(Seen.AllOf(sound), assembler.Complete(77, 3, 1_000_000, null), assembler);
            }
            else
            {
                Assert.Throws<CorruptBatchException>(() => assembler.AppendBatch(stored, 0));
                Assert.Equal(0, assembler.RecordsCount);
            }
        }

        for (var length = 0; length < sound.Length; length++)
        {
            Assert.Throws<CorruptBatchException>(() => assembler.AppendBatch(sound.AsSpan(0, length), 0));
        }

        Assert.Throws<CorruptBatchException>(() => assembler.AppendBatch([.. sound, .. sound], 0));
    }

    /// <summary>
    /// Damage with a right CRC: what the decoder refuses is refused, what it reads is the same, and what was there before stays.
    /// </summary>
    [Fact]
    public void Damaged_bytes_with_a_right_checksum_are_refused_exactly_when_the_decoder_refuses_them()
    {
        using var assembler = new BatchAssembler();
        var earlier = StoredBatch.Of(new Random(7), 2);
        var (refused, taken) = (0, 0);
        for (var seed = 0; seed < 10_000; seed++)
        {
            var random = new Random(seed);
            var stored = StoredBatch.Of(random, random.Next(1, 4), DataAttributes[random.Next(DataAttributes.Length)]);
            for (var changes = random.Next(1, 4); changes > 0; changes--)
            {
                // Near the start: lengths are there. Not the attributes: other tests have those.
                var at = random.Next(AttributesPosition + 2, Math.Min(stored.Length, 150));
                stored[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => (byte)(stored[at] ^ (1 << random.Next(8))),
                    _ => (byte)(stored[at] + random.Next(-2, 3)),
                };
            }

            AssertSameAsDecoder(assembler, earlier, StoredBatch.Sealed(stored), random, ref refused, ref taken);
        }

        Assert.True(refused > 1_000 && taken > 1_000, $"{refused} refused, {taken} taken: the damage is of one kind only");
    }

    [Fact]
    public void Extreme_numbers_anywhere_in_the_records_are_refused_exactly_when_the_decoder_refuses_them()
    {
        using var assembler = new BatchAssembler();
        var earlier = StoredBatch.Of(new Random(7), 2);
        var sound = StoredBatch.Of(new Random(12), 3);
        var (refused, taken) = (0, 0);
        for (var at = RecordBatchHeader.Bytes; at < Math.Min(sound.Length, 300); at++)
        {
            foreach (var value in Varints)
            {
                var varint = new byte[Varint.MaxBytes];
                byte[] stored = [.. sound[..at], .. varint[..Varint.Write(varint, value)], .. sound[(at + 1)..]];
                BinaryPrimitives.WriteInt32BigEndian(stored.AsSpan(8), stored.Length - RecordBatchHeader.LogOverhead);
                AssertSameAsDecoder(assembler, earlier, StoredBatch.Sealed(stored), new Random(at), ref refused, ref taken);
            }
        }

        Assert.True(refused > 0 && taken > 0, $"{refused} refused, {taken} taken");
    }

    private static void AssertSameAsDecoder(
        BatchAssembler assembler, byte[] earlier, byte[] stored, Random random, ref int refused, ref int taken)
    {
        assembler.Reset();
        assembler.AppendBatch(earlier, 0);
        var expected = Seen.AllOf(earlier);
        var bytes = assembler.Bytes;
        List<Seen> seen;
        try
        {
            seen = Seen.AllOf(stored);
        }
        catch (CorruptBatchException)
        {
            Assert.Throws<CorruptBatchException>(() => assembler.AppendBatch(stored, 0));
            Assert.Equal(bytes, assembler.Bytes);
            AssertIs(expected, assembler.Complete(77, 3, 1_000_000, null), assembler);
            refused++;
            return;
        }

        var skip = random.Next(seen.Count + 1);
        assembler.AppendBatch(stored, skip);
        AssertIs([.. expected, .. seen[skip..]], assembler.Complete(77, 3, 1_000_000, null), assembler);
        taken++;
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(int.MinValue)]
    [InlineData(int.MaxValue)]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(4)]
    public void A_wrong_count_of_records_is_refused_before_memory_is_taken_for_it(int count)
    {
        using var assembler = new BatchAssembler();
        var stored = StoredBatch.Of(new Random(1), 3);
        BinaryPrimitives.WriteInt32BigEndian(stored.AsSpan(57), count);
        StoredBatch.Sealed(stored);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<CorruptBatchException>(() => assembler.AppendBatch(stored, 0));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 16);
        Assert.Equal(0, assembler.RecordsCount);
    }

    [Fact]
    public void Nothing_is_allocated_once_the_memory_is_there()
    {
        using var assembler = new BatchAssembler();
        var stored = StoredBatch.Of(new Random(1), 50);
        var codec = CompressionCodecs.For(CompressionType.Lz4);
        AssembleOnce(assembler, stored, codec);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var times = 0; times < 100; times++)
        {
            AssembleOnce(assembler, stored, codec);
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000);
    }

    private static void AssembleOnce(BatchAssembler assembler, byte[] stored, ICompressionCodec? codec)
    {
        assembler.Reset();
        assembler.AppendBatch(stored, 1);
        assembler.AppendBatch(stored, 0);
        Assert.False(assembler.Complete(1, 0, 0, codec).IsEmpty);
    }

    /// <summary>A stored batch of one record that no codec makes smaller.</summary>
    private static byte[] NoiseOf(int bytes)
    {
        var noise = new byte[bytes];
        new Random(3).NextBytes(noise);
        using var builder = BatchBuilders.Create(2, bytes);
        builder.Append(new NewRecord(1, noise));
        return builder.Complete(0, 0, null, new ArrayBufferWriter<byte>()).ToArray();
    }
}
