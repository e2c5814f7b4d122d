using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests;

/// <summary>The folders of the daemon are layers: each uses only those that are listed, and none uses itself by way of others.</summary>
public sealed class LayerTests
{
    private const string Layers = """
        Commands         -> Hosting Control Discovery Status Transport.Client Shipping.Losses Checkpoints Telemetry Liveness Options
                            Options.Faults Options.Values Files
        Hosting          -> Control Discovery Retention Shipping Shipping.Losses Transport Transport.Choosing Checkpoints Status Systemd
                            Signals Telemetry Liveness Options Options.Faults Options.Values Files
        Discovery        -> Checkpoints Telemetry Liveness Options Options.Faults Options.Values Files
        Retention        -> Checkpoints Telemetry Liveness Files
        Shipping         -> Discovery Shipping.Reading Shipping.Losses Transport Checkpoints Status Telemetry Liveness Options
        Shipping.Reading -> Shipping.Losses Transport Checkpoints Files
        Shipping.Losses  -> Transport Checkpoints Telemetry Liveness Options Files
        Transport          -> Telemetry Options
        Transport.Client   -> Transport Telemetry Options
        Transport.Wire     -> Transport Telemetry Options
        Transport.Choosing -> Transport Transport.Client Transport.Wire Telemetry Options
        Checkpoints      -> Telemetry Liveness Files
        Status           -> Control Discovery Shipping.Losses Checkpoints Telemetry Liveness Options Options.Faults Options.Values
        Systemd          -> Telemetry Liveness
        Options          -> Options.Yaml Options.Faults Options.Values
        Options.Yaml     -> Options.Faults Options.Values
        Options.Faults   -> Options.Values
        """;

    [Fact]
    public void The_folders_of_the_daemon_use_only_the_listed_ones() =>
        NamespaceArrows.AssertAre(typeof(Feeder), "KafkaFeeder.Daemon", Layers);

    [Fact]
    public void No_line_of_code_has_more_than_140_columns()
    {
        var root = DocumentationTests.RepositoryRoot();
        string[] folders = ["src", "tools", "tests", "samples", "bench"];
        var files = folders.SelectMany(f => Directory.EnumerateFiles(Path.Combine(root, f), "*.cs", SearchOption.AllDirectories))
            .Where(f => !f.Contains("/obj/", StringComparison.Ordinal) && !f.Contains("/bin/", StringComparison.Ordinal))
            .ToList();
        Assert.NotEmpty(files);
        Assert.Empty(files.SelectMany(f => File.ReadLines(f).Select((line, i) => (Line: line, Number: i + 1))
            .Where(l => l.Line.EnumerateRunes().Count() > 140)
            .Select(l => $"{Path.GetRelativePath(root, f)}:{l.Number}")));
    }

    [Theory]
    [InlineData("a -> b\nb -> c\nc ->", null)]
    [InlineData("a -> b c\nb -> c\nc -> b", "b -> c -> b")]
    public void A_cycle_of_folders_is_found(string table, string? circle) =>
        Assert.Equal(circle, NamespaceArrows.Circle(NamespaceArrows.Parse(table)));
}
