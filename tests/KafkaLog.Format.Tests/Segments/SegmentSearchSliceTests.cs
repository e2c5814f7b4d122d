using System.Buffers.Binary;
using System.Diagnostics;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>A search after damage continues in slices, and skips holes.</summary>
public sealed class SegmentSearchSliceTests
{
    private const long SparseBytes = 8L << 30;

    /// <summary>Alone it takes a tenth of that; other tests run at the same time.</summary>
    private static readonly TimeSpan Much = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_search_in_slices_finds_the_same_as_a_search_at_once()
    {
        using var folder = new TempFolder();
        var path = folder.File("sample");
        var random = new Random(7);
        var searches = 0;
        foreach (var file in SampleFile.All)
        {
            for (var i = 0; i < 20; i++)
            {
                var bytes = file.Bytes.ToList();
                for (var damages = random.Next(1, 4); damages > 0; damages--)
                {
                    Damage(bytes, random);
                }

                File.WriteAllBytes(path, [.. bytes]);
                var whole = ReadBack.Of(path);
                var sliced = ReadBack.Of(path, searchBytes: 1);
                Assert.Equal(whole.Damage, sliced.Damage);
                Assert.Equal(
                    whole.Batches.Select(batch => (batch.Start, batch.End)), sliced.Batches.Select(batch => (batch.Start, batch.End)));
                Assert.Equal(0, whole.Searches);
                searches += sliced.Searches;
            }
        }

        Assert.True(searches > 1000);
    }

    public static TheoryData<string, long> Sparse() => new()
    {
        { "ours 2 None", 0 }, // an identity: only its batches count
        { "ours 2 None", 1 << 20 },
        { "ours 0 None", 0 }, // none: every header counts
        { "ours 1 Gzip", 64 << 20 },
        { "kafka-4.3.1/magic2-none.log", 0 },
    };

    /// <summary>Batches at the start, damage, a hole of gigabytes with some garbage in it, a batch at the end.</summary>
    [Theory]
    [MemberData(nameof(Sparse))]
    public void A_hole_of_gigabytes_is_skipped_fast_and_in_short_calls(string name, long garbageEvery)
    {
        using var folder = new TempFolder();
        var file = SampleFile.Named(name);
        var last = file.Bytes[file.Ends[^2]..]; // whose offsets follow those that were read
        var path = folder.File("sparse");
        using (var sparse = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            var damaged = file.Bytes.ToArray();
            damaged[^1] ^= 0x55; // in the last batch
            RandomAccess.Write(sparse, damaged, 0);
            RandomAccess.Write(sparse, last, SparseBytes - last.Length);
            for (var at = garbageEvery; garbageEvery > 0 && at < SparseBytes - (1 << 20); at += garbageEvery)
            {
                RandomAccess.Write(sparse, file.Bytes.AsSpan(0, 40), at); // the start of a batch, and no more
            }
        }

        Assert.SkipUnless(BlocksOf(path) < 1 << 28, "This file system keeps no holes.");
        var read = Measured(path);
        Assert.Equal(SparseBytes - last.Length, Assert.Single(read.Damage).EndPosition);
        Assert.Equal(file.Ends.Count, read.Batches.Count);
    }

    /// <summary>Headers that each claim megabytes of a hole: their CRCs are not computed byte for byte.</summary>
    [Fact]
    public void Batches_that_claim_the_hole_after_them_are_searched_fast_and_in_short_calls()
    {
        using var folder = new TempFolder();
        var path = folder.File("sparse");
        using (var sparse = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite))
        {
            RandomAccess.Write(sparse, "no batch at all"u8, 0);
            var head = new byte[RecordBatchHeader.Bytes];
            new RecordBatchHeader { Magic = 2, MaxTimestamp = 1, ProducerId = -1, ProducerEpoch = -1, BaseSequence = -1 }.WriteTo(head);
            BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(8), (63 << 20) - RecordBatchHeader.LogOverhead);
            for (var at = 1L << 20; at < SparseBytes - (64 << 20); at += 63 << 20)
            {
                RandomAccess.Write(sparse, head, at);
            }

