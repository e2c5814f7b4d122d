using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Sink.Tests.Support;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;
using Serilog.Formatting;
using Serilog;
using Xunit;

namespace KafkaLog.Sink.Tests;

[Collection(nameof(SelfLogLines))]
public class KafkaLogSinkTests
{
    [Fact]
    public void An_event_is_a_record_with_its_time_and_its_key()
    {
        using var folder = new TempFolder();
        var before = DateTimeOffset.UtcNow;
        using (var logger = new LoggerConfiguration().WriteTo.KafkaLog(folder.Path, "orders", keyProperty: "Customer").CreateLogger())
        {
            logger.Information("Order {OrderId} of {Customer}", 7, "nina");
            logger.Information("nobody's");
        }

        var records = Written.In(folder.Path, "orders");

        Assert.Equal(["nina", null], records.Select(record => record.Key));
        Assert.Equal(7, records[0].Json.GetProperty("OrderId").GetInt32());
        Assert.InRange(records[0].Timestamp, before.ToUnixTimeMilliseconds(), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Assert.Equal(records[0].Timestamp, records[0].Json.GetProperty("@t").GetDateTimeOffset().ToUnixTimeMilliseconds());
    }

    [Fact]
    public void A_flushed_event_is_in_the_file_when_the_call_returns()
    {
        using var folder = new TempFolder();
        using var logger = new LoggerConfiguration().WriteTo.KafkaLog(folder.Path, "orders").CreateLogger();

        logger.Information("one");
        Assert.Single(Written.In(folder.Path, "orders"));
        logger.Information("two");
        Assert.Equal(2, Written.In(folder.Path, "orders").Count);
    }

    [Fact]
    public void Dispose_writes_what_is_buffered()
    {
        using var folder = new TempFolder();
        using (var logger = new LoggerConfiguration()
            .WriteTo.KafkaLog(folder.Path, "orders", durability: Durability.Buffered, lingerMilliseconds: 60_000)
            .CreateLogger())
        {
            for (var i = 0; i < 1_000; i++)
            {
                logger.Information("Order {OrderId}", i);
            }
        }

        Assert.Equal(
            Enumerable.Range(0, 1_000), Written.In(folder.Path, "orders").Select(record => record.Json.GetProperty("OrderId").GetInt32()));
    }

    [Fact]
    public void Segments_roll_by_size_and_are_compressed_when_asked()
    {
        using var folder = new TempFolder();
        using (var logger = new LoggerConfiguration()
            .WriteTo.KafkaLog(folder.Path, "orders", fileSizeLimitBytes: 1_000, codec: CompressionType.Gzip)
            .CreateLogger())
        {
            for (var i = 0; i < 30; i++)
            {
                logger.Information("Order {OrderId} {Padding}", i, new string('p', 100));
            }
        }

        Assert.InRange(Written.Segments(folder.Path, "orders").Count, 3, 30);
        Assert.Equal(
            Enumerable.Range(0, 30), Written.In(folder.Path, "orders").Select(record => record.Json.GetProperty("OrderId").GetInt32()));
    }

    [Theory]
    [InlineData(Durability.Buffered)]
    [InlineData(Durability.Flushed)]
    public async Task Eight_threads_lose_nothing_and_each_keeps_its_order(Durability durability)
    {
        const int threads = 8;
        const int eventsPerThread = 2_000;
        using var folder = new TempFolder();
        using (var sink = new KafkaLogSink(
            new KafkaLogSinkOptions { Directory = folder.Path, Component = "orders", Durability = durability, BatchBytes = 4096,
                QueueLimitBytes = 64 << 10 }))
        using (var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger())
        {
            Task[] tasks = [.. Enumerable.Range(0, threads).Select(thread => Task.Factory.StartNew(
                () =>
                {
                    for (var i = 0; i < eventsPerThread; i++)
                    {
                        logger.Information("{Thread} {Number}", thread, i);
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default))];
            await Task.WhenAll(tasks);
            sink.Dispose();
            Assert.Equal(threads * eventsPerThread, sink.EmittedEvents);
            Assert.Equal(threads * eventsPerThread, sink.WrittenEvents);
            Assert.Equal(0, sink.LostEvents);
        }

        var numbers = Written.In(folder.Path, "orders").ToLookup(
            record => record.Json.GetProperty("Thread").GetInt32(),
            record => record.Json.GetProperty("Number").GetInt32());
        Assert.All(Enumerable.Range(0, threads), thread => Assert.Equal(Enumerable.Range(0, eventsPerThread), numbers[thread]));
    }

    [Fact]
    public void The_trailing_newline_of_another_formatter_is_removed()
    {
        using var folder = new TempFolder();
        using (var logger = new LoggerConfiguration()
            .WriteTo.KafkaLog(folder.Path, "orders", formatter: new MessageTemplateTextFormatter("{Level:u3} {Message:lj}{NewLine}"))
            .CreateLogger())
        {
            logger.Warning("žluť {A}\n", 1);
            logger.Information("{Long}", new string('x', 100_000));
        }

        var records = Written.In(folder.Path, "orders");
        Assert.Equal("WRN žluť 1\n", records[0].Value);
        Assert.Equal("INF " + new string('x', 100_000), records[1].Value);
    }

    [Fact]
    public void An_event_logged_while_another_is_rendered_spoils_neither()
    {
        using var folder = new TempFolder();
        using (var logger = new LoggerConfiguration().WriteTo.KafkaLog(folder.Path, "orders", formatter: null).CreateLogger())
        {
            // A stringified value is rendered by the caller; one captured as it is, by the sink.
            logger.Write(
                new LogEvent(
                    DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new Serilog.Parsing.MessageTemplateParser().Parse(
                        "outer {P}"),
                [new LogEventProperty("P", new ScalarValue(new LogsItself(logger)))]));
        }

        var records = Written.In(folder.Path, "orders");
        Assert.Equal(["inner", "outer {P}"], records.Select(record => record.Json.GetProperty("@mt").GetString()));
        Assert.Equal("rendered", records[1].Json.GetProperty("P").GetString());
    }

    [Fact]
    public void A_throwing_formatter_costs_the_event_and_is_reported_once_in_ten_seconds()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var time = new ManualTime();
        using var sink = new KafkaLogSink(
            new KafkaLogSinkOptions { Directory = folder.Path, Component = "orders", Formatter = new ThrowingFormatter(),
                TimeProvider = time });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();

        for (var i = 0; i < 5; i++)
        {
            logger.Information("x");
        }

        Assert.EndsWith("an event is lost: no format today", Assert.Single(selfLog.All));
        time.Advance(FailureReport.Pause);
        logger.Information("x");
        Assert.EndsWith("an event is lost: no format today (5 failures since the last such line)", selfLog.All[1]);
        sink.Dispose();

        Assert.EndsWith("closed with 6 of 6 events lost.", Assert.Single(selfLog.All[2..]));
        Assert.Equal(6, sink.LostEvents);
    }

    [Fact]
    public void An_event_after_dispose_is_counted_and_does_not_throw()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var sink = new KafkaLogSink(new KafkaLogSinkOptions { Directory = folder.Path, Component = "orders" });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
        sink.Dispose();
        sink.Dispose();

        logger.Information("too late");

        Assert.Equal(1, sink.LostEvents);
        Assert.Single(selfLog.All);
    }

    [Fact]
    public void Events_wait_until_the_directory_can_be_created()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "a file stands in the way");
        using var sink = new KafkaLogSink(new KafkaLogSinkOptions { Directory = directory, Component = "orders" });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();

