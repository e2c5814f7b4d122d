namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// A stored batch on its way to the brokers. It carries no bytes: they are on disk, and are read again if it has to be
/// sent again.
/// </summary>
internal sealed class OutboundBatch
{
    /// <summary>The segment it is from; nothing in a transport looks at it.</summary>
    public required object Origin { get; init; }

    /// <summary>The name of the segment, for origin headers and messages.</summary>
    public required string SegmentName { get; init; }

    /// <summary>Its first byte in the segment.</summary>
    public required long Position { get; init; }

    /// <summary>The byte behind its last.</summary>
    public required long EndPosition { get; init; }

    /// <summary>The offset of its first record.</summary>
    public required long BaseOffset { get; init; }

    /// <summary>The offset behind its last record.</summary>
    public required long NextOffset { get; init; }

    /// <summary>Records in it.</summary>
    public required int RecordsCount { get; init; }

    /// <summary>Records of the segment before <see cref="EndPosition"/>.</summary>
    public long EndRecords { get; init; }

    /// <summary>What names the segment for all time, wherever it lies: its writer's identity, or what stands at its front.</summary>
    public string SegmentIdentity { get; init; } = "";

    /// <summary>True: it was confirmed before, and is sent again because the file is not as the checkpoint says.</summary>
    public bool WasConfirmed { get; init; }

    /// <summary>Its CRC-32C as stored: what tells, after a restart, that the file still holds this batch.</summary>
    public required uint StoredCrc { get; init; }

    /// <summary>Timestamp of its first record, ms since 1970 UTC.</summary>
    public required long BaseTimestamp { get; init; }

    /// <summary>
    /// By index: records that need not be sent, because an earlier try got them acknowledged, or they are in quarantine.
    /// Null: all are to be sent. Written by a transport before it reports an outcome, and by the shipper between sends.
    /// </summary>
    public bool[]? Settled { get; set; }

    /// <summary>
    /// By index: records that are safe in quarantine, but may not be in the ledger yet. Null: none. Set by the shipper's book of losses,
    /// so that trying again makes no second copy.
    /// </summary>
    public HashSet<int>? InQuarantine { get; set; }

    /// <summary>True: send the records one by one, to find those that the broker will never take among their neighbours.</summary>
    public bool IsIsolated { get; set; }

    /// <summary>True once it was given to a transport; set by the shipper.</summary>
    public bool WasSent { get; set; }

    /// <summary>Records that were settled when it was given to a transport last; set by the shipper.</summary>
    public int SettledWhenSent { get; set; }

    /// <summary>True once a try got some of its records acknowledged, and others refused; set by the shipper.</summary>
    public bool IsAnyTaken { get; set; }

    /// <summary>Memory that is bound until the outcome is there, in bytes; set by the transport.</summary>
    public long CostBytes { get; set; }

    /// <summary>Bytes in the segment.</summary>
    public long Bytes => EndPosition - Position;

    /// <summary>Records at the front that are settled: the watermark may pass them.</summary>
    public int LeadingSettled => Settled is null ? 0 : Settled.AsSpan().IndexOf(false) is var first and >= 0 ? first : RecordsCount;

    /// <summary>Marks a record as one that need not be sent any more.</summary>
    public void Settle(int index) => (Settled ??= new bool[RecordsCount])[index] = true;
}
