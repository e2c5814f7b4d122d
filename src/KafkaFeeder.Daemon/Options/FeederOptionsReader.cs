using System.Net;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Options.Yaml;
using KafkaFeeder.Units;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Options;

/// <summary>Reads <c>conf.yaml</c>, in our spelling and in the original's.</summary>
internal sealed class FeederOptionsReader(string file, FaultCollector faults, FaultCollector warnings)
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    // Shorter would be busy waiting; tests and demos use it to be quick.
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(100);

    // A hundred thousand logs are more than one host writes.
    private const int MostLogs = 100_000;

    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(file)) ?? "/";

    /// <summary>Returns what was found; usable only if no fault was added.</summary>
    public FeederOptions Read(YamlNode root)
    {
        var map = new MapReader(root, "", faults);
        var options = new FeederOptions
        {
            SourceFile = file,
            LogDir = Directory(map, "log_dir", "the directory whose logs are shipped"),
            CheckpointDir = Directory(map, "checkpoint_dir", "the directory for checkpoints, which say what Kafka has acknowledged"),
            JournalDir = Directory(map, "journal_dir", "the directory for the journal, which says what was sent"),
            Logging = map.Section("logging") is { } logging ? ReadLogging(logging) : null,
            BrokerGroups = ReadBrokerGroups(map),
            Permissions = map.Section("permissions") is { } permissions ? ReadPermissions(permissions) : [],
            Watcher = map.Section("watcher") is { } watcher ? ReadWatcher(watcher) : new WatcherOptions(),
            Cleaner = map.Section("cleaner") is { } cleaner ? ReadCleaner(cleaner) : new CleanerOptions(),
            Status = map.Section("status") is { } status ? ReadStatus(status) : new StatusOptions(),
            Shipper = map.Section("shipper") is { } shipper ? ReadShipper(shipper) : new ShipperOptions(),
            Quarantine = map.Section("quarantine") is { } quarantine ? ReadQuarantine(quarantine) : new QuarantineOptions(),
        };
        map.Finish();
        CheckDirectories(options, map);
        CheckPermissions(options, map);
        return options;
    }

    private LoggingOptions ReadLogging(MapReader map)
    {
        var defaults = new LoggingOptions { Dir = "" };
        var component = map.Text("component") ?? defaults.Component;
        if (!SegmentName.IsValidComponent(component))
        {
            map.Fault("component", $"is {Quote.Value(component)}; expected {NameRule.ExpectedComponent}.");
        }

        var interval = map.Duration("interval", defaults.Interval, Second, Second, Day);
        if (!RollPolicy.IsValidInterval(interval))
        {
            map.Fault(
                "interval",
                $"is {DurationText.Format(interval)}; it must divide a day into equal parts of whole seconds, such as 60, 600, 3600 or "
                    + "86400.");
        }

        var logging = new LoggingOptions
        {
            Component = component,
            Dir = Directory(map, "dir", "the directory for KafkaFeeder's own log"),
            Interval = interval,
        };
        map.Finish();
        return logging;
    }

    private WatcherOptions ReadWatcher(MapReader map)
    {
        var defaults = new WatcherOptions();
        var watcher = new WatcherOptions
        {
            Interval = map.Duration("interval", defaults.Interval, Second, Shortest, Day),
            AllowDirectories = map.List("allow_directories", "directories") is { } directories
                ? [.. directories.Select(Absolute)]
                : defaults.AllowDirectories,
            MaxLogsPerFile = map.Count("max_logs_per_file", defaults.MaxLogsPerFile, 1, MostLogs),
            MaxLogsPerOwner = map.Count("max_logs_per_owner", defaults.MaxLogsPerOwner, 1, MostLogs),
            MaxLogsPerDirectory = map.Count("max_logs_per_directory", defaults.MaxLogsPerDirectory, 1, MostLogs),
        };
        map.Finish();
        return watcher;
    }

    private List<PermissionOptions> ReadPermissions(MapReader map)
    {
        var permissions = new List<PermissionOptions>();
        foreach (var entry in map.AllEntries())
        {
            var one = new MapReader(entry.Value with { Line = entry.Line }, map.PathOf(entry.Key), faults);
            permissions.Add(new PermissionOptions(Absolute(entry.Key), ReadTopics(one), one.List("brokers", "broker groups")));
            one.Finish();
        }

        return permissions;
    }

    private static IReadOnlyList<string>? ReadTopics(MapReader map)
    {
        var topics = map.List("topics", "topics");
        foreach (var topic in topics ?? [])
        {
            if (topic != "*" && !NameRule.IsValid(topic.EndsWith('*') ? topic[..^1] : topic))
            {
                map.Fault("topics", $"has {Quote.Value(topic)}; expected the name of a topic, or its beginning and a * at the end.");
            }
        }

        return topics;
    }

    private static CleanerOptions ReadCleaner(MapReader map)
    {
        var cleaner =
            new CleanerOptions { Interval = map.Duration("interval", new CleanerOptions().Interval, Second, Shortest, 366 * Day) };
        map.Finish();
        return cleaner;
    }

    private static StatusOptions ReadStatus(MapReader map)
    {
        var status = new StatusOptions();
        if (map.Text("listen") is { } text)
        {
            var isOff = text is "off" or "false";
            var address = isOff ? null : ListenAddress(text);
            if (address is null && !isOff)
            {
                map.Fault(
                    "listen", $"is {Quote.Value(text)}; expected an address and a port such as 127.0.0.1:8796 or [::1]:8796, or off.");
            }

            status = status with { Listen = address };
        }

        map.Finish();
        return status;
    }

    private static ShipperOptions ReadShipper(MapReader map)
    {
        var defaults = new ShipperOptions();
        var shipper = new ShipperOptions
        {
            CheckpointInterval = map.Duration(
                "checkpoint_interval", defaults.CheckpointInterval, Second, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1)),
            // Below 64 KiB not even one ordinary batch fits; above 1 GiB its records would not fit into memory.
            MaxInFlightBytes = map.Size("max_in_flight", defaults.MaxInFlightBytes, 64L << 10, 1L << 30),
            // 32 MiB is what the idle process takes.
            MemoryLimitBytes = map.Size("memory_limit", defaults.MemoryLimitBytes, 32L << 20, 64L << 30),
            DrainTimeout = map.Duration("drain_timeout", defaults.DrainTimeout, Second, Shortest, TimeSpan.FromHours(1)),
            DrainOnStop = map.Flag("drain_on_stop") ?? defaults.DrainOnStop,
        };
        map.Finish();
        if (shipper.MaxInFlightBytes > shipper.MemoryLimitBytes)
        {
            map.Fault(
                "max_in_flight",
                $"is {SizeText.Format(shipper.MaxInFlightBytes)}; it must not exceed shipper.memory_limit, which is "
                    + $"{SizeText.Format(shipper.MemoryLimitBytes)}.");
        }

        return shipper;
    }

    private static QuarantineOptions ReadQuarantine(MapReader map)
    {
        var defaults = new QuarantineOptions();
        var quarantine = new QuarantineOptions
        {
            // Below a mebibyte not even one large record fits.
            MaxPerLogBytes = map.Size("max_per_log", defaults.MaxPerLogBytes, 1L << 20, 1L << 40),
            MaxTotalBytes = map.Size("max_total", defaults.MaxTotalBytes, 1L << 20, 1L << 40),
        };
        map.Finish();
        if (quarantine.MaxPerLogBytes > quarantine.MaxTotalBytes)
        {
            map.Fault(
                "max_per_log",
                $"is {SizeText.Format(quarantine.MaxPerLogBytes)}; it must not exceed quarantine.max_total, which is "
                    + $"{SizeText.Format(quarantine.MaxTotalBytes)}.");
        }

        return quarantine;
    }

    /// <summary>The original has the groups under <c>hekad:</c>, beside paths of a program that is no longer there.</summary>
    private Dictionary<string, BrokerGroupOptions> ReadBrokerGroups(MapReader map)
    {
        var groups = new Dictionary<string, BrokerGroupOptions>(StringComparer.Ordinal);
        var reader = new BrokerGroupReader(_folder, faults);
        reader.ReadInto(groups, map.Section("kafka_brokers"));
        if (map.Section("hekad") is { } hekad)
        {
            reader.ReadInto(groups, hekad.Section("kafka_brokers"));
            foreach (var key in (string[])["main_conf_path", "bin_path", "conf_dir"])
            {
                if (hekad.Has(key))
                {
                    warnings.Add(hekad.LineOf(key), hekad.PathOf(key), "has no meaning here: there is no hekad; remove the line.");
                }
            }

            hekad.Finish();
        }

        if (groups.Count == 0 && !map.Has("kafka_brokers") && !map.Has("hekad"))
        {
            faults.Add(0, "kafka_brokers", "is missing; expected broker groups such as kafka_brokers: { kafka: [kafka1:9092] }.");
        }
        else if (groups.Count == 0 && faults.Count == 0)
        {
            faults.Add(map.LineOf("kafka_brokers"), "kafka_brokers", "names no broker group; expected one such as kafka: [kafka1:9092].");
        }

        return groups;
    }

    private string Directory(MapReader map, string key, string whatItIs)
    {
        var text = map.MandatoryText(key, whatItIs);
        return text.Length == 0 ? "" : Absolute(text);
    }

    private string Absolute(string text) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(text, _folder));

    private void CheckPermissions(FeederOptions options, MapReader map)
    {
        foreach (var (permission, group) in options.Permissions
            .SelectMany(p => (p.Brokers ?? []).Select(group => (p, group))).Where(p => !options.BrokerGroups.ContainsKey(p.group)))
        {
            var hint = NearMiss.Hint(group, [.. options.BrokerGroups.Keys]);
            var path = $"permissions.{Quote.Plain(permission.Directory)}.brokers";
            faults.Add(map.LineOf("permissions"), path, $"has {Quote.Value(group)}, which is not a broker group{hint}");
        }
    }

    private void CheckDirectories(FeederOptions options, MapReader map)
    {
        (string Key, string Path)[] directories =
            [("log_dir", options.LogDir), ("checkpoint_dir", options.CheckpointDir), ("journal_dir", options.JournalDir)];
        foreach (var (key, path) in directories)
        {
            var same = directories.TakeWhile(other => other.Key != key).FirstOrDefault(other => other.Path == path).Key;
            if (same is not null && path.Length > 0)
            {
                map.Fault(key, $"is {Quote.Value(path)}, as {same} is; each needs a directory of its own.");
            }
            else if (key != "log_dir" && options.LogDir.StartsWith(path + "/", StringComparison.Ordinal) && path.Length > 0)
            {
                map.Fault(
                    "log_dir", $"is {Quote.Value(options.LogDir)}, which lies below {key}: nothing there is shipped. Move one of them.");
            }
            else if (key != "log_dir" && path.StartsWith(options.LogDir + "/", StringComparison.Ordinal) && options.LogDir.Length > 0)
            {
                warnings.Add(map.LineOf(key), key, "lies below log_dir: whoever may write logs there may be able to change it.");
            }
        }
    }

    /// <summary>Strict, because the framework reads "8796" as the address 0.0.34.92.</summary>
    private static IPEndPoint? ListenAddress(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), out var port) || !char.IsAsciiDigit(text[colon + 1]))
        {
            return null;
        }

        var host = text[..colon];
        if (host == "localhost")
        {
            return new IPEndPoint(IPAddress.Loopback, port);
        }

        var isWhole = host.Count(c => c == '.') == 3 || (host[0] == '[' && host[^1] == ']');
        return isWhole && IPAddress.TryParse(host.Trim('[', ']'), out var address) ? new IPEndPoint(address, port) : null;
    }
}
