using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>The next good batch is found after damage of any size and shape, and nothing else is taken for one.</summary>
public sealed class SegmentSearchTests
{
    private const int WindowBytes = 1 << 20; // what the search reads at once

    [Theory]
    [InlineData("ours 0 None")]
    [InlineData("ours 1 Gzip")]
    [InlineData("ours 2 Lz4")]
    [InlineData("kafka-4.3.1/magic2-none.log")]
    public void A_header_is_found_wherever_a_search_window_cuts_it(string name)
    {
        var file = SampleFile.Named(name);
        var hole = new byte[WindowBytes + 80];
        hole.AsSpan().Fill(0xff);
        using var folder = new TempFolder();
        for (var bytes = WindowBytes - 70; bytes < WindowBytes + 3; bytes++)
        {
            File.WriteAllBytes(folder.File("sample"), [.. hole.AsSpan(0, bytes), .. file.Bytes]);
            var read = ReadBack.Of(folder.File("sample"));
            Assert.Equal([(0L, (long)bytes)], read.Damage.Select(d => (d.Position, d.EndPosition)));
            Assert.Equal(file.Ends.Select(end => (long)end + bytes), read.Batches.Select(batch => batch.End));
        }
    }

    [Theory]
    [InlineData(0, 26)]
    [InlineData(1, 34)]
    [InlineData(2, 61)]
    public void The_smallest_batch_at_the_very_end_is_found(byte magic, int bytes)
    {
        var last = new byte[bytes];
        if (magic == 2)
        {
            new RecordBatchHeader { BaseOffset = 5, Magic = 2, PartitionLeaderEpoch = -1, ProducerId = -1, ProducerEpoch = -1,
                BaseSequence = -1, MaxTimestamp = -1 }.WriteTo(last);
        }
        else
        {
            LegacyMessage.Write(last, magic, 0, 5, default);
        }

        using var folder = new TempFolder();
        for (var hole = 1; hole < 70; hole++)
        {
            File.WriteAllBytes(folder.File("sample"), [.. Enumerable.Repeat((byte)0xee, hole), .. last]);
            var read = ReadBack.Of(folder.File("sample"));
            Assert.Equal([(0L, (long)hole)], read.Damage.Select(d => (d.Position, d.EndPosition)));
            Assert.Equal(hole + bytes, Assert.Single(read.Batches).End);
        }
    }

