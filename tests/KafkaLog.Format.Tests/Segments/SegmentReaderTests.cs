using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class SegmentReaderTests
{
    [Fact]
    public void A_damaged_base_offset_is_repaired_from_the_sequence_also_after_a_lost_batch()
    {
        var bytes = Some.Segment(CompressionType.None, 3, 1, 4);
        var ends = BatchEnds(bytes);
        bytes[ends[0] + 30] ^= 1;
        bytes[ends[1] + 5] ^= 0xff;
        using var folder = new TempFolder();
        var (records, damage) = Some.ReadAll(folder, bytes);
        Assert.Equal([0L, 1, 2, 4, 5, 6, 7], records.Select(r => r.Offset));
        Assert.Equal((ends[0], ends[1]), ((int)Assert.Single(damage).Position, (int)damage[0].EndPosition));
    }

    /// <summary>The sequence has 31 bits of it; the bits above are those of the offset that comes next.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_base_offset_with_any_bit_damaged_is_repaired(int batch)
    {
        var bytes = Some.Segment(CompressionType.None, 3, 1, 4);
        var ends = BatchEnds(bytes);
        var start = batch == 0 ? 0 : ends[batch - 1];
        for (var bit = 0; bit < 64; bit++)
        {
            var damaged = (byte[])bytes.Clone();
            damaged[start + (bit / 8)] ^= (byte)(1 << (bit % 8));
            using var folder = new TempFolder();
            var (records, damage) = Some.ReadAll(folder, damaged);
            Assert.Equal(Enumerable.Range(0, 8).Select(i => (long)i), records.Select(r => r.Offset));
            Assert.Empty(damage);
        }
    }

    [Fact]
    public void A_base_offset_above_31_bits_is_kept_if_the_next_offset_is_known()
    {
        const long First = (5L << 31) + 7;
        using var folder = new TempFolder();
        var path = folder.File("20261121_100000_3600_UTC-orders.szn");
        var batch = Some.Segment(CompressionType.None, 3);
        var header = RecordBatchHeader.Read(batch);
        (header with { BaseOffset = First, BaseSequence = SegmentId.SequenceOf(First) }).WriteTo(batch);
        File.WriteAllBytes(path, batch);
        using var reader = new SegmentReader(SegmentHandle.OpenForReading(path), path, 0, First - 2);
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal((First, First + 3, null), (reader.Header.BaseOffset, reader.NextOffset, reader.DamagedBaseOffset));
    }

    [Theory]
    [InlineData(0, 30)]
    [InlineData(0, 9)]
    [InlineData(1, 30)]
    [InlineData(1, 9)]
    public void Records_from_before_1970_are_found_after_damage(int batch, int at)
    {
        string[] values = ["first", "second", "third"];
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Some.Options(folder)))
        {
            foreach (var value in values)
            {
                writer.Append(Some.Record(value, timestamp: -86_400_000), Durability.Flushed);
            }
        }

        var path = folder.Segments().Single();
        var bytes = File.ReadAllBytes(path);
        bytes[(batch == 0 ? 0 : BatchEnds(bytes)[0]) + at] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Equal(values.Where((_, i) => i != batch), Some.ReadAll(path).Records.Select(r => r.Value));
    }

    [Fact]
    public void A_cut_short_tail_is_left_for_the_next_read()
    {
        var whole = Some.Segment(CompressionType.None, 2, 2);
        var ends = BatchEnds(whole);
        using var folder = new TempFolder();
        var path = folder.File("20261121_100000_3600_UTC-orders.szn");
        File.WriteAllBytes(path, whole[..(ends[0] + 30)]);
        using var reader = SegmentReader.Open(path);
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
        Assert.Equal(ends[0], reader.Position);
        File.WriteAllBytes(path, whole[..(ends[0] + 100)]);
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
        File.WriteAllBytes(path, whole);
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(whole.Length, reader.Position);
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
        Assert.Null(reader.FindTail());
    }

    [Fact]
    public void A_whole_last_batch_with_a_wrong_CRC_is_damage_not_a_torn_tail()
    {
        var whole = Some.Segment(CompressionType.None, 2, 2);
        whole[^1] ^= 1;
        using var folder = new TempFolder();
        var damage = Assert.Single(Some.ReadAll(folder, whole).Damage);
        Assert.False(damage.IsTornTail);
        Assert.Contains("stored CRC-32C", damage.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void A_torn_write_that_its_writer_cuts_off_and_writes_again_is_not_damage()
    {
        var one = Some.Segment(CompressionType.None, 1);
        var other = Some.Segment(CompressionType.None, 2);
        using var folder = new TempFolder();
        var path = folder.File("20261121_100000_3600_UTC-orders.szn");
        File.WriteAllBytes(path, other[..(other.Length - 5)]);
        using var reader = SegmentReader.Open(path);
        Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
        File.WriteAllBytes(path, one);
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(1, reader.Header.RecordsCount);
    }

    [Fact]
    public void A_batch_inside_a_value_is_not_found_after_damage()
    {
        using var folder = new TempFolder();
        var decoy = Some.Segment(CompressionType.None, 1);
        using (var writer = new LogWriter(Some.Options(folder)))
        {
            writer.Append(Some.Record("first"), Durability.Flushed);
            writer.Append(new NewRecord(1_000, decoy), Durability.Flushed);
            writer.Append(Some.Record("last"), Durability.Flushed);
        }

        var path = folder.Segments().Single();
        var bytes = File.ReadAllBytes(path);
        var ends = BatchEnds(bytes);
        bytes[ends[0] + 30] ^= 1; // the header before the decoy
        File.WriteAllBytes(path, bytes);
        var (records, damage) = Some.ReadAll(path);
        Assert.Equal(["first", "last"], records.Select(r => r.Value));
        Assert.Equal([(ends[0], ends[1])], damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Reading_ends_at_a_run_of_zeros(int where)
    {
        var whole = Some.Segment(CompressionType.None, 2, 2);
        var hole = new byte[100_000];
        byte[] bytes = where switch
        {
            0 => [.. hole, .. whole],
            1 => [.. whole[..BatchEnds(whole)[0]], .. hole, .. whole[BatchEnds(whole)[0]..]],
            _ => [.. whole, .. hole],
        };
        using var folder = new TempFolder();
        var (records, damage) = Some.ReadAll(folder, bytes);
        Assert.Equal(4, records.Count);
        Assert.Equal(hole.Length, damage.Sum(d => d.Bytes));
    }

    [Fact]
    public void Random_bytes_are_one_damage_and_bounded_work()
    {
        var bytes = new byte[2_000_000];
        new Random(4711).NextBytes(bytes);
        using var folder = new TempFolder();
        var (records, damage) = Some.ReadAll(folder, bytes);
        Assert.Empty(records);
        Assert.Equal(bytes.Length, Assert.Single(damage).Bytes);
    }

    [Fact]
    public void A_link_is_not_opened()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder.File("secret"), "secret");
        File.CreateSymbolicLink(folder.File("20261121_100000_3600_UTC-orders.szn"), folder.File("secret"));
        Assert.Throws<NotASegmentException>(() => SegmentReader.Open(folder.File("20261121_100000_3600_UTC-orders.szn")));
        Assert.Throws<NotASegmentException>(() => SegmentReader.Open(folder.Path));
    }

    [Fact]
    public void Every_record_is_read_while_the_file_is_written()
    {
        const int Records = 20_000;
        using var folder = new TempFolder();
        using var writer = new LogWriter(
            new LogWriterOptions { Directory = folder.Path, Component = "orders", BatchBytes = 1024,
                Linger = TimeSpan.FromMilliseconds(1) });
        writer.Append(Some.Record("0"), Durability.Flushed);
        using var reader = SegmentReader.Open(folder.Segments().Single());
        var thread = new Thread(() =>
        {
            for (var i = 1; i < Records; i++)
            {
                writer.Append(Some.Record(i.ToString(System.Globalization.CultureInfo.InvariantCulture)));
            }

            writer.Flush();
        });
        thread.Start();
        var read = 0;
        while (read < Records)
        {
            var status = reader.TryRead();
            Assert.NotEqual(SegmentReadStatus.Corrupt, status);
            read += status == SegmentReadStatus.Batch ? reader.Header.RecordsCount : 0;
        }

        thread.Join();
        Assert.Equal(Records, reader.NextOffset);
    }

    private static List<int> BatchEnds(byte[] bytes)
    {
        var ends = new List<int>();
        for (var at = 0; at < bytes.Length;)
        {
            at += (int)RecordBatchHeader.Read(bytes.AsSpan(at)).TotalBytes;
            ends.Add(at);
        }

        return ends;
    }
}
