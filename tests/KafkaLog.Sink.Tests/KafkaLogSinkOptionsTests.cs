using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Sink.Tests;

public class KafkaLogSinkOptionsTests
{
    [Fact]
    public void The_defaults_are_valid() => Assert.Empty(new KafkaLogSinkOptions { Directory = "d", Component = "c" }.Validate());

    [Fact]
    public void All_faults_are_reported_at_once()
    {
        var options = new KafkaLogSinkOptions
        {
            Directory = " ",
            Component = "a/b",
            Interval = TimeSpan.FromSeconds(7),
            FileSizeLimitBytes = 0,
            Codec = (CompressionType)7,
            Durability = (Durability)9,
            WhenFull = (WhenFull)9,
            Linger = TimeSpan.FromSeconds(-1),
            BatchBytes = 64 << 10,
            QueueLimitBytes = 1,
            KeyProperty = "",
            KeyTemplate = "",
        };

        Assert.Equal(
            [
                "directory is empty; it must name where the segments go.",
                "component is 'a/b'; it must be 1 to 200 of a-z, A-Z, 0-9, '.', '_', '-'.",
                "interval is 00:00:07; it must be whole seconds that divide an hour (3600) or a day (86400).",
                "fileSizeLimitBytes is 0; it must be at least 1.",
                "codec is 7, which cannot be written with magic 2.",
                "whenFull is 9; it must be Block or Drop.",
                "linger is -00:00:01; it must be 0 to 1 minute.",
                "queueLimitBytes is 1; it must have room for a batch, 65536 bytes.",
                "durability is 9; it must be Buffered, Flushed or Synced.",
                "keyProperty and keyTemplate are both given; a record has one key.",
                "keyProperty is empty; it must name a property.",
                "keyTemplate is empty; it must name a property such as {OrderId}.",
            ],
            options.Validate());
        var refused = Assert.Throws<ArgumentException>(() => new KafkaLogSink(options));
        Assert.StartsWith(
            "The KafkaLog sink cannot be set up: directory is empty; it must name where the segments go. component is", refused.Message);
    }

    private const string Expected = "expected letters, digits and _ (write {{ for a brace).";

    [Theory]
    [InlineData("{OrderId}", null)]
    [InlineData("{Tenant}-{OrderId:x}", null)]
    [InlineData("{{{OrderId}}}", null)]
    [InlineData("orders", ", which names no property; it must name one, such as {OrderId}.")]
    [InlineData("{{OrderId}}", ", which names no property; it must name one, such as {OrderId}.")]
    [InlineData("{Order Id}", ": the text in one of its braces is not a property name; " + Expected)]
    [InlineData("{Order}-{}", ": the text in one of its braces is not a property name; " + Expected)]
    public void A_key_template_names_properties(string template, string? fault)
    {
        var options = new KafkaLogSinkOptions { Directory = "d", Component = "c", KeyTemplate = template };
        Assert.Equal(fault is null ? [] : [$"keyTemplate is '{template}'{fault}"], options.Validate());
    }
}
