using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Yaml;

namespace KafkaFeeder.Daemon.Options;

/// <summary>
/// Reads the two configuration files. A user's mistake is never an exception: all faults of a file are returned at once, as
/// <see cref="ConfigFault"/>s.
/// </summary>
public static class ConfigLoader
{
    /// <summary>conf.yaml: a thousand broker groups fit.</summary>
    public const int MaxFeederFileBytes = 1 << 20;

    /// <summary>kafkafeeder.yaml: written by whoever may write logs, so kept small; about 500 topics fit.</summary>
    public const int MaxLogFileBytes = 64 << 10;

    /// <summary><c>conf.yaml</c>. Null if, and only if, faults were added.</summary>
    public static FeederOptions? Load(string path, List<ConfigFault> faults)
    {
        if (!BoundedFile.TryReadText(path, MaxFeederFileBytes, out var text, out var reason))
        {
            faults.Add(new ConfigFault(path, 0, "", reason + "."));
            return null;
        }

        return LoadText(text, path, faults);
    }

    /// <summary>As <see cref="Load"/>; <paramref name="fileName"/> is for messages and for relative paths.</summary>
    public static FeederOptions? LoadText(string text, string fileName, List<ConfigFault> faults)
    {
        var collector = new FaultCollector(fileName, faults);
        var warnings = new List<ConfigFault>();
        if (YamlReader.Read(text, collector) is not { } root)
        {
            return null;
        }

        var reader = new FeederOptionsReader(fileName, collector, new FaultCollector(fileName, warnings));
        var options = reader.Read(root) with { Warnings = warnings };
        collector.SortByLine();
        return collector.Count == 0 ? options : null;
    }

    /// <summary>
    /// A <c>kafkafeeder.yaml</c>. <paramref name="path"/> is where it was found: if that is a symlink, the log's directory is
    /// that of the link, as in the original.
    /// </summary>
    public static ParsedLogs LoadLogs(string path) => BoundedFile.TryReadText(path, MaxLogFileBytes, out var text, out var reason)
        ? LoadLogsText(text, path)
        : new ParsedLogs { Faults = [new ConfigFault(path, 0, "", reason + ".")] };

    /// <summary>As <see cref="LoadLogs"/>; <paramref name="fileName"/> is for messages and for relative paths.</summary>
    public static ParsedLogs LoadLogsText(string text, string fileName)
    {
        var faults = new List<ConfigFault>();
        var collector = new FaultCollector(fileName, faults);
        if (YamlReader.Read(text, collector) is { } root
            && new LogOptionsReader(fileName, collector).Read(root) is (var logs, var faulty))
        {
            collector.SortByLine();
            return new ParsedLogs { Logs = logs, Faults = faults, FaultyComponents = faulty, FileReadable = true };
        }

        return new ParsedLogs { Faults = faults };
    }
}