            RandomAccess.Write(sparse, "end"u8, SparseBytes - 3);
        }

        Assert.SkipUnless(BlocksOf(path) < 1 << 28, "This file system keeps no holes.");
        var read = Measured(path);
        Assert.Empty(read.Batches);
        Assert.Equal(SparseBytes, Assert.Single(read.Damage).EndPosition);
    }

    [Theory]
    [InlineData("ours 2 None")]
    [InlineData("ours 0 None")]
    public void Zeros_on_the_disk_are_skipped_fast(string name)
    {
        using var folder = new TempFolder();
        var file = SampleFile.Named(name);
        var path = folder.File("zeros");
        using (var output = File.Create(path))
        {
            output.Write(file.Bytes.AsSpan(0, file.Bytes.Length - 1));
            for (var i = 0; i < 256; i++)
            {
                output.Write(new byte[1 << 20]);
            }

            output.Write(file.Bytes.AsSpan(file.Ends[^2]));
        }

        var read = Measured(path);
        Assert.Equal(file.Ends.Count, read.Batches.Count);
    }

    /// <summary>A file that grows during a search: the next search finds what was appended.</summary>
    [Fact]
    public void A_batch_appended_during_a_search_is_found_after_it()
    {
        using var folder = new TempFolder();
        var path = folder.File("growing");
        var file = SampleFile.Named("ours 2 None");
        var damaged = file.Bytes.ToArray();
        damaged[file.Ends[0] + 70] ^= 1;
        damaged[file.Ends[1] + 70] ^= 1;
        File.WriteAllBytes(path, damaged[..file.Ends[1]]);
        using var reader = SegmentReader.Open(path);
        reader.SearchBudgetBytes = 1;
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(SegmentReadStatus.Searching, reader.TryRead());
        File.WriteAllBytes(path, file.Bytes); // it was still being written
        var batches = 0;
        for (var calls = 0; calls < 1000; calls++)
        {
            var status = reader.TryRead();
            Assert.NotEqual(SegmentReadStatus.Corrupt, status);
            batches += status == SegmentReadStatus.Batch ? 1 : 0;
        }

        Assert.Equal(file.Ends.Count - 1, batches);
    }

    private static ReadBack Measured(string path)
    {
        var before = Process.GetCurrentProcess().UserProcessorTime + Process.GetCurrentProcess().PrivilegedProcessorTime;
        using var reader = SegmentReader.Open(path);
        reader.SearchBudgetBytes = 1 << 20;
        var read = new ReadBack();
        var longest = TimeSpan.Zero;
        for (var status = Step(); status != SegmentReadStatus.NeedMore; status = Step())
        {
        }

        var took = Process.GetCurrentProcess().UserProcessorTime + Process.GetCurrentProcess().PrivilegedProcessorTime - before;
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{took.TotalMilliseconds:0} ms of the processor, longest call {longest.TotalMilliseconds:0.0} ms");
        Assert.InRange(took, TimeSpan.Zero, Much);
        Assert.InRange(longest, TimeSpan.Zero, Much / 2);
        return ReadBack.Of(path, searchBytes: 1 << 20);

        SegmentReadStatus Step()
        {
            var began = Stopwatch.GetTimestamp();
            var status = reader.TryRead();
            status = status == SegmentReadStatus.NeedMore ? reader.TryReadTail() : status;
            var elapsed = Stopwatch.GetElapsedTime(began);
            longest = elapsed > longest ? elapsed : longest;
            if (status == SegmentReadStatus.Corrupt)
            {
                reader.Pass(reader.Damage!);
            }

            return status;
        }
    }

    private static void Damage(List<byte> bytes, Random random)
    {
        var at = random.Next(bytes.Count);
        switch (random.Next(3))
        {
            case 0:
                bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                bytes.RemoveRange(at, Math.Min(bytes.Count - at, random.Next(1, 100)));
                break;
            default:
                bytes.InsertRange(at, new byte[random.Next(1, 3000)]);
                break;
        }
    }

    private static long BlocksOf(string path)
    {
        using var du = Process.Start(new ProcessStartInfo("du", ["-B1", path]) { RedirectStandardOutput = true })!;
        return long.Parse(du.StandardOutput.ReadToEnd().Split('\t')[0], System.Globalization.CultureInfo.InvariantCulture);
    }
}
