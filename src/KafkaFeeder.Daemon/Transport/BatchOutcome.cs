namespace KafkaFeeder.Daemon.Transport;

/// <summary>The outcome of a batch, by what has to be done next.</summary>
internal enum OutcomeKind
{
    /// <summary>All records are acknowledged: the acknowledged position may move.</summary>
    Acknowledged,

    /// <summary>A transient error (no leader, not enough replicas, connection): send the rest again.</summary>
    Retriable,

    /// <summary>
    /// The brokers accept nothing until somebody repairs something (topic, rights, credentials): hold the log, retry from time to time.
    /// </summary>
    Held,

    /// <summary>The brokers will never accept some records: <see cref="BatchOutcome.Rejected"/>.</summary>
    Rejected,

    /// <summary>The producer is broken and is being replaced: send the rest again.</summary>
    Fatal,

    /// <summary>It cannot be determined whether the broker has it: not acknowledged, send the rest again.</summary>
    Unknown,
}

/// <summary>The outcome of one send of a batch. If only some records fail, the transport determines which are acknowledged.</summary>
/// <param name="Kind">What to do next.</param>
/// <param name="Error">Kafka's error, its name and text; null if acknowledged.</param>
/// <param name="PossiblyPersistedRecords">
/// The number of records that are not acknowledged but may have been stored: sending them again may duplicate them.
/// </param>
/// <param name="Rejected">Records that the brokers refused and will never accept.</param>
internal sealed record BatchOutcome(
    OutcomeKind Kind, string? Error = null, int PossiblyPersistedRecords = 0, IReadOnlyList<RejectedRecord>? Rejected = null)
{
    /// <summary>
    /// By index: true for records that this send got acknowledged; null: none. Ignored if the outcome is
    /// <see cref="OutcomeKind.Acknowledged"/>: then all are.
    /// </summary>
    public bool[]? Acknowledged { get; init; }

    /// <summary>True if all rejected records failed because of size, either of the record or of its request.</summary>
    public bool IsOfSize { get; init; }
}

/// <summary>A record that the broker refused.</summary>
/// <param name="Index">Its index in the batch, from 0.</param>
/// <param name="Reason">Kafka's name for the error.</param>
/// <param name="Why">What the error says about other records.</param>
internal readonly record struct RejectedRecord(int Index, string Reason, RejectionKind Why = RejectionKind.Record);

/// <summary>What a refusal concerns.</summary>
internal enum RejectionKind
{
    /// <summary>Only this record: it is too large, or cannot be sent as it is.</summary>
    Record,

    /// <summary>Perhaps the topic: it may refuse every such record (a compacted topic, and records without a key).</summary>
    Topic,

    /// <summary>Its timestamp: it may be accepted later.</summary>
    Timestamp,
}

/// <summary>Outcomes in words.</summary>
internal static class OutcomeWords
{
    /// <summary>For logs.</summary>
    public static string InWords(this OutcomeKind kind) => kind switch
    {
        OutcomeKind.Retriable => "a transient fault",
        OutcomeKind.Held => "held until somebody repairs it",
        OutcomeKind.Rejected => "refused",
        OutcomeKind.Fatal => "the producer is being replaced",
        OutcomeKind.Unknown => "the answer is unknown",
        _ => "acknowledged",
    };
}
