using System.Text;
using KafkaLog.Sink.Keys;
using Serilog.Events;
using Serilog.Parsing;
using Xunit;

namespace KafkaLog.Sink.Tests.Keys;

public class RecordKeyTests
{
    private static readonly LogEvent Event =
        new(DateTimeOffset.UnixEpoch, LogEventLevel.Information, null, new MessageTemplateParser().Parse("x"),
    [
        new LogEventProperty("Customer", new ScalarValue("nina \"n\" žluť")),
        new LogEventProperty("Id", new ScalarValue(4711)),
        new LogEventProperty("Amount", new ScalarValue(1234.5)),
        new LogEventProperty("Empty", new ScalarValue("")),
        new LogEventProperty("Nothing", new ScalarValue(null)),
        new LogEventProperty("List", new SequenceValue([new ScalarValue(1), new ScalarValue("a")])),
    ]);

    [Theory]
    [InlineData("Customer", "nina \"n\" žluť")]
    [InlineData("Id", "4711")]
    [InlineData("Amount", "1234.5")]
    [InlineData("Empty", "")]
    [InlineData("List", "[1, \"a\"]")]
    [InlineData("Nothing", null)]
    [InlineData("Absent", null)]
    public void A_property_is_the_key_without_quotation_marks(string property, string? key) =>
        Assert.Equal(key, Render(new KafkaLogSinkOptions { Directory = "d", Component = "c", KeyProperty = property }));

    [Theory]
    [InlineData("{Id}", "4711")]
    [InlineData("c-{Customer}-{Id:00000}", "c-nina \"n\" žluť-04711")]
    [InlineData("constant", "constant")]
    [InlineData("{{{Id}}}", "{4711}")]
    [InlineData("{Id}-{Absent}", null)]
    [InlineData("{Nothing}-{Id}", null)]
    public void A_template_is_filled_in_and_an_event_that_lacks_a_property_has_no_key(string template, string? key) =>
        Assert.Equal(key, Render(new KafkaLogSinkOptions { Directory = "d", Component = "c", KeyTemplate = template }));

    [Fact]
    public void Without_property_and_template_records_have_no_key() =>
        Assert.Null(RecordKey.From(new KafkaLogSinkOptions { Directory = "d", Component = "c" }));

    private static string? Render(KafkaLogSinkOptions options)
    {
        var buffer = EventBuffer.Rent();
        try
        {
            return RecordKey.From(options)!.TryRender(Event, buffer) ? Encoding.UTF8.GetString(buffer.Key.WrittenSpan) : null;
        }
        finally
        {
            EventBuffer.Return(buffer);
        }
    }
}
