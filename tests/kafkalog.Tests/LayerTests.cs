using KafkaFeeder.Tests;
using KafkaLog.Tool.CommandLine;
using Xunit;

namespace KafkaLog.Tool.Tests;

/// <summary>Each command has a folder, and needs no other command's: what several need is in a folder of its own.</summary>
public sealed class LayerTests
{
    private const string Layers = """
        Cat        -> Reading Native CommandLine
        Converting -> Reading Writing CommandLine
        Piping     -> Writing Native CommandLine
        Recovering -> Reading Writing CommandLine
        Stats      -> Reading CommandLine
        Syslog     -> Writing Native CommandLine
        Verifying  -> Reading CommandLine
        Reading    -> CommandLine
        Writing    -> CommandLine
        """;

    [Fact]
    public void No_command_needs_another() => NamespaceArrows.AssertAre(typeof(ExitCode), "KafkaLog.Tool", Layers);
}
