using System.Buffers.Binary;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>What may still become a batch, and what never will.</summary>
public sealed class BatchCheckTests
{
    private const int Max = SegmentReader.DefaultMaxBatchBytes;

    public static TheoryData<string> Files => [.. SampleFile.All.Select(file => file.Name)];

    /// <summary>Each magic with each codec, by us and by others: the start of each batch, of every length.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void Every_prefix_of_every_kind_of_batch_may_become_a_batch(string name)
    {
        var file = SampleFile.Named(name);
        for (var batch = 0; batch < file.Ends.Count; batch++)
        {
            var bytes = file.Bytes.AsSpan(file.StartOf(batch)..file.Ends[batch]);
            for (var length = 0; length <= bytes.Length; length++)
            {
                Assert.True(CanBegin(bytes[..length], Max), $"batch {batch}, {length} bytes of it");
            }

            Assert.True(CanBegin(bytes, bytes.Length), $"batch {batch}, as large as one may be");
            Assert.False(CanBegin(bytes, bytes.Length - 1), $"batch {batch}, larger than one may be");
        }
    }

    /// <summary>A batch is copied into a mapping in any order: bytes that are not copied yet are zeros.</summary>
    [Fact]
    public void A_header_with_any_bytes_missing_may_become_a_batch()
    {
        var kinds = (from magic in (byte[])[0, 1, 2]
                     from codec in Enum.GetValues<CompressionType>()
                     where magic == 2 || codec != CompressionType.Zstd
                     select (magic, codec)).ToArray();
        var written = kinds.ToDictionary(kind => kind, kind => SampleFile.Written(kind.magic, kind.codec, 3, 200));
        var cases = from kind in Gen.Elements(kinds)
                    from isThere in Gen.Elements(true, false).ArrayOf(RecordBatchHeader.Bytes)
                    from length in Gen.Choose(0, RecordBatchHeader.Bytes)
                    from isSecond in Gen.Elements(true, false)
                    select (kind, isThere, length, isSecond);
        Prop.ForAll(cases.ToArbitrary(), input =>
        {
            var bytes = written[input.kind];
            var start = input.isSecond ? 12 + BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(8)) : 0;
            var head = bytes.AsSpan(start, Math.Min(RecordBatchHeader.Bytes, bytes.Length - start)).ToArray();
            for (var at = 0; at < head.Length; at++)
            {
                head[at] = input.isThere[at] ? head[at] : (byte)0;
            }

            return CanBegin(head.AsSpan(0, Math.Min(input.length, head.Length)), Max);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(-1, 0, false)]
    [InlineData(int.MinValue, 2, false)]
    [InlineData(Max - 11, 2, false)]
    [InlineData(int.MaxValue, 1, false)]
    [InlineData(Max - 12, 2, true)]
    [InlineData(0, 2, true)] // not copied yet
    [InlineData(5, 0, true)] // its larger bytes not copied yet
    [InlineData(100, 3, false)]
    [InlineData(100, 255, false)]
    public void Bytes_that_no_batch_begins_with_are_refused_at_once(int length, byte magic, bool canBegin)
    {
        var head = new byte[RecordBatchHeader.Bytes];
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(8), length);
        head[RecordBatchHeader.MagicPosition] = magic;
        var isLength = length is < 0 or > Max - 12;
        for (var there = 0; there <= head.Length; there++)
        {
            var isSeen = there >= (isLength ? 12 : 17);
            Assert.Equal(canBegin || !isSeen, CanBegin(head.AsSpan(0, there), Max));
        }
    }

    private static bool CanBegin(ReadOnlySpan<byte> head, int maxBatchBytes) => BatchCheck.CanBegin(head, maxBatchBytes, out _);
}
