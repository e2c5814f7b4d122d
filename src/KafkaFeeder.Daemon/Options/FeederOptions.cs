using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Options;

/// <summary>The daemon's own settings: <c>conf.yaml</c>, read by <see cref="ConfigLoader"/>. All paths are absolute.</summary>
public sealed record FeederOptions
{
    /// <summary>Where this was read from, as it was named to the loader.</summary>
    public required string SourceFile { get; init; }

    /// <summary>Watched for <c>kafkafeeder.yaml</c>, with its sub-directories.</summary>
    public required string LogDir { get; init; }

    /// <summary>What Kafka has confirmed. Lose it, and everything that is still on disk is sent again.</summary>
    public required string CheckpointDir { get; init; }

    /// <summary>How far this run has read. Never the same directory as <see cref="CheckpointDir"/>: that is copied here at start.</summary>
    public required string JournalDir { get; init; }

    /// <summary>The daemon's own log as segments; null: to the console only.</summary>
    public LoggingOptions? Logging { get; init; }

    /// <summary>By the name that <c>broker:</c> in kafkafeeder.yaml says. Never empty.</summary>
    public required IReadOnlyDictionary<string, BrokerGroupOptions> BrokerGroups { get; init; }

    /// <summary>Which directories may use which topics and broker groups; empty: all may use all.</summary>
    public IReadOnlyList<PermissionOptions> Permissions { get; init; } = [];

    public WatcherOptions Watcher { get; init; } = new();

    public CleanerOptions Cleaner { get; init; } = new();

    public StatusOptions Status { get; init; } = new();

    public ShipperOptions Shipper { get; init; } = new();

    public QuarantineOptions Quarantine { get; init; } = new();

    /// <summary>Odd, but no reason to refuse the file: settings of the original that have no meaning here, for one.</summary>
    public IReadOnlyList<ConfigFault> Warnings { get; init; } = [];
}

/// <summary>The daemon's own log, written through the sink like any application's.</summary>
public sealed record LoggingOptions
{
    /// <summary>The component in the segment names. The default is the original's.</summary>
    public string Component { get; init; } = "kafkafeeder";

    /// <summary>Where the segments go. To be shipped it has to lie below log_dir, with a kafkafeeder.yaml in it.</summary>
    public required string Dir { get; init; }

    /// <summary>A new segment each so often; divides a day. One hour, as the original's example has it.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>Looks for new logs and segments.</summary>
public sealed record WatcherOptions
{
    /// <summary>Between two full scans. 15 s is the original's; new data is noticed at once, this is the safety net.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Directories outside log_dir, and outside a kafkafeeder.yaml's own directory, where its <c>directory:</c> and links may
    /// lead. None, because whoever may write a kafkafeeder.yaml could point it at somebody else's logs.
    /// </summary>
    public IReadOnlyList<string> AllowDirectories { get; init; } = [];

    /// <summary>Entries of one kafkafeeder.yaml that count. 500: so many fit into its 64 KiB.</summary>
    public int MaxLogsPerFile { get; init; } = 500;

    /// <summary>Entries that count in the files of one user who is neither root nor the daemon's. 2000: beyond what one application
    /// has.</summary>
    public int MaxLogsPerOwner { get; init; } = 2_000;

    /// <summary>As <see cref="MaxLogsPerOwner"/>, at and below one first-level directory.</summary>
    public int MaxLogsPerDirectory { get; init; } = 2_000;
}

/// <summary>What logs at and below a directory may use. Of several that cover a directory, the closest holds.</summary>
/// <param name="Directory">An absolute path.</param>
/// <param name="Topics">Names; with a <c>*</c> at the end: all that begin so. Null: all.</param>
/// <param name="Brokers">Broker groups. Null: all.</param>
public sealed record PermissionOptions(string Directory, IReadOnlyList<string>? Topics, IReadOnlyList<string>? Brokers)
{
    /// <summary>True if a log may go to this topic.</summary>
    public bool AllowsTopic(string topic) => Topics is null
        || Topics.Any(t => t.EndsWith('*') ? topic.StartsWith(t[..^1], StringComparison.Ordinal) : topic == t);

    /// <summary>True if a log may use this broker group.</summary>
    public bool AllowsBroker(string group) => Brokers?.Contains(group) ?? true;
}

/// <summary>Deletes segments that are shipped and past their retention.</summary>
public sealed record CleanerOptions
{
    /// <summary>Between two runs. One day, as the original's example has it.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromDays(1);
}

/// <summary>The status page, metrics and health answers over HTTP.</summary>
public sealed record StatusOptions
{
    /// <summary>
    /// Null: no HTTP at all (<c>listen: off</c>). Port 8796 is the original's dashboard; loopback, because the page
    /// names files and topics and asks nobody who they are. Port 0: any free one.
    /// </summary>
    public System.Net.IPEndPoint? Listen { get; init; } = new(System.Net.IPAddress.Loopback, 8796);

    /// <summary>Where a command on the same host asks: one that listens at all addresses is not asked at "all".</summary>
    public System.Net.IPEndPoint? AskAt => Listen is not { } listen ? null
        : listen.Address.Equals(System.Net.IPAddress.Any) ? new(System.Net.IPAddress.Loopback, listen.Port)
        : listen.Address.Equals(System.Net.IPAddress.IPv6Any) ? new(System.Net.IPAddress.IPv6Loopback, listen.Port)
        : listen;
}

/// <summary>How records go to the brokers; holds for all logs together unless it says otherwise.</summary>
public sealed record ShipperOptions
{
    /// <summary>Between two saves of a log's checkpoint. 1 s: so much, at most, is sent twice after SIGKILL.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes of one log sent and not yet acknowledged. 8 MiB keeps a gigabit link with 50 ms round trip full.</summary>
    public long MaxInFlightBytes { get; init; } = 8L << 20;

    /// <summary>Bytes the process may take under load. 96 MiB: 30 idle, the rest for the windows of several logs.</summary>
    public long MemoryLimitBytes { get; init; } = 96L << 20;

    /// <summary>How long a stop waits for acknowledgements. 30 s, well within the 90 s that systemd waits by default.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A stop ships all there is on disk first, for at most <see cref="DrainTimeout"/>. Not by default: where the disk
    /// stays, the next run goes on, and a stop should be short.
    /// </summary>
    public bool DrainOnStop { get; init; }

    /// <summary>
    /// What a stop may take, all in all: shipping, if asked for, acknowledgements, and 15 s for the last saves and the client's own end.
    /// </summary>
    public TimeSpan StopLimit => (DrainTimeout * (DrainOnStop ? 2 : 1)) + TimeSpan.FromSeconds(15);
}

/// <summary>How much of the disk of checkpoint_dir what cannot be shipped may take.</summary>
public sealed record QuarantineOptions
{
    /// <summary>Bytes on the disk, of one log. 256 MiB: a few of the longest stretches of damage, or all bad records of years.</summary>
    public long MaxPerLogBytes { get; init; } = 256L << 20;

    /// <summary>Bytes on the disk, of all logs. 1 GiB: what a small disk can spare.</summary>
    public long MaxTotalBytes { get; init; } = 1L << 30;
}
