using System.Buffers.Binary;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>
/// The header of a batch. In magic 0 and 1 a batch is one entry of the file: a message, or a wrapper with the messages in
/// it; values that they have no field for are -1 (docs/FILE_FORMAT.md). In magic 2 it is the header of a record batch. All
/// integers are big-endian. Source: Kafka's <c>DefaultRecordBatch</c>, KIP-98.
/// <code>
/// position  bytes  field
///        0      8  BaseOffset             \
///        8      4  BatchLength             | not covered by the CRC
///       12      4  PartitionLeaderEpoch    |
///       16      1  Magic = 2              /
///       17      4  StoredCrc              CRC-32C of all that follows
///       21      2  Attributes             bits 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
///       23      4  LastOffsetDelta
///       27      8  BaseTimestamp          ms since 1970-01-01 UTC
///       35      8  MaxTimestamp           ms since 1970-01-01 UTC
///       43      8  ProducerId
///       51      2  ProducerEpoch
///       53      4  BaseSequence
///       57      4  RecordsCount
///       61         records, compressed as one block
/// </code>
/// </summary>
public readonly record struct RecordBatchHeader
{
    /// <summary>The header's length in bytes, in magic 2.</summary>
    public const int Bytes = 61;

    /// <summary>Bytes before <see cref="BatchLength"/> begins to count: BaseOffset and BatchLength itself.</summary>
    public const int LogOverhead = 12;

    /// <summary>The position of the magic byte, the same in every version of the format.</summary>
    public const int MagicPosition = 16;

    internal const int NoLeaderEpoch = -1;
    internal const int CrcPosition = 17;
    internal const int AttributesPosition = 21;

    /// <summary>The offset of the first record that was written into the batch.</summary>
    public long BaseOffset { get; init; }

    /// <summary>Bytes of the batch after this field.</summary>
    public int BatchLength { get; init; }

    /// <summary>Set by brokers; -1 from producers. Our writer notes here that it holds the segment's lock (docs/decisions/0006).</summary>
    public int PartitionLeaderEpoch { get; init; }

    /// <summary>0, 1 or 2.</summary>
    public byte Magic { get; init; }

    /// <summary>The CRC-32C, in magic 0 and 1 the CRC-32, that stands in the header.</summary>
    public uint StoredCrc { get; init; }

    /// <summary>Codec and flags.</summary>
    public short Attributes { get; init; }

    /// <summary>Offset of the last record less <see cref="BaseOffset"/>.</summary>
    public int LastOffsetDelta { get; init; }

    /// <summary>Timestamp of the first record, ms since 1970 UTC; -1 in magic 0.</summary>
    public long BaseTimestamp { get; init; }

    /// <summary>Largest timestamp of the batch, ms since 1970 UTC; -1 in magic 0.</summary>
    public long MaxTimestamp { get; init; }

    /// <summary>The idempotent producer's id, or -1. Our writer puts the segment's identity here.</summary>
    public long ProducerId { get; init; }

    /// <summary>The idempotent producer's epoch, or -1.</summary>
    public short ProducerEpoch { get; init; }

    /// <summary>The sequence number of the first record, or -1.</summary>
    public int BaseSequence { get; init; }

    /// <summary>The number of records; 0 in a batch that compaction emptied; -1 in a wrapper that was not opened.</summary>
    public int RecordsCount { get; init; }

    /// <summary>How the records are compressed.</summary>
    public CompressionType Compression => (CompressionType)(Attributes & 0x07);

    /// <summary>True if the records carry <see cref="MaxTimestamp"/> as theirs (LogAppendTime).</summary>
    public bool IsLogAppendTime => (Attributes & 0x08) != 0;

    /// <summary>True if the records belong to a transaction. They are data, even if it was aborted.</summary>
    public bool IsTransactional => (Attributes & 0x10) != 0;

    /// <summary>True for a transaction's marker: not data.</summary>
    public bool IsControl => (Attributes & 0x20) != 0;

    /// <summary>True if <see cref="BaseTimestamp"/> is when compaction may drop tombstones, not the first record's (KIP-534).</summary>
    public bool HasDeleteHorizon => (Attributes & 0x40) != 0;

    /// <summary>Length of the whole batch in bytes, header included.</summary>
    public long TotalBytes => (long)BatchLength + LogOverhead;

    /// <summary>The offset after the batch's last record.</summary>
    public long NextOffset => BaseOffset + LastOffsetDelta + 1;

    /// <summary>Reads the fields of magic 2; nothing is checked. <paramref name="source"/> holds at least <see cref="Bytes"/>.</summary>
    public static RecordBatchHeader Read(ReadOnlySpan<byte> source) => new()
    {
        BaseOffset = BinaryPrimitives.ReadInt64BigEndian(source),
        BatchLength = BinaryPrimitives.ReadInt32BigEndian(source[8..]),
        PartitionLeaderEpoch = BinaryPrimitives.ReadInt32BigEndian(source[12..]),
        Magic = source[MagicPosition],
        StoredCrc = BinaryPrimitives.ReadUInt32BigEndian(source[CrcPosition..]),
        Attributes = BinaryPrimitives.ReadInt16BigEndian(source[AttributesPosition..]),
        LastOffsetDelta = BinaryPrimitives.ReadInt32BigEndian(source[23..]),
        BaseTimestamp = BinaryPrimitives.ReadInt64BigEndian(source[27..]),
        MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(source[35..]),
        ProducerId = BinaryPrimitives.ReadInt64BigEndian(source[43..]),
        ProducerEpoch = BinaryPrimitives.ReadInt16BigEndian(source[51..]),
        BaseSequence = BinaryPrimitives.ReadInt32BigEndian(source[53..]),
        RecordsCount = BinaryPrimitives.ReadInt32BigEndian(source[57..]),
    };

    /// <summary>
    /// Writes the header of a batch whose records are already in place after it, with the length and the CRC-32C computed
    /// from <paramref name="batch"/>, header and records together.
    /// </summary>
    public void WriteTo(Span<byte> batch)
    {
        BinaryPrimitives.WriteInt64BigEndian(batch, BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(batch[8..], batch.Length - LogOverhead);
        BinaryPrimitives.WriteInt32BigEndian(batch[12..], PartitionLeaderEpoch);
        batch[MagicPosition] = Magic;
        BinaryPrimitives.WriteInt16BigEndian(batch[AttributesPosition..], Attributes);
        BinaryPrimitives.WriteInt32BigEndian(batch[23..], LastOffsetDelta);
        BinaryPrimitives.WriteInt64BigEndian(batch[27..], BaseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[35..], MaxTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(batch[43..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(batch[51..], ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(batch[53..], BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(batch[57..], RecordsCount);
        BinaryPrimitives.WriteUInt32BigEndian(batch[CrcPosition..], ComputeCrc(batch));
    }

    /// <summary>The CRC that the header of a whole batch should have: CRC-32C, in magic 0 and 1 CRC-32.</summary>
    public static uint ComputeCrc(ReadOnlySpan<byte> batch) =>
        batch[MagicPosition] == 2 ? Crc32C.Compute(batch[AttributesPosition..]) : LegacyMessage.ComputeCrc(batch);

    /// <summary>How many bytes <see cref="TryRead"/> needs to read the header of a magic; 0 if there is no such magic.</summary>
    internal static int BytesOf(byte magic) => magic switch
    {
        2 => Bytes,
        < 2 => LegacyMessage.MinBytesOf(magic),
        _ => 0,
    };

    /// <summary>
    /// Reads the fields of a header of any magic as they are stored; nothing is checked. False if
    /// <paramref name="source"/> is shorter than the header, or the magic is unknown.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, out RecordBatchHeader header)
    {
        var bytes = source.Length > MagicPosition ? BytesOf(source[MagicPosition]) : 0;
        if (bytes == 0 || source.Length < bytes)
        {
            header = default;
            return false;
        }

        header = source[MagicPosition] == 2 ? Read(source) : LegacyMessage.ReadHeader(source);
        return true;
    }
}