    [Theory]
    [MemberData(nameof(SegmentDamageTests.FilesOfThree), MemberType = typeof(SegmentDamageTests))]
    public void A_good_batch_between_two_damaged_ones_is_found(string name)
    {
        var file = SampleFile.Named(name);
        var bytes = (byte[])file.Bytes.Clone();
        bytes[file.StartOf(0) + 18] ^= 1;
        bytes[file.StartOf(2) + 18] ^= 1;
        bytes[file.StartOf(2) + 16] = 9; // not even a header
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), bytes);
        var read = ReadBack.Of(folder.File("sample"));
        Assert.Equal(file.Ends.Where((_, i) => i is not 0 and not 2).Select(end => (long)end), read.Batches.Select(batch => batch.End));
        Assert.Equal([(0, file.Ends[0]), (file.Ends[1], file.Ends[2])], read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
    }

    /// <summary>No CRC covers the offset; one that was raised must not make all batches after it look too early.</summary>
    [Theory]
    [MemberData(nameof(SegmentDamageTests.FilesOfThree), MemberType = typeof(SegmentDamageTests))]
    public void Damage_after_a_batch_with_a_raised_offset_costs_only_the_damaged_batch(string name)
    {
        var file = SampleFile.Named(name);
        var bytes = (byte[])file.Bytes.Clone();
        bytes[file.StartOf(0)] ^= 0x20;
        bytes[file.StartOf(1) + 8] ^= 0x40; // its length, so that the search has nothing to go by
        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), bytes);
        var read = ReadBack.Of(folder.File("sample"));
        Assert.Equal(file.Ends.Where((_, i) => i != 1).Select(end => (long)end), read.Batches.Select(batch => batch.End));
    }

    /// <summary>A mapped segment ends in zeros while it is written, and for good if its writer is killed.</summary>
    [Theory]
    [MemberData(nameof(SegmentDamageTests.FilesOfThree), MemberType = typeof(SegmentDamageTests))]
    public void The_last_batch_before_zeros_is_found_after_damage(string name)
    {
        var file = SampleFile.Named(name);
        var before = file.Ends.Count - 2;
        using var folder = new TempFolder();
        foreach (var at in (int[])[8, 18])
        {
            byte[] bytes = [.. file.Bytes, .. new byte[100_000]];
            bytes[file.StartOf(before) + at] ^= 0x40;
            File.WriteAllBytes(folder.File("sample"), bytes);
            var read = ReadBack.Of(folder.File("sample"));
            Assert.Equal(
                [(file.StartOf(before), file.Ends[before]), (file.Bytes.Length, bytes.Length)],
                read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
            Assert.Equal(file.Ends.Where((_, i) => i != before).Select(end => (long)end), read.Batches.Select(batch => batch.End));
        }
    }

    /// <summary>Found by the exhaustive run: one changed byte of a length, and the batch ends where a later one does.</summary>
    [Theory]
    [MemberData(nameof(SegmentDamageTests.FilesOfThree), MemberType = typeof(SegmentDamageTests))]
    public void A_damaged_length_that_points_to_a_later_batch_costs_only_its_own_batch(string name)
    {
        var file = SampleFile.Named(name);
        using var folder = new TempFolder();
        for (var batch = 0; batch < file.Ends.Count; batch++)
        {
            foreach (var end in file.Ends.Skip(batch + 1))
            {
                var bytes = (byte[])file.Bytes.Clone();
                BinaryPrimitives.WriteInt32BigEndian(
                    bytes.AsSpan(file.StartOf(batch) + 8), end - file.StartOf(batch) - RecordBatchHeader.LogOverhead);
                File.WriteAllBytes(folder.File("sample"), bytes);
                var read = ReadBack.Of(folder.File("sample"));
                Assert.Equal([(file.StartOf(batch), file.Ends[batch])], read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
                Assert.Equal(file.Ends.Where((_, i) => i != batch).Select(e => (long)e), read.Batches.Select(b => b.End));
            }
        }
    }

    /// <summary>Somebody logs what Kafka stores: the bytes of a whole file are a value in another.</summary>
    [Theory]
    [InlineData(0, "ours 0 None")]
    [InlineData(0, "ours 0 Gzip")]
    [InlineData(1, "ours 1 Snappy")]
    [InlineData(1, "kafka-4.3.1/magic2-none.log")]
    [InlineData(2, "ours 2 None")]
    [InlineData(2, "ours 0 None")]
    public void Batches_inside_the_value_of_a_damaged_record_are_not_read(byte magic, string name)
    {
        var inner = SampleFile.Named(name).Bytes;
        var file = new SampleFile("nested", Segment(magic, "first"u8.ToArray(), inner, "last"u8.ToArray()));
        using var folder = new TempFolder();
        var path = folder.File("sample");
        for (var batch = 0; batch < 3; batch++)
        {
            for (var at = 8; at < 60; at++)
            {
                var bytes = (byte[])file.Bytes.Clone();
                var position = Math.Min(file.StartOf(batch) + at, file.Ends[batch] - 1);
                bytes[position] ^= 0x55;
                File.WriteAllBytes(path, bytes);
                var read = ReadBack.Of(path);
                if (read.Damage.Count > 0)
                {
                    Assert.Equal([(file.StartOf(batch), file.Ends[batch])], read.Damage.Select(d => ((int)d.Position, (int)d.EndPosition)));
                }

                string[] values = ["first", Encoding.UTF8.GetString(inner), "last"];
                Assert.Equal(values.Where((_, i) => read.Damage.Count == 0 || i != batch), read.Records.Select(r => r.Value));
            }
        }
    }

    [Theory]
    [InlineData(0, "ours 0 None")]
    [InlineData(1, "ours 1 None")]
    [InlineData(1, "kafka-4.3.1/magic2-none.log")]
    public void A_torn_record_whose_value_is_a_file_is_one_torn_tail(byte magic, string name)
    {
        var inner = SampleFile.Named(name);
        var whole = Segment(magic, "first"u8.ToArray(), inner.Bytes);
        var first = new SampleFile("nested", whole).Ends[0];
        using var folder = new TempFolder();
        for (var length = first + 1; length < whole.Length; length++)
        {
            if (inner.Ends.Any(end => whole.Length - inner.Bytes.Length + end == length))
            {
                continue; // cut where a batch of the value ends: nobody can tell it from a damaged length
            }

            File.WriteAllBytes(folder.File("sample"), whole[..length]);
            var read = ReadBack.Of(folder.File("sample"));
            Assert.Equal(["first"], read.Records.Select(r => r.Value));
            Assert.Equal(
                ((long)first, (long)length, true), (read.Damage[0].Position, read.Damage[0].EndPosition, read.Damage[0].IsTornTail));
        }
    }

    /// <summary>Every 61 bytes a header that claims all the megabytes that follow, and none of them is true.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fake_headers_everywhere_cost_bounded_work_and_the_good_batches_after_them_are_found(bool hasIdentity)
    {
        const int Headers = 60_000;
        var identity = hasIdentity ? SegmentId.Create() : -1;
        var good = Segment(2, identity, [1], new byte[100_000], [1]);
        var first = new SampleFile("good", good).Ends[0];
        var bytes = new byte[Headers * RecordBatchHeader.Bytes];
        for (var at = 0; at < bytes.Length; at += RecordBatchHeader.Bytes)
        {
            var header = bytes.AsSpan(at, RecordBatchHeader.Bytes);
            new RecordBatchHeader { BaseOffset = 1, Magic = 2, PartitionLeaderEpoch = -1, ProducerId = identity, BaseSequence = 1 }.WriteTo(
                header);
            BinaryPrimitives.WriteInt32BigEndian(header[8..], bytes.Length - at - RecordBatchHeader.LogOverhead + 3);
            header[RecordBatchHeader.CrcPosition] ^= 1;
        }

        using var folder = new TempFolder();
        File.WriteAllBytes(folder.File("sample"), [.. good.AsSpan(0, first), .. bytes, .. good.AsSpan(first)]);
        var read = ReadBack.Of(folder.File("sample"));
        Assert.Equal([((long)first, (long)first + bytes.Length)], read.Damage.Select(d => (d.Position, d.EndPosition)));
        Assert.Equal([1, 100_000, 1], read.Records.Select(record => record.Value!.Length));
    }

    private static byte[] Segment(byte magic, params byte[][] values) => Segment(magic, SegmentId.Create(), values);

    private static byte[] Segment(byte magic, long id, params byte[][] values)
    {
        var file = new ArrayBufferWriter<byte>();
        using var builder = BatchBuilders.Create(magic, 1024);
        for (var n = 0; n < values.Length; n++)
        {
            builder.Append(new NewRecord(1_000 + n, values[n]));
            file.Write(builder.Complete(n, id, null, new ArrayBufferWriter<byte>()));
            builder.Reset();
        }

        return file.WrittenSpan.ToArray();
    }
}
