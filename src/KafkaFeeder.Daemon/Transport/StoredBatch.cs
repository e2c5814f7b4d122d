namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// A record batch in a file of a log: where it is and what it contains. It does not keep the bytes: they are read again if it has to
/// be sent again. Immutable.
/// </summary>
internal sealed class StoredBatch
{
    /// <summary>The name of the file, without its directory.</summary>
    public required string FileName { get; init; }

    /// <summary>
    /// Identifies the file whatever its name: the identity of the segment, or a checksum of its first bytes; "" if neither exists yet.
    /// </summary>
    public string FileIdentity { get; init; } = "";

    /// <summary>The position of its first byte in the file.</summary>
    public required long Position { get; init; }

    /// <summary>The position after its last byte.</summary>
    public required long EndPosition { get; init; }

    /// <summary>The offset of its first record.</summary>
    public required long BaseOffset { get; init; }

    /// <summary>The offset after its last record.</summary>
    public required long NextOffset { get; init; }

    /// <summary>The number of records in it.</summary>
    public required int RecordsCount { get; init; }

    /// <summary>The number of records in the file before <see cref="EndPosition"/>.</summary>
    public long EndRecords { get; init; }

    /// <summary>Its CRC as stored. After a restart it shows whether the file still contains this batch.</summary>
    public required uint StoredCrc { get; init; }

    /// <summary>Timestamp of its first record, ms since 1970 UTC; 0 if it has none.</summary>
    public required long BaseTimestamp { get; init; }

    /// <summary>Its size in the file, in bytes.</summary>
    public long Bytes => EndPosition - Position;
}
