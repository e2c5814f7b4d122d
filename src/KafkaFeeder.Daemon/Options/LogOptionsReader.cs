using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Options.Yaml;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Options;

/// <summary>Reads a <c>kafkafeeder.yaml</c>, entry by entry: a fault in one leaves the others good.</summary>
internal sealed class LogOptionsReader(string file, FaultCollector faults)
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    // At least a millisecond: short, but not zero. At most 100 years: more is a typing error.
    private static readonly TimeSpan ShortestRetention = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LongestRetention = TimeSpan.FromDays(36_525);

    private readonly List<LogOptions> _logs = [];
    private readonly List<string> _faulty = [];

    /// <summary>The entries; null if the file has no map of topics.</summary>
    public (IReadOnlyList<LogOptions> Logs, IReadOnlyList<string> Faulty)? Read(YamlNode root)
    {
        var map = new MapReader(root, "", faults);
        var topics = map.Node("topics");
        map.Finish();
        if (topics is not YamlMap)
        {
            var found = topics is null ? "is missing" : $"is {topics.Kind}";
            faults.Add(
                map.LineOf("topics"), "topics", $"{found}; expected components, each with its topic and broker. Is the file half-written?");
            return null;
        }

        var entries = new MapReader(topics, "topics", faults);
        foreach (var entry in entries.AllEntries())
        {
            ReadEntry(entry, entries.PathOf(entry.Key));
        }

        return (_logs, _faulty);
    }

    private void ReadEntry(YamlEntry entry, string path)
    {
        var faultsBefore = faults.Count;
        if (!SegmentName.IsValidComponent(entry.Key))
        {
            faults.Add(entry.Line, path, $"is not a name for a component; expected {NameRule.ExpectedComponent}.");
        }

        var map = new MapReader(entry.Value with { Line = entry.Line }, path, faults);
        var log = ReadLog(entry, map);
        map.Finish();
        if (faults.Count == faultsBefore)
        {
            _logs.Add(log);
        }
        else
        {
            _faulty.Add(entry.Key);
        }
    }

    private LogOptions ReadLog(YamlEntry entry, MapReader map)
    {
        var topic = Name(map, "topic", "the topic in Kafka");
        var broker = Name(map, "broker", "the name of a broker group of conf.yaml");
        CheckType(map);
        return new LogOptions
        {
            Component = entry.Key,
            Topic = topic,
            Broker = broker,
            Directory = ReadDirectory(map),
            Retention = ReadRetention(map),
            Ack = map.Choice("ack", AckLevel.AllInSync, ("-1", AckLevel.AllInSync), ("1", AckLevel.Leader), ("0", AckLevel.None)),
            Partitioner = map.Choice(
                "partitioner",
                PartitionerKind.Murmur2Random,
                ("murmur2_random", PartitionerKind.Murmur2Random),
                ("fnv1a_random", PartitionerKind.Fnv1aRandom),
                ("random", PartitionerKind.Random),
                ("Hash", PartitionerKind.Fnv1aRandom),
                ("Random", PartitionerKind.Random)),
            OnReject =
                map.Choice("on_reject", RejectAction.Quarantine, ("quarantine", RejectAction.Quarantine), ("hold", RejectAction.Hold)),
            OriginHeaders = map.Flag("origin_headers") ?? false,
            StrictOrder = map.Flag("strict_order"),
            SourceFile = file,
            SourceLine = entry.Line,
            BrokerLine = map.LineOf("broker"),
        };
    }

    private static string Name(MapReader map, string key, string whatItIs)
    {
        var name = map.MandatoryText(key, whatItIs);
        if (name.Length > 0 && !NameRule.IsValid(name))
        {
            map.Fault(key, $"is {Quote.Value(name)}; expected {NameRule.Expected}.");
        }

        return name;
    }

    private static void CheckType(MapReader map)
    {
        var isLines = map.Choice("type", false, ("kafkalog", false), ("lines", true));
        var hasMatch = map.Has("file_match");
        if (isLines)
        {
            map.Fault("type", "is lines, which this version does not support yet; expected kafkalog.");
        }
        else if (hasMatch)
        {
            map.Fault("file_match", "belongs to type: lines; the segments of a kafkalog are found by the component's name.");
        }
    }

    private static TimeSpan? ReadRetention(MapReader map) => map.Has("retention")
        ? map.Duration("retention", TimeSpan.Zero, Hour, ShortestRetention, LongestRetention)
        : null;

    private string ReadDirectory(MapReader map)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/";
        var text = map.Text("directory");
        if (text is "")
        {
            map.Fault("directory", "is empty; expected the directory of the segments.");
        }

        return Path.TrimEndingDirectorySeparator(Path.GetFullPath(text ?? "", folder));
    }
}
