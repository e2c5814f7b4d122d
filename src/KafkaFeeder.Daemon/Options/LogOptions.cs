using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Options;

/// <summary>One log: an entry of a <c>kafkafeeder.yaml</c>.</summary>
public sealed record LogOptions
{
    /// <summary>The component in the segments' names.</summary>
    public required string Component { get; init; }

    public required string Topic { get; init; }

    /// <summary>A group of conf.yaml: see <see cref="BrokerGroupCheck"/>.</summary>
    public required string Broker { get; init; }

    /// <summary>
    /// Where the segments are: beside the kafkafeeder.yaml, or where its <c>directory:</c> says. Absolute, as it was written:
    /// symlinks are not resolved.
    /// </summary>
    public required string Directory { get; init; }

    /// <summary>Shipped segments older than this are deleted; null: kept forever.</summary>
    public TimeSpan? Retention { get; init; }

    /// <summary>Default: all in-sync replicas, as in the original. A record that only the leader has is lost with it.</summary>
    public AckLevel Ack { get; init; } = AckLevel.AllInSync;

    /// <summary>Default: as in the Java client, so that other producers of the topic put the same key into the same partition.</summary>
    public PartitionerKind Partitioner { get; init; } = PartitionerKind.Murmur2Random;

    /// <summary>Default: quarantine. One record that Kafka will never accept should not stop a log forever.</summary>
    public RejectAction OnReject { get; init; } = RejectAction.Quarantine;

    /// <summary>File, offset and host as record headers, for consumers that remove duplicates. Costs about 60 bytes a record.</summary>
    public bool OriginHeaders { get; init; }

    /// <summary>One batch in flight per partition; null: only where the brokers have no idempotent producer.</summary>
    public bool? StrictOrder { get; init; }

    /// <summary>The kafkafeeder.yaml, as it was named to the loader.</summary>
    public required string SourceFile { get; init; }

    /// <summary>The line of the entry in <see cref="SourceFile"/>, from 1.</summary>
    public required int SourceLine { get; init; }

    /// <summary>The line of its <c>broker:</c>, from 1.</summary>
    public required int BrokerLine { get; init; }

    /// <summary>
    /// Whether records go to the same place in the same way. If so, changes of the other settings take effect without a
    /// restart.
    /// </summary>
    public bool GoesLike(LogOptions other) =>
        Topic == other.Topic && Broker == other.Broker && Ack == other.Ack && Partitioner == other.Partitioner
            && StrictOrder == other.StrictOrder;

    /// <summary>Whether a reload has nothing to change: equal apart from the place in the file.</summary>
    public bool HasSameSettings(LogOptions other) => this with { SourceLine = other.SourceLine, BrokerLine = other.BrokerLine } == other;
}

/// <summary>Whose acknowledgement counts. The numbers are those of Kafka's protocol.</summary>
public enum AckLevel
{
    /// <summary>Every in-sync replica has it.</summary>
    AllInSync = -1,

    /// <summary>Nobody's: a record that was sent counts as acknowledged. Loses records whenever a connection breaks.</summary>
    None = 0,

    /// <summary>The leader has it; lost when the leader dies before the others fetched it.</summary>
    Leader = 1,
}

/// <summary>Which partition a key goes to; records without a key are spread at random by all of them.</summary>
public enum PartitionerKind
{
    Murmur2Random,

    /// <summary>The original's <c>Hash</c>.</summary>
    Fnv1aRandom,

    /// <summary>Keys are ignored.</summary>
    Random,
}

/// <summary>What to do with a record that the brokers will never accept.</summary>
public enum RejectAction
{
    /// <summary>Put the whole record into quarantine and continue.</summary>
    Quarantine,

    /// <summary>Hold this log until somebody repairs it.</summary>
    Hold,
}

/// <summary>What a <c>kafkafeeder.yaml</c> says.</summary>
public sealed record ParsedLogs
{
    /// <summary>The entries without a fault.</summary>
    public IReadOnlyList<LogOptions> Logs { get; init; } = [];

    public IReadOnlyList<ConfigFault> Faults { get; init; } = [];

    /// <summary>
    /// False when the file as a whole could not be read (absent, half-written, not YAML): what it says about any log
    /// is then unknown. When true, an entry that is neither in <see cref="Logs"/> nor among
    /// <see cref="FaultyComponents"/> has been removed by its author.
    /// </summary>
    public bool FileReadable { get; init; }

    /// <summary>Components whose entry has a fault: their last good settings stay in force.</summary>
    public IReadOnlyList<string> FaultyComponents { get; init; } = [];
}
