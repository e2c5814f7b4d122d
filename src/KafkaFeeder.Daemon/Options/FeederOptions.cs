using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Options;

/// <summary>The daemon's own settings: <c>conf.yaml</c>, read by <see cref="ConfigLoader"/>. All paths are absolute.</summary>
public sealed record FeederOptions
{
    /// <summary>The file that this was read from, as it was passed to the loader.</summary>
    public required string SourceFile { get; init; }

    /// <summary>Watched for <c>kafkafeeder.yaml</c>, with its sub-directories.</summary>
    public required string LogDir { get; init; }

    /// <summary>
    /// Holds the checkpoints: what Kafka has acknowledged. If it is lost, everything that is still on disk is sent again.
    /// </summary>
    public required string CheckpointDir { get; init; }

    /// <summary>
    /// Holds the journal: how far this run has sent. Never the same directory as <see cref="CheckpointDir"/>: that is copied
    /// here at start.
    /// </summary>
    public required string JournalDir { get; init; }

    /// <summary>The daemon's own log as segments; null: to the console only.</summary>
    public LoggingOptions? Logging { get; init; }

    /// <summary>By name, as <c>broker:</c> in kafkafeeder.yaml gives it. Never empty.</summary>
    public required IReadOnlyDictionary<string, BrokerGroupOptions> BrokerGroups { get; init; }

    /// <summary>Which directories may use which topics and broker groups; empty: all may use all.</summary>
    public IReadOnlyList<PermissionOptions> Permissions { get; init; } = [];

    public WatcherOptions Watcher { get; init; } = new();

    public CleanerOptions Cleaner { get; init; } = new();

    public StatusOptions Status { get; init; } = new();

    public ShipperOptions Shipper { get; init; } = new();

    public QuarantineOptions Quarantine { get; init; } = new();

    /// <summary>Oddities that are no reason to refuse the file, such as settings of the original that have no meaning here.</summary>
    public IReadOnlyList<ConfigFault> Warnings { get; init; } = [];
}

/// <summary>The daemon's own log, written through the sink like any application's.</summary>
public sealed record LoggingOptions
{
    /// <summary>The component in the segment names. The default is the original's.</summary>
    public string Component { get; init; } = "kafkafeeder";

    /// <summary>Where the segments go. To be shipped, the directory must be below log_dir and have a kafkafeeder.yaml in it.</summary>
    public required string Dir { get; init; }

    /// <summary>How often a new segment begins; divides a day. Default: one hour, as in the original's example.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromHours(1);
}

/// <summary>Looks for new logs and segments.</summary>
public sealed record WatcherOptions
{
    /// <summary>
    /// The time between two full scans. Default: 15 s, as in the original. New data is noticed at once; this is the safety
    /// net.
    /// </summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// Directories outside log_dir, and outside a kafkafeeder.yaml's own directory, where its <c>directory:</c> and links may
    /// lead. None, because whoever may write a kafkafeeder.yaml could point it at somebody else's logs.
    /// </summary>
    public IReadOnlyList<string> AllowDirectories { get; init; } = [];

    /// <summary>How many entries of one kafkafeeder.yaml count. Default: 500, as many as fit into its 64 KiB.</summary>
    public int MaxLogsPerFile { get; init; } = 500;

    /// <summary>
    /// How many entries count in the files of one user who is neither root nor the daemon's. Default: 2000, more than one
    /// application has.
    /// </summary>
    public int MaxLogsPerOwner { get; init; } = 2_000;

    /// <summary>As <see cref="MaxLogsPerOwner"/>, at and below one first-level directory.</summary>
    public int MaxLogsPerDirectory { get; init; } = 2_000;
}

/// <summary>What logs at and below a directory may use. If several cover a directory, the closest applies.</summary>
/// <param name="Directory">An absolute path.</param>
/// <param name="Topics">Names of topics. One that ends in <c>*</c> stands for all topics that begin so. Null: all.</param>
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
    /// <summary>The time between two runs. Default: one day, as in the original's example.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromDays(1);
}

/// <summary>The status page, metrics and health answers over HTTP.</summary>
public sealed record StatusOptions
{
    /// <summary>
    /// Null: no HTTP at all (<c>listen: off</c>). Port 8796 is the original's dashboard; loopback, because the page names
    /// files and topics and has no authentication. Port 0: any free one.
    /// </summary>
    public System.Net.IPEndPoint? Listen { get; init; } = new(System.Net.IPAddress.Loopback, 8796);

    /// <summary>The address for a command on the same host: loopback if the daemon listens at all addresses.</summary>
    public System.Net.IPEndPoint? AskAt => Listen is not { } listen ? null
        : listen.Address.Equals(System.Net.IPAddress.Any) ? new(System.Net.IPAddress.Loopback, listen.Port)
        : listen.Address.Equals(System.Net.IPAddress.IPv6Any) ? new(System.Net.IPAddress.IPv6Loopback, listen.Port)
        : listen;
}

/// <summary>How records are sent to the brokers. A setting is for all logs together unless it says otherwise.</summary>
public sealed record ShipperOptions
{
    /// <summary>The time between two saves of a log's checkpoint. Default: 1 s; at most that much is sent twice after SIGKILL.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Bytes of one log sent and not yet acknowledged. 8 MiB keeps a gigabit link with 50 ms round trip full.</summary>
    public long MaxInFlightBytes { get; init; } = 8L << 20;

    /// <summary>Bytes the process may take under load. 96 MiB: 30 idle, the rest for the windows of several logs.</summary>
    public long MemoryLimitBytes { get; init; } = 96L << 20;

    /// <summary>How long a stop waits for acknowledgements. 30 s, well within the 90 s that systemd waits by default.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A stop first ships everything on disk, for at most <see cref="DrainTimeout"/>. Off by default: if the disk stays, the
    /// next run continues, and a stop should be short.
    /// </summary>
    public bool DrainOnStop { get; init; }

    /// <summary>
    /// The longest time that a stop may take: shipping, if asked for, acknowledgements, and 15 s for the last saves and for
    /// closing the client.
    /// </summary>
    public TimeSpan StopLimit => (DrainTimeout * (DrainOnStop ? 2 : 1)) + TimeSpan.FromSeconds(15);
}

/// <summary>How much disk space below checkpoint_dir the quarantine may take.</summary>
public sealed record QuarantineOptions
{
    /// <summary>Bytes on the disk, of one log. 256 MiB: a few of the longest stretches of damage, or the bad records of years.</summary>
    public long MaxPerLogBytes { get; init; } = 256L << 20;

    /// <summary>Bytes on the disk, of all logs. 1 GiB: what a small disk can spare.</summary>
    public long MaxTotalBytes { get; init; } = 1L << 30;
}