        logger.Information("{N}", 1);
        logger.Information("{N}", 2);
        Assert.NotEmpty(selfLog.All);
        Assert.Equal(0, sink.WrittenEvents);
        File.Delete(directory);
        logger.Information("{N}", 3);

        Assert.Equal([1, 2, 3], Written.In(directory, "orders").Select(record => record.Json.GetProperty("N").GetInt32()));
        Assert.Equal(0, sink.LostEvents);
    }

    [Fact]
    public void While_the_disk_refuses_writes_a_full_queue_loses_events_and_counts_each()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "a file stands in the way");
        using var sink = new KafkaLogSink(
            new KafkaLogSinkOptions { Directory = directory, Component = "orders", BatchBytes = 1024, QueueLimitBytes = 2048 });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();

        for (var i = 0; i < 100; i++)
        {
            logger.Information("{N}", i);
        }

        var lost = sink.LostEvents;
        Assert.InRange(lost, 1, 99);
        File.Delete(directory);
        sink.Dispose();

        Assert.Equal(lost, sink.LostEvents);
        Assert.Equal(100 - lost, Written.In(directory, "orders").Count);
        Assert.EndsWith($"closed with {lost} of 100 events lost.", selfLog.All[^1]);
    }

    [Fact]
    public void When_the_directory_vanishes_writing_continues_in_a_new_one()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        using var sink = new KafkaLogSink(new KafkaLogSinkOptions { Directory = directory, Component = "orders", FileSizeLimitBytes = 1 });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
        logger.Information("{N}", 1);

        Directory.Delete(directory, recursive: true);
        logger.Information("{N}", 2);

        Assert.Equal(2, Assert.Single(Written.In(directory, "orders")).Json.GetProperty("N").GetInt32());
    }

    [Fact]
    public void An_audited_event_is_on_the_disk_or_the_call_throws()
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        using var logger = new LoggerConfiguration().AuditTo.KafkaLog(directory, "audit", keyTemplate: "k-{N}").CreateLogger();

        logger.Information("{N}", 1);
        var record = Assert.Single(Written.In(directory, "audit"));
        Assert.Equal("k-1", record.Key);
    }

    [Fact]
    public void An_audit_that_cannot_be_written_throws_into_the_application()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "a file stands in the way");
        using var logger = new LoggerConfiguration().AuditTo.KafkaLog(directory, "audit").CreateLogger();

        var thrown = Assert.Throws<AggregateException>(() => logger.Information("{N}", 1));

        Assert.IsType<LogWriteException>(thrown.InnerException);
        File.Delete(directory);
    }

    [Fact]
    public void Events_that_wait_for_the_disk_are_not_reported_lost_and_the_recovery_is_reported()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "a file stands in the way");
        using var sink = new KafkaLogSink(new KafkaLogSinkOptions { Directory = directory, Component = "orders" });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
        for (var i = 0; i < 10; i++)
        {
            logger.Information("{N}", i);
        }

        Assert.Contains("an event waits in memory until the disk accepts writes: ", selfLog.All[0]);
        Assert.Equal(0, sink.LostEvents);

        File.Delete(directory);
        bool IsReported() => selfLog.All.Any(line => line.Contains("the 10 events that waited are written"));
        Eventually.Holds(IsReported);
        Assert.Equal(10, Written.In(directory, "orders").Count);
        Assert.Equal(10, sink.WrittenEvents);
    }

    /// <summary>With the real thread: what a handler throws there would end the process.</summary>
    [Theory]
    [InlineData(Durability.Buffered)]
    [InlineData(Durability.Flushed)]
    [InlineData(Durability.Synced)]
    public void A_SelfLog_handler_may_throw_and_may_log_to_the_failing_sink(Durability durability)
    {
        using var folder = new TempFolder();
        var directory = folder.File("logs");
        File.WriteAllText(directory, "a file stands in the way");
        using var sink = new KafkaLogSink(
            new KafkaLogSinkOptions { Directory = directory, Component = "orders", Durability = durability, Linger = TimeSpan.Zero });
        using var logger = new LoggerConfiguration().WriteTo.Sink(sink).CreateLogger();
        var calls = 0;
        Serilog.Debugging.SelfLog.Enable(_ =>
        {
            Interlocked.Increment(ref calls);
            logger.Information("the log has a fault");
            throw new InvalidOperationException("a faulty handler");
        });
        try
        {
            logger.Information("{N}", 1);
            Eventually.Holds(() => Volatile.Read(ref calls) > 0);
            File.Delete(directory);
            Eventually.Holds(() => sink.WrittenEvents >= 2);
        }
        finally
        {
            Serilog.Debugging.SelfLog.Disable();
        }
    }

    [Fact]
    public void An_event_whose_key_cannot_be_rendered_is_written_without_one()
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        using (var logger = new LoggerConfiguration().WriteTo.KafkaLog(folder.Path, "orders", keyTemplate: "{Order:x}").CreateLogger())
        {
            logger.Write(new LogEvent(
                DateTimeOffset.UtcNow,
                LogEventLevel.Information,
                null,
                MessageTemplate.Empty,
                [new LogEventProperty("Order", new ScalarValue(new Unformattable())), new LogEventProperty("N", new ScalarValue(1))]));
        }

        var record = Assert.Single(Written.In(folder.Path, "orders"));
        Assert.Null(record.Key);
        Assert.Equal(1, record.Json.GetProperty("N").GetInt32());
        Assert.EndsWith(
            "the key of an event could not be rendered, so it is written without one: no format today", Assert.Single(selfLog.All));
    }

    [Theory]
    [InlineData(Durability.Flushed, CompressionType.Gzip, true)]
    [InlineData(Durability.Synced, CompressionType.Gzip, true)]
    [InlineData(Durability.Buffered, CompressionType.Gzip, false)]
    [InlineData(Durability.Flushed, CompressionType.None, false)]
    public void A_codec_that_saves_nothing_gives_a_warning(Durability durability, CompressionType codec, bool isWarned)
    {
        using var folder = new TempFolder();
        using var selfLog = new SelfLogLines();
        var options = new KafkaLogSinkOptions { Directory = folder.Path, Component = "orders", Codec = codec, Durability = durability };
        using (new KafkaLogSink(options))
        {
            var warning = $"codec {codec} saves next to nothing with durability {durability}";
            Assert.Equal(isWarned ? 1 : 0, selfLog.All.Count(line => line.Contains(warning)));
        }
    }

    [Fact]
    public void A_record_has_the_timestamp_of_its_event_also_before_1970()
    {
        using var folder = new TempFolder();
        using (var logger = new LoggerConfiguration().WriteTo.KafkaLog(folder.Path, "old").CreateLogger())
        {
            logger.Write(
                new LogEvent(DateTimeOffset.UnixEpoch.AddMilliseconds(-5), LogEventLevel.Information, null, MessageTemplate.Empty, []));
        }

        Assert.Equal(-5, Assert.Single(Written.In(folder.Path, "old")).Timestamp);
    }

    private sealed class ThrowingFormatter : ITextFormatter
    {
        public void Format(LogEvent logEvent, TextWriter output)
        {
            output.Write("half an event");
            throw new InvalidOperationException("no format today");
        }
    }

    private sealed class Unformattable : IFormattable
    {
        public string ToString(string? format, IFormatProvider? formatProvider) => throw new InvalidOperationException("no format today");
    }

    private sealed class LogsItself(ILogger logger)
    {
        public override string ToString()
        {
            logger.Information("inner");
            return "rendered";
        }
    }
}
