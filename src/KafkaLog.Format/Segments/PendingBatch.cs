using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>A batch on its way from the callers to the file.</summary>
internal sealed class PendingBatch(byte magic, int capacityBytes)
{
    /// <summary>The records.</summary>
    public IBatchBuilder Builder { get; } = BatchBuilders.Create(magic, capacityBytes);

    /// <summary>The number, among all appends of the writer, of the batch's first record.</summary>
    public long FirstTicket { get; set; }

    /// <summary>When the first record came, by the clock's timestamp.</summary>
    public long Opened { get; set; }

    /// <summary>Set if a caller waits for the batch to be on the disk.</summary>
    public SyncState? Sync { get; set; }

    /// <summary>The number after that of the batch's last record.</summary>
    public long EndTicket => FirstTicket + Builder.RecordsCount;
}

/// <summary>The outcome of a batch that a caller wants on the disk. Guarded by the writer's file lock.</summary>
internal sealed class SyncState
{
    public bool IsSynced { get; set; }

    public LogWriteException? Failure { get; set; }
}
