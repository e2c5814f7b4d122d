using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

/// <summary>Short ways to load text as if it were a file of /etc/kf.</summary>
internal static class Load
{
    /// <summary>The mandatory settings, on lines 1 to 4, so that a test's own begin on line 5.</summary>
    public const string Mandatory = """
        log_dir: /logs
        checkpoint_dir: /state/checkpoint
        journal_dir: /state/journal
        kafka_brokers: { kafka: ["kafka1:9092"] }

        """;

    public static FeederOptions Good(string text)
    {
        var faults = new List<ConfigFault>();
        var options = ConfigLoader.LoadText(text, "/etc/kf/conf.yaml", faults);
        Assert.Empty(faults);
        return options!;
    }

    /// <summary>The messages, with conf.yaml's folder cut off.</summary>
    public static string[] Faults(string text)
    {
        var faults = new List<ConfigFault>();
        var options = ConfigLoader.LoadText(text, "/etc/kf/conf.yaml", faults);
        Assert.Equal(options is null, faults.Count > 0);
        return Shortened(faults);
    }

    public static ParsedLogs Logs(string text) => ConfigLoader.LoadLogsText(text, "/logs/app/kafkafeeder.yaml");

    public static string[] Shortened(IEnumerable<ConfigFault> faults) =>
        [.. faults.Select(fault => fault.ToString().Replace("/etc/kf/", "").Replace("/logs/app/", ""))];
}
