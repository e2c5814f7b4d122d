using System.Diagnostics;
using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>What a writer does by itself: with its real thread and the real clock, while nobody calls it.</summary>
[Trait("lane", "slow")]
public sealed class LogWriterThreadTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Theory]
    [InlineData(Durability.Buffered)]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Synced)]
    public void A_removed_segment_is_noticed_and_reported(Durability durability)
    {
        using var folder = new TempFolder();
        var reported = new List<string>();
        using var writer = new LogWriter(Options(folder, reported));
        writer.Append(Some.Record("first"), durability);
        Eventually.Holds(() => folder.Segments().Length == 1);
        File.Delete(folder.Segments().Single());
        Eventually.Holds(() => Reported(reported).Any(message => message.Contains("was removed", StringComparison.Ordinal)));
        writer.Append(Some.Record("second"), durability);
        Eventually.Holds(() => Some.ReadFolder(folder).Any(record => record.Value == "second"));
    }

    [Theory]
    [InlineData(Durability.Buffered)]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Synced)]
    public void An_idle_segment_is_closed_when_its_time_is_over(Durability durability)
    {
        using var folder = new TempFolder();
        using var writer = new LogWriter(Options(folder, []) with { Interval = TimeSpan.FromSeconds(1) });
        writer.Append(Some.Record("only"), durability);
        Eventually.Holds(() => folder.Segments().Length == 1 && StateOf(folder.Segments().Single()) == WriterState.Gone);
        Assert.Equal(["only"], Some.ReadFolder(folder).Select(record => record.Value));
    }

    [Theory]
    [InlineData(Durability.Buffered)]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Synced)]
    public void A_record_that_the_disk_refused_is_written_when_the_disk_takes_it_again(Durability durability)
    {
        using var folder = new TempFolder();
        var reported = new List<string>();
        var options = Options(folder, reported) with { Directory = folder.File("logs") };
        File.WriteAllText(options.Directory, "in the way of the directory");
        using var writer = new LogWriter(options);
        if (durability == Durability.Buffered)
        {
            writer.Append(Some.Record("refused"), durability);
            Eventually.Holds(() => Reported(reported).Count > 0);
        }
        else
        {
            Assert.Throws<LogWriteException>(() => writer.Append(Some.Record("refused"), durability));
        }

        File.Delete(options.Directory);
        Eventually.Holds(() => writer.WrittenRecords == 1);
        Assert.Equal(["refused"], Some.ReadAll(Directory.GetFiles(options.Directory).Single()).Records.Select(record => record.Value));
    }

    [Fact]
    public void Records_in_a_removed_file_are_never_reported_synced()
    {
        using var folder = new TempFolder();
        var reported = new List<string>();
        using var writer = new LogWriter(Options(folder, reported));
        for (var i = 0; i < 50; i++)
        {
            writer.Append(Some.Record($"{i}"), Durability.Synced);
            Assert.Contains(Some.ReadFolder(folder), record => record.Value == $"{i}");
            File.Delete(folder.Segments().Single(path => Some.ReadAll(path).Records.Any(record => record.Value == $"{i}")));
        }

        Eventually.Holds(() => Reported(reported).Count == 50); // each of those that were removed
    }

    [Theory]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Synced)]
    public void A_truncated_segment_is_left_and_reported(Durability durability)
    {
        using var folder = new TempFolder();
        var reported = new List<string>();
        using var writer = new LogWriter(Options(folder, reported));
        writer.Append(Some.Record("first"), durability);
        var path = folder.Segments().Single();
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(0);
        }

        Eventually.Holds(() => Reported(reported).Any(message => message.Contains("was cut to 0 bytes", StringComparison.Ordinal)));
        writer.Append(Some.Record("second"), durability);
        Assert.Equal(["second"], Some.ReadFolder(folder).Select(record => record.Value));
        Assert.Equal(0, new FileInfo(path).Length);
    }

    [Fact]
    public void A_segment_that_was_replaced_by_another_file_is_left()
    {
        using var folder = new TempFolder();
        var reported = new List<string>();
        using var writer = new LogWriter(Options(folder, reported));
        writer.Append(Some.Record("first"), Durability.Flushed);
        var path = folder.Segments().Single();
        File.WriteAllText(folder.File("other"), "something else");
        File.Move(folder.File("other"), path, overwrite: true);
        Eventually.Holds(() => Reported(reported).Any(message => message.Contains("was replaced", StringComparison.Ordinal)));
        writer.Append(Some.Record("second"), Durability.Flushed);
        Assert.Equal("something else", File.ReadAllText(path));
        Assert.Equal(2, folder.Segments().Length);
    }

    [Fact]
    public void A_reader_never_sees_damage_in_a_mapped_segment_that_is_being_written()
    {
        using var folder = new TempFolder();
        var oneSegment = Options(folder, []) with { Mapped = true, FileSizeLimitBytes = 1L << 40 }; // a fast machine writes 1 GiB meanwhile
        var writer = new LogWriter(oneSegment);
        writer.Append(Some.Record("first"), Durability.Flushed);
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        var written = 1;
        var thread = new Thread(() =>
        {
            for (; !ended.IsCancellationRequested; written++)
            {
                writer.Append(Some.Record(new string('x', 20 + (written % 2000))), Durability.Flushed);
            }

            writer.Dispose();
        });
        thread.Start();
        using var reader = SegmentReader.Open(folder.Segments().Single());
        var read = 0;
        while (!ended.IsCancellationRequested || reader.NextOffset < Volatile.Read(ref written))
        {
            var status = reader.TryRead();
            Assert.True(status != SegmentReadStatus.Corrupt, $"{reader.Damage} after {read} batches");
            read += status == SegmentReadStatus.Batch ? 1 : 0;
            if (ended.IsCancellationRequested)
            {
                thread.Join();
            }
        }

        Assert.Equal(written, read);
    }

    [Fact]
    public void A_full_queue_does_not_wait_out_the_linger()
    {
        using var folder = new TempFolder();
        var options = Options(folder, []) with { BatchBytes = 4096, QueueLimitBytes = 4096, Linger = TimeSpan.FromMinutes(1) };
        using var writer = new LogWriter(options);
        var waited = Stopwatch.StartNew();
        for (var i = 0; i < 20; i++)
        {
            writer.Append(Some.Record(new string('x', 3000)));
        }

        Assert.InRange(waited.Elapsed, TimeSpan.Zero, Deadline);
    }

    /// <summary>It runs on the writer's thread: what it throws would end the process.</summary>
    [Fact]
    public void A_handler_that_throws_or_logs_does_no_harm()
    {
        using var folder = new TempFolder();
        var options = Options(folder, []) with { Directory = folder.File("logs"), BatchBytes = 1024, QueueLimitBytes = 1024 };
        File.WriteAllText(options.Directory, "in the way of the directory");
        LogWriter? writer = null;
        var calls = 0;
        options = options with
        {
            OnError = _ =>
            {
                Interlocked.Increment(ref calls);
                writer!.Append(Some.Record(new string('x', 700))); // the queue is full soon: it must not wait for itself
                throw new InvalidOperationException("a faulty handler");
            },
        };
        writer = new LogWriter(options);
        writer.Append(Some.Record("first"));
        Eventually.Holds(() => Volatile.Read(ref calls) >= 3);
        File.Delete(options.Directory);
        Eventually.Holds(() => writer.WrittenRecords >= 1);
        writer.Dispose();
    }

    private static LogWriterOptions Options(TempFolder folder, List<string> reported) => new()
    {
        Directory = folder.Path,
        Component = "orders",
        Interval = TimeSpan.FromDays(1),
        OnError = e =>
        {
            lock (reported)
            {
                reported.Add(e.Message);
            }
        },
    };

    private static List<string> Reported(List<string> reported)
    {
        lock (reported)
        {
            return [.. reported];
        }
    }

    private static WriterState StateOf(string path)
    {
        using var file = SegmentHandle.OpenForReading(path);
        return SegmentLock.Probe(file);
    }
}
