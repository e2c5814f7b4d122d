using System.Globalization;
using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Serilog;
using Serilog.Events;
using Serilog.Formatting.Display;
using Serilog.Parsing;

namespace KafkaFeeder.EndToEnd.Tests.IndependentReaders;

/// <summary>A segment that our code wrote, and what it was given to write.</summary>
internal sealed record SampleSegment(string Path, IReadOnlyList<ReadRecord> Records)
{
    private const long Start = 1_767_225_600_000; // 2026-01-01

    /// <summary>Every kind of record that the magic allows, in batches of one record and of many.</summary>
    public static SampleSegment ByWriter(CompressionType codec, byte magic = 2)
    {
        var directory = TestRun.NewFolder("independent");
        var records = new List<ReadRecord>();
        using (var writer = new LogWriter(
            new LogWriterOptions { Directory = directory, Component = "c", Codec = codec, Magic = magic,
                Interval = TimeSpan.FromDays(1) }))
        {
            RecordHeader[] headers =
                [new("a", "1"), new("a", "2"), new("nothing", null), new("empty", ""), new("žluťoučký-", "kůň 🐎"), new("", "x")];
            Append(new NewRecord(Start, "one record, one batch"u8), Durability.Flushed);
            Append(new NewRecord(Start + 5, "key"u8, "keyed"u8), Durability.Flushed);
            Append(new NewRecord(Start - 5_000, ""u8, "an empty key, and back in time"u8), Durability.Buffered);
            Append(new NewRecord(Start - 9_000, "tombstone"u8, default) { HasValue = false }, Durability.Buffered);
            Append(new NewRecord { Timestamp = Start - 9_001 }, Durability.Buffered); // neither key nor value
            Append(new NewRecord(Start, "empty"u8, ""u8), Durability.Buffered);
            Append(new NewRecord(Start + 1, "with headers"u8) { Headers = headers }, Durability.Buffered);
            Append(new NewRecord(Start + 1, "klíč"u8, "příliš žluťoučký kůň 🐎"u8) { Headers = headers }, Durability.Buffered);
            Append(new NewRecord(Start + 2, [0xff, 0x00, 0xfe, 0x80]), Durability.Flushed);
            for (var n = 0; n < 20_000; n++)
            {
                var text = string.Create(CultureInfo.InvariantCulture, $"number {n} {new string((char)('a' + (n % 26)), n % 100)}");
                Append(
                    new NewRecord(Start + (n % 7 * 1000), Encoding.UTF8.GetBytes($"k{n % 10}"), Encoding.UTF8.GetBytes(text)),
                    Durability.Buffered);
            }

            Append(new NewRecord(Start + 3, Noise(900_000)), Durability.Buffered);
            Append(new NewRecord(0, "at the beginning of time"u8), Durability.Flushed);

            void Append(in NewRecord record, Durability durability)
            {
                if (magic == 2 || record.Headers.IsEmpty)
                {
                    records.Add(ReadRecord.Of(records.Count, magic == 0 ? record with { Timestamp = -1 } : record));
                    writer.Append(record, durability);
                }
            }
        }

        return new SampleSegment(Directory.GetFiles(directory).Single(), records);
    }

    /// <summary>An application's events, through Serilog.</summary>
    public static SampleSegment BySink(CompressionType codec)
    {
        var directory = TestRun.NewFolder("independent-sink");
        var records = new List<ReadRecord>();
        var template = new MessageTemplateParser().Parse("Order {Number} of {Customer}");
        using (var logger = new LoggerConfiguration()
            .WriteTo.KafkaLog(
                directory,
                "c",
                intervalSeconds: 86400,
                codec: codec,
                keyProperty: "Customer",
                durability: Durability.Buffered,
                formatter: new MessageTemplateTextFormatter("{Message:lj}{NewLine}", CultureInfo.InvariantCulture))
            .CreateLogger())
        {
            for (var n = 0; n < 3000; n++)
            {
                var time = DateTimeOffset.FromUnixTimeMilliseconds(Start + (n * 37 % 5000));
                var customer = n % 3 == 0 ? null : "Žofie " + (n % 5);
                List<LogEventProperty> properties = [new("Number", new ScalarValue(n))];
                if (customer is not null)
                {
                    properties.Add(new LogEventProperty("Customer", new ScalarValue(customer)));
                }

                logger.Write(new LogEvent(time, LogEventLevel.Information, null, template, properties));
                var value = Encoding.UTF8.GetBytes($"Order {n} of {customer ?? "{Customer}"}");
                var record = customer is null
                    ? new NewRecord(time.ToUnixTimeMilliseconds(), value)
                    : new NewRecord(time.ToUnixTimeMilliseconds(), Encoding.UTF8.GetBytes(customer), value);
                records.Add(ReadRecord.Of(n, record));
            }
        }

        return new SampleSegment(Directory.GetFiles(directory).Single(), records);
    }

    /// <summary>Letters that do not compress to almost nothing; the same at each run.</summary>
    private static byte[] Noise(int bytes)
    {
        var random = new Random(4711);
        var noise = new byte[bytes];
        for (var i = 0; i < bytes; i++)
        {
            noise[i] = (byte)('A' + random.Next(26));
        }

        return noise;
    }
}
