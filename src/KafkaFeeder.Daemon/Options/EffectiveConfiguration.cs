using System.Globalization;
using KafkaFeeder.Units;

namespace KafkaFeeder.Daemon.Options;

/// <summary>The settings in force, for <c>kafkafeeder check --show</c>: defaults filled in, secrets hidden.</summary>
public static class EffectiveConfiguration
{
    /// <summary>Key path and value, in the order of the documentation.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Of(FeederOptions options)
    {
        var lines = new List<KeyValuePair<string, string>>();
        void Add(string key, string value) => lines.Add(new(key, value));

        Add("log_dir", options.LogDir);
        Add("checkpoint_dir", options.CheckpointDir);
        Add("journal_dir", options.JournalDir);
        if (options.Logging is { } logging)
        {
            Add("logging.component", logging.Component);
            Add("logging.dir", logging.Dir);
            Add("logging.interval", DurationText.Format(logging.Interval));
        }

        foreach (var group in options.BrokerGroups.Values)
        {
            Add($"kafka_brokers.{group.Name}.brokers", string.Join(", ", group.Brokers));
            Add($"kafka_brokers.{group.Name}.transport", group.Transport.ToString().ToLowerInvariant());
            foreach (var property in group.Properties)
            {
                Add($"kafka_brokers.{group.Name}.properties.{property.Name}", property.ShownValue);
            }
        }

        foreach (var permission in options.Permissions)
        {
            Add($"permissions.{permission.Directory}.topics", permission.Topics is { } topics ? List(topics) : "all");
            Add($"permissions.{permission.Directory}.brokers", permission.Brokers is { } groups ? List(groups) : "all");
        }

        Add("watcher.interval", DurationText.Format(options.Watcher.Interval));
        Add("watcher.allow_directories", List(options.Watcher.AllowDirectories));
        Add("watcher.max_logs_per_file", options.Watcher.MaxLogsPerFile.ToString(CultureInfo.InvariantCulture));
        Add("watcher.max_logs_per_owner", options.Watcher.MaxLogsPerOwner.ToString(CultureInfo.InvariantCulture));
        Add("watcher.max_logs_per_directory", options.Watcher.MaxLogsPerDirectory.ToString(CultureInfo.InvariantCulture));
        Add("cleaner.interval", DurationText.Format(options.Cleaner.Interval));
        Add("status.listen", options.Status.Listen?.ToString() ?? "off");
        Add("shipper.checkpoint_interval", DurationText.Format(options.Shipper.CheckpointInterval));
        Add("shipper.max_in_flight", SizeText.Format(options.Shipper.MaxInFlightBytes));
        Add("shipper.memory_limit", SizeText.Format(options.Shipper.MemoryLimitBytes));
        Add("shipper.drain_timeout", DurationText.Format(options.Shipper.DrainTimeout));
        Add("shipper.drain_on_stop", options.Shipper.DrainOnStop ? "true" : "false");
        Add("quarantine.max_per_log", SizeText.Format(options.Quarantine.MaxPerLogBytes));
        Add("quarantine.max_total", SizeText.Format(options.Quarantine.MaxTotalBytes));
        return lines;
    }

    /// <summary>As <see cref="Of(FeederOptions)"/>, for one log.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Of(LogOptions log) =>
    [
        new("topic", log.Topic),
        new("broker", log.Broker),
        new("directory", log.Directory),
        new("retention", log.Retention is { } retention ? DurationText.Format(retention) : "none (kept forever)"),
        new("ack", ((int)log.Ack).ToString(CultureInfo.InvariantCulture)),
        new("partitioner", log.Partitioner switch
        {
            PartitionerKind.Fnv1aRandom => "fnv1a_random",
            PartitionerKind.Random => "random",
            _ => "murmur2_random",
        }),
        new("on_reject", log.OnReject == RejectAction.Hold ? "hold" : "quarantine"),
        new("origin_headers", log.OriginHeaders ? "true" : "false"),
        new("strict_order", log.StrictOrder switch { true => "true", false => "false", null => "by what the brokers can do" }),
    ];
    private static string List(IReadOnlyList<string> items) => items.Count == 0 ? "none" : string.Join(", ", items);
}
