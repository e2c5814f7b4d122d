using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Hosting;

/// <summary>The daemon as a process, and a directory whose name has a forged log line and a terminal command in it.</summary>
[Trait("lane", "slow")]
public sealed class DirectoryNameEscapingTests
{
    [Fact]
    public void Line_breaks_and_ESC_in_a_directory_name_are_escaped_on_the_console_and_in_the_log_file()
    {
        using var folder = new TempFolder();
        const string hostile = "a\n2026-11-24T10:00:00.000+00:00 [ERR] forged\u001b[31m";
        folder.Write($"logs/{hostile}/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka } }\n");
        folder.Write("conf.yaml", $$"""
            log_dir: {{folder.File("logs")}}
            checkpoint_dir: {{folder.File("checkpoint")}}
            journal_dir: {{folder.File("journal")}}
            logging: { dir: {{folder.File("own")}} }
            kafka_brokers: { kafka: ["127.0.0.1:1"] }
            status: { listen: off }
            """);
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", folder.File("conf.yaml"));
        daemon.Until(() => daemon.Errors.Contains("to topic t of", StringComparison.Ordinal), "the log is found");
        Assert.Equal(0, daemon.Stop());

        Assert.Contains("\\u000a2026-11-24T10:00:00.000+00:00 [ERR] forged\\u001b[31m to "
            + "topic t", daemon.Errors, StringComparison.Ordinal);
        Assert.All(daemon.Errors.Split('\n'), line => Assert.DoesNotMatch("^2026-11-24T10:00:00.000", line));
        Assert.DoesNotContain('\u001b', daemon.Errors);

        var own = System.Text.Encoding.Latin1.GetString(File.ReadAllBytes(Directory.GetFiles(folder.File("own")).Single()));
        Assert.Contains(@"[ERR] forged\\u001b[31m", own, StringComparison.Ordinal);
        Assert.DoesNotContain("forged\u001b", own, StringComparison.Ordinal);
    }
}
