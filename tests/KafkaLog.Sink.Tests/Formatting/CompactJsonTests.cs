using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using KafkaLog.Sink.Formatting;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Serilog.Parsing;
using Xunit;

namespace KafkaLog.Sink.Tests.Formatting;

public class CompactJsonTests
{
    private static readonly DateTimeOffset Time = new DateTimeOffset(2016, 6, 7, 5, 44, 57, TimeSpan.FromHours(2)).AddTicks(8532799);

    [Fact]
    public void An_event_has_its_time_in_UTC_its_template_and_its_properties() => Assert.Equal(
        """{"@t":"2016-06-07T03:44:57.8532799Z","@mt":"Hello, {User}","User":"nina"}""",
        Render(l => l.Information("Hello, {User}", "nina")));

    [Fact]
    public void The_level_is_rendered_unless_it_is_Information()
    {
        Assert.DoesNotContain("@l", Render(l => l.Information("x")));
        Assert.Contains("\"@l\":\"Warning\"", Render(l => l.Warning("x")));
        Assert.Contains("\"@l\":\"Verbose\"", Render(l => l.Verbose("x")));
    }

    [Fact]
    public void Tokens_with_a_format_are_rendered_in_their_order() => Assert.Equal(
        """{"@t":"2016-06-07T03:44:57.8532799Z","@mt":"{A} costs {B:0.00} or {C:l} {D:000}","@r":["3.20","text","007"],"A":1,"""
            + "\"B\":3.2,\"C\":\"text\",\"D\":7}",
        Render(l => l.Information("{A} costs {B:0.00} or {C:l} {D:000}", 1, 3.2, "text", 7)));

    [Fact]
    public void An_exception_is_rendered_with_its_type_and_message() => Assert.Equal(
        "System.InvalidOperationException: broken \"so\"",
        Parse(Render(l => l.Error(new InvalidOperationException("broken \"so\""), "x"))).GetProperty("@x").GetString());

    [Fact]
    public void Trace_and_span_are_rendered_inside_an_activity()
    {
        using var activity = new Activity("test").SetIdFormat(ActivityIdFormat.W3C).Start();

        var json = Parse(Render(l => l.Information("x")));

        Assert.Equal(activity.TraceId.ToHexString(), json.GetProperty("@tr").GetString());
        Assert.Equal(activity.SpanId.ToHexString(), json.GetProperty("@sp").GetString());
    }

    [Theory]
    [InlineData("@t", "@@t")]
    [InlineData("@", "@@")]
    [InlineData("@@x", "@@@x")]
    [InlineData("a@b", "a@b")]
    public void A_property_that_begins_with_an_at_sign_has_it_doubled(string name, string written) =>
        Assert.Equal(1, Parse(Render(l => l.ForContext(name, 1).Information("x"))).GetProperty(written).GetInt32());

    public static TheoryData<object?, string> Scalars => new()
    {
        { null, "null" },
        { true, "true" },
        { (byte)255, "255" },
        { (sbyte)-128, "-128" },
        { (short)-1, "-1" },
        { ushort.MaxValue, "65535" },
        { int.MinValue, "-2147483648" },
        { uint.MaxValue, "4294967295" },
        { long.MinValue, "-9223372036854775808" },
        { ulong.MaxValue, "18446744073709551615" },
        { 1.5f, "1.5" },
        { 0.1, "0.1" },
        { 79228162514264337593543950335m, "79228162514264337593543950335" },
        { double.NaN, "\"NaN\"" },
        { double.PositiveInfinity, "\"Infinity\"" },
        { float.NegativeInfinity, "\"-Infinity\"" },
        { 'c', "\"c\"" },
        { "a\"b\\c\n\u0001", """
            "a\"b\\c\n\u0001"
            """ },
        { "žluť <b>+'&", "\"žluť <b>+'&\"" },
        { new DateTime(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc), "\"2020-01-02T03:04:05.0000000Z\"" },
        { new DateTimeOffset(2020, 1, 2, 3, 4, 5, TimeSpan.FromHours(1)), "\"2020-01-02T03:04:05.0000000+01:00\"" },
        { new DateOnly(2020, 1, 2), "\"2020-01-02\"" },
        { new TimeOnly(3, 4, 5), "\"03:04:05.0000000\"" },
        { TimeSpan.FromMinutes(90), "\"01:30:00\"" },
        { Guid.Empty, "\"00000000-0000-0000-0000-000000000000\"" },
        { DayOfWeek.Friday, "\"Friday\"" },
        { new Uri("http://example.org/a?b"), "\"http://example.org/a?b\"" },
    };

    [Theory]
    [MemberData(nameof(Scalars), DisableDiscoveryEnumeration = true)]
    public void A_scalar_is_rendered_as_a_JSON_scalar_if_JSON_has_it(object? value, string written) =>
        Assert.Equal(written, Property(new ScalarValue(value)));

    [Fact]
    public void Structures_sequences_and_dictionaries_nest()
    {
        var value = new StructureValue(
            [
                new LogEventProperty("Items", new SequenceValue([new ScalarValue(1), new ScalarValue("b"), new SequenceValue([])])),
                new LogEventProperty("Map", new DictionaryValue(
                [
                    new(new ScalarValue("k"), new ScalarValue(null)),
                    new(new ScalarValue(2.5), new ScalarValue(true)),
                    new(new ScalarValue(null), new ScalarValue(1)),
                ])),
            ],
            "Order");

        Assert.Equal("""{"Items":[1,"b",[]],"Map":{"k":null,"2.5":true,"null":1},"$type":"Order"}""", Property(value));
    }

