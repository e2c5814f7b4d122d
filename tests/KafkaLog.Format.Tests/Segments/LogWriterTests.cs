using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class LogWriterTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_flushed_record_is_in_the_file_when_the_append_returns()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time));
        writer.Append(Some.Record("one"), Durability.Flushed);
        Assert.Equal(["one"], Some.ReadFolder(folder).Select(r => r.Value));
        writer.Append(Some.Record("two"), Durability.Synced);
        Assert.Equal(["one", "two"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void A_mapped_segment_is_read_while_it_is_written_and_ends_with_its_last_batch()
    {
        using var folder = new TempFolder();
        string path;
        using (var writer = new LogWriter(Some.Options(folder) with { Mapped = true }))
        {
            writer.Append(Some.Record("first"), Durability.Flushed);
            path = folder.Segments().Single();
            using var reader = SegmentReader.Open(path);
            Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
            Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());
            Assert.Equal(reader.Position, reader.WrittenEnd);

            writer.Append(Some.Record("second"), Durability.Flushed);
            Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
            Assert.Equal(SegmentReadStatus.NeedMore, reader.TryRead());

            for (var n = 0; n < 100; n++)
            {
                // over the ends of windows
                writer.Append(Some.Record(new string('x', 50_000)), n % 2 == 0 ? Durability.Flushed : Durability.Buffered);
            }

            writer.Append(Some.Record("last"), Durability.Synced);
        }

        var (records, damage) = Some.ReadAll(path);
        Assert.Empty(damage);
        Assert.Equal(103, records.Count);
        Assert.Equal("last", records[^1].Value);
        Assert.Equal(Enumerable.Range(0, 103).Select(n => (long)n), records.Select(r => r.Offset));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(30)]
    [InlineData(70)]
    public void The_zeros_that_a_killed_mapped_writer_leaves_are_a_torn_tail(int tornBytes)
    {
        using var folder = new TempFolder();
        var whole = Some.Segment(Format.Compression.CompressionType.None, 3, 3);
        var torn = Some.Segment(Format.Compression.CompressionType.None, 1).AsSpan(0, tornBytes);
        var (records, damage) = Some.ReadAll(folder, [.. whole, .. torn, .. new byte[1 << 20]]);
        Assert.Equal(6, records.Count);
        var tail = Assert.Single(damage);
        Assert.Equal((whole.Length, whole.Length + tornBytes + (1 << 20), true), (tail.Position, tail.EndPosition, tail.IsTornTail));
    }

    [Fact]
    public void A_buffered_record_waits_for_the_linger()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Linger = TimeSpan.FromSeconds(1) });
        writer.Append(Some.Record("one"));
        Assert.Equal(TimeSpan.FromSeconds(1), writer.RunOnce());
        Assert.Empty(folder.Segments());
        _time.Advance(TimeSpan.FromSeconds(1));
        writer.RunOnce();
        Assert.Equal(["one"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void Closing_writes_what_is_buffered()
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Some.Options(folder, _time)))
        {
            writer.Append(Some.Record("one"));
        }

        Assert.Equal(["one"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void Offsets_count_from_zero_in_each_segment()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Interval = TimeSpan.FromSeconds(5) });
        writer.Append(Some.Record("a"), Durability.Flushed);
        writer.Append(Some.Record("b"), Durability.Flushed);
        _time.Advance(TimeSpan.FromSeconds(5));
        writer.Append(Some.Record("c"), Durability.Flushed);
        Assert.Equal(["20261121_100000_5_UTC-orders.szn", "20261121_100005_5_UTC-orders.szn"], folder.Segments().Select(Path.GetFileName));
        Assert.Equal([0L, 1L, 0L], Some.ReadFolder(folder).Select(r => r.Offset));
    }

    [Fact]
    public void An_idle_segment_is_closed_when_its_time_is_over_and_no_empty_one_follows()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Interval = TimeSpan.FromSeconds(5) });
        writer.Append(Some.Record("a"), Durability.Flushed);
        using var file = SegmentHandle.OpenForReading(folder.Segments().Single());
        writer.RunOnce();
        Assert.Equal(WriterState.Alive, SegmentLock.Probe(file));
        _time.Advance(TimeSpan.FromSeconds(5));
        writer.RunOnce();
        Assert.Equal(WriterState.Gone, SegmentLock.Probe(file));
        Assert.Single(folder.Segments());
    }

    [Fact]
    public void A_full_segment_rolls_within_its_second_to_a_later_name()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { FileSizeLimitBytes = 200 });
        for (var i = 0; i < 5; i++)
        {
            writer.Append(Some.Record(new string((char)('a' + i), 100)), Durability.Flushed);
        }

        Assert.Equal(5, folder.Segments().Length);
        Assert.Equal(["a", "b", "c", "d", "e"], Some.ReadFolder(folder).Select(r => r.Value![..1]));
    }

    [Fact]
    public void A_clock_that_goes_back_never_gives_a_later_segment_an_earlier_name()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time));
        writer.Append(Some.Record("first"), Durability.Flushed);
        _time.SetWallClock(new DateTimeOffset(1999, 1, 1, 0, 0, 0, TimeSpan.Zero));
        writer.Append(Some.Record("second"), Durability.Flushed);
        Assert.Equal(["first", "second"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void Ten_writers_of_one_component_in_one_second_share_no_file()
    {
        using var folder = new TempFolder();
        var writers = Enumerable.Range(0, 10).Select(_ => new LogWriter(Some.Options(folder, _time))).ToList();
        Parallel.ForEach(writers, writer => writer.Append(Some.Record("x"), Durability.Flushed));
        Assert.All(folder.Segments().Select(path => Some.ReadAll(path).Records), records => Assert.Single(records));
        writers.ForEach(w => w.Dispose());
        Assert.Equal(10, Some.ReadFolder(folder).Count);
    }

    [Theory]
    [InlineData(Durability.Buffered, CompressionType.None)]
    [InlineData(Durability.Flushed, CompressionType.None)]
    [InlineData(Durability.Synced, CompressionType.Gzip)]
    public void Many_threads_lose_nothing_and_keep_their_order(Durability durability, CompressionType compression)
    {
        const int Threads = 8;
        var each = durability == Durability.Synced ? 50 : 2000;
        using var folder = new TempFolder();
        using (var writer = new LogWriter(
            new LogWriterOptions { Directory = folder.Path, Component = "orders", Codec = compression, FileSizeLimitBytes = 100_000,
                BatchBytes = 4096 }))
        {
            var threads = Enumerable.Range(0, Threads).Select(t => new Thread(() =>
            {
                for (var i = 0; i < each; i++)
                {
                    writer.Append(Some.Record($"{t}:{i}"), durability);
                }
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            if (durability != Durability.Buffered)
            {
                Assert.Equal(Threads * each, Some.ReadFolder(folder).Count);
            }
        }

        var byThread = Some.ReadFolder(folder).Select(r => r.Value!.Split(':')).GroupBy(p => p[0], p => int.Parse(p[1], null));
        Assert.Equal(Threads, byThread.Count());
        Assert.All(byThread, numbers => Assert.Equal(Enumerable.Range(0, each), numbers));
    }

    [Fact]
    public void A_full_queue_drops_the_record_and_counts_it()
    {
        using var folder = new TempFolder();
        using var writer =
            new LogWriter(Some.Options(folder, _time) with { WhenFull = WhenFull.Drop, BatchBytes = 1024, QueueLimitBytes = 1024 });
        var taken = 0;
        while (writer.Append(Some.Record(new string('x', 100))))
        {
            taken++;
        }

        Assert.Equal(1, writer.DroppedRecords);
        writer.Flush();
        Assert.Equal(taken, Some.ReadFolder(folder).Count);
        Assert.True(writer.Append(Some.Record("room again")));
    }

    [Fact]
    public void A_full_queue_blocks_until_there_is_room()
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(
            new LogWriterOptions { Directory = folder.Path, Component = "orders", BatchBytes = 1024, QueueLimitBytes = 1024,
                Linger = TimeSpan.Zero }))
        {
            for (var i = 0; i < 1000; i++)
            {
                writer.Append(Some.Record(new string('x', 100)));
            }
        }

        Assert.Equal(1000, Some.ReadFolder(folder).Count);
    }

    [Fact]
    public void A_disk_that_refuses_writes_is_reported_and_queued_records_are_written_when_it_recovers()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        using var writer = new LogWriter(Some.Options(folder, _time) with { Directory = directory });
        var error = Assert.Throws<LogWriteException>(() => writer.Append(Some.Record("one"), Durability.Flushed));
        Assert.Contains("orders", error.Message, StringComparison.Ordinal);
        File.Delete(directory);
        writer.Append(Some.Record("two"), Durability.Flushed);
        Assert.Equal(["one", "two"], Directory.GetFiles(directory).SelectMany(p => Some.ReadAll(p).Records).Select(r => r.Value));
    }

    [Fact]
    public void While_the_disk_refuses_a_full_queue_throws_instead_of_blocking_for_ever()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        var reported = new List<LogWriteException>();
        var writer = new LogWriter(
            Some.Options(folder, _time) with { Directory = directory, BatchBytes = 1024, QueueLimitBytes = 1024, OnError = reported.Add });
        writer.Append(Some.Record(new string('x', 900)));
        _time.Advance(TimeSpan.FromSeconds(1));
        writer.RunOnce();
        Assert.Single(reported);
        Assert.Throws<LogWriteException>(() => writer.Append(Some.Record(new string('y', 900))));
        writer.Dispose();
        Assert.Equal(1, writer.DroppedRecords);
        Assert.Contains("1 records of orders are lost", reported[^1].Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_that_is_removed_under_the_writer_is_reported_and_a_new_one_begun()
    {
        using var folder = new TempFolder();
        var reported = new List<LogWriteException>();
        using var writer = new LogWriter(Some.Options(folder, _time) with { OnError = reported.Add });
        writer.Append(Some.Record("one"), Durability.Flushed);
        File.Delete(folder.Segments().Single());
        writer.RunOnce();
        writer.Append(Some.Record("two"), Durability.Flushed);
        Assert.Contains("was removed while it was written to: 1 records", Assert.Single(reported).Message, StringComparison.Ordinal);
        Assert.Equal(["two"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void A_record_over_the_limit_is_refused_and_the_others_are_written()
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { MaxRecordBytes = 1000 });
        Assert.Throws<ArgumentException>(() => writer.Append(Some.Record(new string('x', 1001))));
        writer.Append(Some.Record("small"), Durability.Flushed);
        Assert.Equal(["small"], Some.ReadFolder(folder).Select(r => r.Value));
    }

    [Fact]
    public void All_faults_of_the_options_are_reported_at_once()
    {
        var error = Assert.Throws<ArgumentException>(
            () => new LogWriter(new LogWriterOptions { Directory = "", Component = "a/b", Interval = TimeSpan.FromSeconds(7) }));
        Assert.Contains("Directory is empty", error.Message, StringComparison.Ordinal);
        Assert.Contains("Component is 'a/b'", error.Message, StringComparison.Ordinal);
        Assert.Contains("Interval is 00:00:07", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void While_the_disk_refuses_writes_only_some_appends_try_it()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        using var writer = new LogWriter(Some.Options(folder, _time) with { Directory = directory });
        for (var i = 0; i < 10; i++)
        {
            var error = Assert.Throws<LogWriteException>(() => writer.Append(Some.Record("refused"), Durability.Flushed));
            Assert.Equal(RecordState.Queued, error.Record);
        }

        File.Delete(directory);
        Assert.Throws<LogWriteException>(() => writer.Append(Some.Record("not tried"), Durability.Synced));
        Assert.False(Directory.Exists(directory));
        _time.Advance(TimeSpan.FromSeconds(1));
        writer.Append(Some.Record("written"), Durability.Flushed);
        Assert.Equal(12, Directory.GetFiles(directory).SelectMany(path => Some.ReadAll(path).Records).Count());
    }

    [Fact]
    public void A_flush_tries_at_once_also_while_the_disk_refuses_writes()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        var recovered = new List<long>();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Directory = directory, OnRecovered = recovered.Add });
        for (var i = 0; i < 10; i++)
        {
            Assert.Throws<LogWriteException>(() => writer.Append(Some.Record("refused"), Durability.Flushed));
        }

        File.Delete(directory);
        writer.Flush();
        Assert.Equal(10, writer.WrittenRecords);
        Assert.Empty(recovered);
        writer.RunOnce();
        Assert.Equal([10L], recovered);
        writer.Append(Some.Record("one more"), Durability.Flushed);
        writer.RunOnce();
        Assert.Single(recovered);
    }

    [Fact]
    public void The_error_says_what_became_of_the_record()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        var writer = new LogWriter(Some.Options(folder, _time) with { Directory = directory, BatchBytes = 1024, QueueLimitBytes = 1024 });
        Assert.Equal(RecordState.Queued, StateAfterAppend());
        Assert.Equal(RecordState.NotTaken, StateAfterAppend());
        writer.Dispose();

        RecordState StateAfterAppend() =>
            Assert.Throws<LogWriteException>(() => writer.Append(Some.Record(new string('x', 900)), Durability.Flushed)).Record;
    }

    [Fact]
    public void Nothing_is_written_after_closing()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "in the way");
        var writer = new LogWriter(Some.Options(folder, _time) with { Directory = directory });
        writer.Append(Some.Record("given up"));
        writer.Dispose();
        Assert.Equal(1, writer.DroppedRecords);
        File.Delete(directory);
        Assert.Throws<ObjectDisposedException>(() => writer.Flush());
        Assert.False(Directory.Exists(directory));
    }

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    public void One_huge_record_does_not_keep_its_memory(CompressionType compression)
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Some.Options(folder, _time) with { Codec = compression });
        var huge = Convert.ToHexString(System.Security.Cryptography.RandomNumberGenerator.GetBytes(4 << 20));
        writer.Append(Some.Record(huge), Durability.Flushed);
        writer.Append(Some.Record(huge), Durability.Buffered);
        writer.Append(Some.Record("small"), Durability.Flushed);
        writer.Append(Some.Record("small"), Durability.Flushed);
        Assert.InRange(writer.KeptBytes, 1, 1 << 20);
        Assert.Equal(4, Some.ReadFolder(folder).Count);
    }

    [Theory]
    [InlineData((byte)0)]
    [InlineData((byte)1)]
    [InlineData((byte)2)]
    public void The_largest_accepted_record_can_be_read(byte magic)
    {
        using var folder = new TempFolder();
        var options = Some.Options(folder, _time) with { MaxRecordBytes = 64 << 20, Magic = magic };
        using (var writer = new LogWriter(options))
        {
            Assert.Throws<ArgumentException>(() => writer.Append(new NewRecord(1, new byte[64 << 20])));
            var bytes = (64 << 20) - (int)BatchBuilders.MaxEncodedBytes(new NewRecord(1, []));
            writer.Append(new NewRecord(1, new byte[bytes]), Durability.Flushed);
            Assert.Throws<ArgumentException>(() => writer.Append(new NewRecord(1, new byte[bytes + 1])));
        }

        Assert.NotEmpty(new LogWriterOptions { Directory = "x", Component = "x", MaxRecordBytes = (64 << 20) + 1 }.Validate());
        var (records, damage) = Some.ReadAll(folder.Segments().Single());
        Assert.Empty(damage);
        Assert.Single(records);
    }

    [Fact]
    public void A_record_made_with_properties_has_the_values_that_were_set()
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Some.Options(folder, _time)))
        {
            writer.Append(new NewRecord { Timestamp = 1, Key = "k"u8, Value = "v"u8 });
            writer.Append(new NewRecord { Timestamp = 1, Value = [] });
            writer.Append(new NewRecord { Timestamp = 1, Key = "k"u8 });
            writer.Append(new NewRecord { Timestamp = 1, Key = "k"u8, HasKey = false, Value = "v"u8, HasValue = false });
        }

        Assert.Equal(
            [("k", "v"), (null, ""), ("k", null), (null, null)],
            Some.ReadFolder(folder).Select(record => (record.Key, record.Value)));
    }
}
