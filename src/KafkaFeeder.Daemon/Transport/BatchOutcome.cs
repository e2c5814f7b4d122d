namespace KafkaFeeder.Daemon.Transport;

/// <summary>What became of a batch, by what has to happen next.</summary>
internal enum OutcomeKind
{
    /// <summary>All records are acknowledged: the acknowledged position may move.</summary>
    Acknowledged,

    /// <summary>A transient fault (no leader, not enough replicas, connection): send the rest again.</summary>
    Retriable,

    /// <summary>
    /// The brokers will not take it until somebody repairs something (topic, rights, credentials): hold the log, retry now and then.
    /// </summary>
    Held,

    /// <summary>The brokers will never take some records: <see cref="BatchOutcome.Rejected"/>.</summary>
    Rejected,

    /// <summary>The producer is broken and is being replaced: send the rest again.</summary>
    Fatal,

    /// <summary>Nobody knows whether the broker has it: not acknowledged, send the rest again.</summary>
    Unknown,
}

/// <summary>What became of one send of a batch. The transport decides what of a batch is acknowledged when others of it fail.</summary>
/// <param name="Kind">What to do next.</param>
/// <param name="Error">Kafka's error, its name and sentence; null when acknowledged.</param>
/// <param name="PossiblyPersistedRecords">Records that are not acknowledged but may have been stored: sending them again may
/// duplicate them.</param>
/// <param name="Rejected">Records that the brokers refused for what they are.</param>
internal sealed record BatchOutcome(
    OutcomeKind Kind, string? Error = null, int PossiblyPersistedRecords = 0, IReadOnlyList<RejectedRecord>? Rejected = null)
{
    /// <summary>
    /// By index: records that this send got acknowledged; null: none. Not looked at if the outcome is
    /// <see cref="OutcomeKind.Acknowledged"/>: then all are.
    /// </summary>
    public bool[]? Acknowledged { get; init; }

    /// <summary>True if everything that was rejected was too large, as a record or as the request that it was in.</summary>
    public bool IsOfSize { get; init; }
}

/// <summary>A record that the broker refused.</summary>
/// <param name="Index">Its place in the batch, from 0.</param>
/// <param name="Reason">Kafka's name for the error.</param>
/// <param name="Why">What it means for the records around it.</param>
internal readonly record struct RejectedRecord(int Index, string Reason, RejectionKind Why = RejectionKind.Record);

/// <summary>What a refusal says.</summary>
internal enum RejectionKind
{
    /// <summary>Of this record alone: it is too large, or cannot be expressed.</summary>
    Record,

    /// <summary>Perhaps of the topic: it may take no record of this kind (compacted, and without a key).</summary>
    Topic,

    /// <summary>Of its time: it may be taken later.</summary>
    Timestamp,
}