    [Fact]
    public void A_destructured_object_is_rendered_as_a_structure() => Assert.Equal(
        """{"Id":7,"Tags":["a","b"]}""",
        Parse(Render(l => l.Information("{@Order}", new { Id = 7, Tags = new[] { "a", "b" } }))).GetProperty("Order").GetRawText());

    [Fact]
    public void A_value_nested_without_end_is_cut()
    {
        LogEventPropertyValue value = new ScalarValue(1);
        for (var i = 0; i < 5_000; i++)
        {
            value = i % 2 == 0 ? new SequenceValue([value]) : new StructureValue([new LogEventProperty("a", value)]);
        }

        var written = Property(value);

        Assert.Contains("(nested too deep)", written);
        JsonDocument.Parse(written, new JsonDocumentOptions { MaxDepth = 100 });
    }

    [Theory]
    [InlineData("\ud800")]
    [InlineData("a\udc00b")]
    [InlineData("\udc00\ud800")]
    public void A_lone_surrogate_is_replaced(string text)
    {
        var written = Property(new ScalarValue(text));

        Assert.Contains("\ufffd", Parse(written).GetString());
    }

    [Fact]
    public void A_huge_text_is_written_whole()
    {
        string text = new('ž', 3_000_000);

        Assert.Equal(text, Parse(Property(new ScalarValue(text))).GetString());
    }

    [Fact]
    public void A_value_whose_own_code_throws_does_not_cost_the_event()
    {
        // Serilog itself turns most objects into text at once; a sink before ours, or an enricher, need not.
        var bad = new ScalarValue(new Throwing());
        var json = Render(
            new LogEvent(Time, LogEventLevel.Information, new ThrowingException(), new MessageTemplateParser().Parse("{Bad} {Worse:x}"),
            [new LogEventProperty("Bad", bad), new LogEventProperty("Worse", bad), new LogEventProperty("Good", new ScalarValue(1))]));

        Assert.Equal("(Throwing could not be rendered: NotSupportedException)", Parse(json).GetProperty("Bad").GetString());
        Assert.Equal("(ThrowingException could not be rendered: NotSupportedException)", Parse(json).GetProperty("@x").GetString());
        Assert.Equal("(Worse could not be rendered: NotSupportedException)", Parse(json).GetProperty("@r")[0].GetString());
        Assert.Equal(1, Parse(json).GetProperty("Good").GetInt32());
    }

    [Fact]
    public void Any_text_anywhere_gives_valid_JSON_with_that_text()
    {
        var parser = new MessageTemplateParser();
        Prop.ForAll<string?, string?, double>((template, text, number) =>
        {
            var logEvent = new LogEvent(Time, LogEventLevel.Information, null, parser.Parse(template ?? ""),
            [
                new LogEventProperty("p" + template, new ScalarValue(text)),
                new LogEventProperty("n", new ScalarValue(number)),
            ]);
            var json = Parse(Render(logEvent));
            Assert.Equal(Valid(text), json.GetProperty(Valid("p" + template)!).GetString());
            Assert.Equal(Valid(template ?? ""), json.GetProperty("@mt").GetString());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000));

        static string? Valid(string? text) => text is null ? null : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
    }

    [Fact]
    public void Rendering_allocates_nothing_for_plain_values()
    {
        var logEvent = Capture(
            l => l.Information("Order {OrderId} of {Customer} paid {Amount} on {Day}", 4711L, "nina", 12.5m, new DateTime(2020, 1, 2)));
        Run(100);
        var before = GC.GetAllocatedBytesForCurrentThread();

        Run(1_000);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000);

        void Run(int times)
        {
            for (var i = 0; i < times; i++)
            {
                var buffer = EventBuffer.Rent();
                CompactJson.Render(logEvent, buffer);
                EventBuffer.Return(buffer);
            }
        }
    }

    private static string Property(LogEventPropertyValue value)
    {
        var logEvent =
            new LogEvent(Time, LogEventLevel.Information, null, new MessageTemplateParser().Parse("x"), [new LogEventProperty("P", value)]);
        const string before = """{"@t":"2016-06-07T03:44:57.8532799Z","@mt":"x","P":""";
        var json = Render(logEvent);
        Assert.StartsWith(before, json);
        return json[before.Length..^1];
    }

    private static string Render(Action<ILogger> log) => Render(Capture(log));

    private static string Render(LogEvent logEvent)
    {
        var buffer = EventBuffer.Rent();
        CompactJson.Render(logEvent, buffer);
        var json = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(buffer.Value.WrittenSpan);
        EventBuffer.Return(buffer);
        return json;
    }

    private static LogEvent Capture(Action<ILogger> log)
    {
        var sink = new CapturingSink();
        using var logger = new LoggerConfiguration().MinimumLevel.Verbose().WriteTo.Sink(sink).CreateLogger();
        log(logger);
        var e = sink.Last!;
        return new LogEvent(
            Time,
            e.Level,
            e.Exception,
            e.MessageTemplate,
            e.Properties.Select(p => new LogEventProperty(p.Key, p.Value)),
            e.TraceId ?? default,
            e.SpanId ?? default);
    }

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private sealed class CapturingSink : ILogEventSink
    {
        public LogEvent? Last { get; private set; }

        public void Emit(LogEvent logEvent) => Last = logEvent;
    }

    private sealed class Throwing : IFormattable
    {
        public override string ToString() => throw new NotSupportedException();

        public string ToString(string? format, IFormatProvider? formatProvider) => throw new NotSupportedException();
    }

    private sealed class ThrowingException : Exception
    {
        public override string ToString() => throw new NotSupportedException();
    }
}
