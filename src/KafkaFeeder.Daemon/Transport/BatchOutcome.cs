namespace KafkaFeeder.Daemon.Transport;

/// <summary>What became of a batch, by what has to happen next.</summary>
internal enum OutcomeKind
{
    /// <summary>All records are acknowledged: the watermark may move.</summary>
    Acknowledged,

    /// <summary>A passing fault (no leader, not enough replicas, connection): send what is not settled again.</summary>
    Retriable,

    /// <summary>
    /// It will not be taken until somebody repairs something (topic, rights, credentials): hold the log, try now and then.
    /// </summary>
    Held,

    /// <summary>Some records will never be taken: <see cref="BatchOutcome.Rejected"/>.</summary>
    Rejected,

    /// <summary>The producer is broken and is replaced: send what is not settled again.</summary>
    Fatal,

    /// <summary>Nobody knows whether the broker has it: not acknowledged, send what is not settled again.</summary>
    Unknown,
}

/// <summary>The one outcome of a batch. What was acknowledged is marked in the batch before it is reported.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="Kind">What to do.</param>
/// <param name="Error">Kafka's error, its name and sentence; null when acknowledged.</param>
/// <param name="PossiblyPersistedRecords">Records that are not acknowledged but may have been stored: sending them again may
/// double them.</param>
/// <param name="Rejected">Records that the broker refused for what they are.</param>
internal sealed record BatchOutcome(
    OutboundBatch Batch,
    OutcomeKind Kind,
    string? Error = null,
    int PossiblyPersistedRecords = 0,
    IReadOnlyList<RejectedRecord>? Rejected = null)
{
    /// <summary>True if all that was rejected was so for the size, of the record or of the request that it was in.</summary>
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
