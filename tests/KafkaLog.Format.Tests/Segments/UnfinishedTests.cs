using System.Buffers.Binary;
using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>
/// <see cref="SegmentReader.TryReadUnfinished"/>: bytes at the end of a file whose writer may live are waited for, unless no
/// living writer explains them.
/// </summary>
[Trait("lane", "slow")]
public sealed class UnfinishedTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Files => [.. SampleFile.All.Select(file => file.Name)];

    private string Path => _folder.File("sample");

    public void Dispose() => _folder.Dispose();

    /// <summary>A writer that appends: the file ends anywhere.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void A_file_cut_anywhere_is_waited_for_and_read_when_the_rest_comes(string name)
    {
        var file = SampleFile.Named(name);
        File.WriteAllBytes(Path, file.Bytes);
        using var writer = File.OpenHandle(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        for (var length = file.Bytes.Length; length >= 0; length--)
        {
            RandomAccess.SetLength(writer, length);
            using var reader = AtTheEnd();
            var batches = file.Ends.Count(end => end <= length);
            var start = file.StartOf(batches);
            Assert.Equal(SegmentReadStatus.NeedMore, reader.TryReadUnfinished());
            Assert.Null(reader.Damage);
            Assert.Equal(start, reader.Position);
            Assert.Equal(EndOfContent(file.Bytes.AsSpan(0, length), start), reader.WrittenEnd);
            if (batches < file.Ends.Count)
            {
                RandomAccess.Write(writer, file.Bytes.AsSpan(length..file.Ends[batches]), length);
                Assert.Equal(SegmentReadStatus.Batch, reader.TryReadUnfinished());
                Assert.Equal((start, file.Ends[batches]), ((int)reader.BatchPosition, (int)reader.Position));
                Assert.Equal(file.Bytes[start..file.Ends[batches]], reader.Batch.ToArray());
            }
        }
    }

    /// <summary>
    /// A writer that copies into a mapping: zeros follow, and the bytes of the last batch appear in any order. No CRC covers
    /// the offset of a batch without our identity, so there the bytes appear from the start.
    /// </summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void A_batch_that_is_being_copied_is_waited_for_and_read_when_it_is_whole(string name)
    {
        const int Piece = 8;
        var file = SampleFile.Named(name);
        var random = new Random(20261127);
        for (var trial = 0; trial < 100; trial++)
        {
            var batch = random.Next(file.Ends.Count);
            var (start, end) = (file.StartOf(batch), file.Ends[batch]);
            byte[] bytes = [.. file.Bytes[..end], .. new byte[random.Next(200)]];
            var isFromTheStart = trial % 2 == 0 || !file.HasSegmentId;
            var copied = random.Next(end - start);
            for (var at = start; at < end; at += Piece)
            {
                if (isFromTheStart ? at >= start + copied : random.Next(2) == 0 || at == start + (copied / Piece * Piece))
                {
                    bytes.AsSpan(at, Math.Min(Piece, end - at)).Clear();
                }
            }

            if (bytes.AsSpan(start..end).SequenceEqual(file.Bytes.AsSpan(start..end)))
            {
                continue; // what was left out is zeros
            }

            File.WriteAllBytes(Path, bytes);
            using var reader = AtTheEnd();
            var status = reader.TryReadUnfinished();
            Assert.True(status == SegmentReadStatus.NeedMore, $"trial {trial}, batch {batch}: {status}, {reader.Damage}");
            Assert.Equal(start, reader.Position);
            using (var writer = File.OpenHandle(Path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            {
                RandomAccess.Write(writer, file.Bytes.AsSpan(start..end), start);
            }

            Assert.Equal(SegmentReadStatus.Batch, reader.TryReadUnfinished());
            Assert.Equal((start, end), ((int)reader.BatchPosition, (int)reader.Position));
        }
    }

    /// <summary>A batch that claims more than the file has is waited for; a whole one after it proves that it claims too much.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void A_length_that_claims_too_much_is_damage_if_a_whole_batch_follows(string name)
    {
        var file = SampleFile.Named(name);
        for (var batch = 0; batch < file.Ends.Count; batch++)
        {
            var (start, end) = (file.StartOf(batch), file.Ends[batch]);
            var bytes = (byte[])file.Bytes.Clone();
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(start + 8), bytes.Length + 1_000);
            File.WriteAllBytes(Path, bytes);
            using var reader = AtTheEnd();
            Assert.Equal(start, reader.Position);
            if (batch == file.Ends.Count - 1)
            {
                Assert.Equal(SegmentReadStatus.NeedMore, reader.TryReadUnfinished());
                continue;
            }

            Assert.Equal(SegmentReadStatus.Corrupt, reader.TryReadUnfinished());
            Assert.Equal((start, end, false), ((int)reader.Damage!.Position, (int)reader.Damage.EndPosition, reader.Damage.IsTornTail));
            reader.Pass(reader.Damage);
            Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
            Assert.Equal(end, reader.BatchPosition);
        }
    }

    /// <summary>As soon as there are bytes that no batch has, it is damage; what the writer appends after it is read.</summary>
    [Theory]
    [InlineData(8, 0x80, 12)] // the length is negative
    [InlineData(8, 0x7f, 12)] // it is larger than any
    [InlineData(16, 0x03, 17)] // there is no such magic
    [InlineData(16, 0xff, 17)]
    public void Bytes_that_no_batch_begins_with_are_damage_wherever_the_file_ends(int at, byte value, int proof)
    {
        foreach (var file in SampleFile.All.Where(file => file.Name.StartsWith("ours", StringComparison.Ordinal)))
        {
            var last = file.Ends.Count - 1;
            var start = file.StartOf(last);
            var bytes = (byte[])file.Bytes.Clone();
            bytes[start + at] = value;
            foreach (var length in Enumerable.Range(start + 1, Math.Min(80, bytes.Length - start)).Append(bytes.Length))
            {
                File.WriteAllBytes(Path, bytes[..length]);
                using var reader = AtTheEnd();
                var status = reader.TryReadUnfinished();
                var isProven = length >= start + proof;
                Assert.True(
                    status == (isProven ? SegmentReadStatus.Corrupt : SegmentReadStatus.NeedMore),
                    $"{file.Name}, {length - start} bytes of the batch: {status}");
                if (isProven)
                {
                    Assert.Equal((start, length), ((int)reader.Damage!.Position, (int)reader.Damage.EndPosition));
                    Assert.Matches(at == 8 ? "^batch length is -?[0-9]+, expected" : "^magic is [0-9]+, expected", reader.Damage.Reason);
                    reader.Pass(reader.Damage);
                    File.AppendAllBytes(Path, file.Bytes[start..]);
                    Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
                    Assert.Equal(length, reader.BatchPosition);
                }
            }
        }
    }

    /// <summary>A reader of the file, after everything that <see cref="SegmentReader.TryRead"/> can read.</summary>
    private SegmentReader AtTheEnd()
    {
        var reader = SegmentReader.Open(Path);
        while (reader.TryRead() is var status && status != SegmentReadStatus.NeedMore)
        {
            Assert.Equal(SegmentReadStatus.Batch, status);
        }

        return reader;
    }

    /// <summary>Zeros alone, or more of them than a header has, may be space that the writer has prepared.</summary>
    private static int EndOfContent(ReadOnlySpan<byte> bytes, int start)
    {
        var content = Math.Max(start, bytes.LastIndexOfAnyExcept((byte)0) + 1);
        return content == start || bytes.Length - content >= 61 ? content : bytes.Length;
    }
}
