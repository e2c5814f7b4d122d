using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>A conf.yaml for tests that are about something else.</summary>
internal static class SomeConf
{
    /// <summary>With one broker group, <c>kafka</c>, and its state beside log_dir, where there is none yet.</summary>
    public static FeederOptions In(string logDir) => new()
    {
        SourceFile = "/etc/kf/conf.yaml",
        LogDir = logDir,
        CheckpointDir = logDir + "-checkpoint",
        JournalDir = logDir + "-journal",
        BrokerGroups = new Dictionary<string, BrokerGroupOptions>
        {
            ["kafka"] = new() { Name = "kafka", Brokers = ["localhost:1"], Properties = [] },
        },
    };
}
