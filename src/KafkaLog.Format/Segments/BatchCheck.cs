using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>Checks bytes that should be a batch. Pure.</summary>
internal static class BatchCheck
{
    private const short KnownAttributes = 0x7F;

    /// <summary>The fewest bytes of a record of magic 2: its length, and a byte for each field.</summary>
    private const int MinRecordBytes = 7;

    /// <summary>The fewest bytes that any batch has.</summary>
    public const int MinBytes = LegacyMessage.MinBytes;

    /// <summary>Whether a batch may have such a header. Nothing after it is examined.</summary>
    public static bool IsPossible(in RecordBatchHeader header, int maxBatchBytes) =>
        HasPossibleLength(header, maxBatchBytes) && HasPossibleCount(header);

    /// <summary>The same, and what is wrong with it.</summary>
    public static bool IsPossible(in RecordBatchHeader header, int maxBatchBytes, [NotNullWhen(false)] out string? fault)
    {
        var minBytes = RecordBatchHeader.BytesOf(header.Magic);
        fault = !HasPossibleLength(header, maxBatchBytes)
            ? $"batch length is {header.BatchLength}, expected {minBytes - RecordBatchHeader.LogOverhead} to "
                + $"{maxBatchBytes - RecordBatchHeader.LogOverhead} (magic {header.Magic})"
            : !HasPossibleCount(header) ? $"{header.RecordsCount} records with a last offset delta of {header.LastOffsetDelta}"
            : null;
        return fault is null;
    }

    /// <summary>
    /// Whether these bytes may be the start of a batch that a writer is still writing. Bytes that it has not copied yet are
    /// zeros, so a length may still be too small and a CRC wrong.
    /// </summary>
    public static bool CanBegin(ReadOnlySpan<byte> head, int maxBatchBytes, [NotNullWhen(false)] out string? fault)
    {
        fault = null;
        if (head.Length < RecordBatchHeader.LogOverhead)
        {
            return true;
        }

        var most = maxBatchBytes - RecordBatchHeader.LogOverhead;
        var length = BinaryPrimitives.ReadInt32BigEndian(head[8..]);
        fault = length < 0 || length > most ? $"batch length is {length}, expected at most {most}"
            : head.Length > RecordBatchHeader.MagicPosition && head[RecordBatchHeader.MagicPosition] is > 2 and var magic
                ? FaultOfMagic(magic)
            : null;
        return fault is null;
    }

    private static bool HasPossibleLength(in RecordBatchHeader header, int maxBatchBytes) =>
        header.TotalBytes >= RecordBatchHeader.BytesOf(header.Magic) && header.TotalBytes <= maxBatchBytes;

    private static bool HasPossibleCount(in RecordBatchHeader header) =>
        header.Magic < 2
        || (header.RecordsCount >= 0 && header.LastOffsetDelta >= 0 && header.RecordsCount - 1 <= header.LastOffsetDelta
            && header.RecordsCount <= MostRecords(header));

    /// <summary>The most records that fit into so many bytes: a larger count is not believed.</summary>
    private static long MostRecords(in RecordBatchHeader header)
    {
        var bytes = header.TotalBytes - RecordBatchHeader.Bytes;
        return (header.Compression == CompressionType.None ? bytes : SegmentReader.DefaultMaxBatchBytes) / MinRecordBytes;
    }

    /// <summary>Whether the offsets of a batch whose CRC is right make sense: the CRC does not cover all of them.</summary>
    public static bool HasPossibleOffsets(in RecordBatchHeader header, [NotNullWhen(false)] out string? fault)
    {
        fault = header.BaseOffset < 0 || header.NextOffset < header.BaseOffset ? $"its base offset is {header.BaseOffset}" : null;
        return fault is null;
    }

    /// <summary>The fault of a magic byte that no version of the format has.</summary>
    public static string FaultOfMagic(byte magic) => $"magic is {magic}, expected 0, 1 or 2";

    /// <summary>
    /// A quick check for the search after damage, in a file without an identity: may a batch begin here? Stricter than
    /// <see cref="IsPossible(in RecordBatchHeader, int)"/>, since each yes costs a CRC over the batch.
    /// </summary>
    public static bool LooksLikeHeader(in RecordBatchHeader header, int maxBatchBytes, long minOffset) =>
        IsPossible(header, maxBatchBytes)
        && (header.MaxTimestamp >= -1 || SegmentId.Of(header) is not null) // Kafka has no earlier timestamps; our writer may
        && (header.Magic == 2
            ? header.BaseOffset >= minOffset && (header.Attributes & ~KnownAttributes) == 0
            : LooksLikeMessage(header, minOffset));

    // A wrapper of magic 0 may have any offset: go-kafkalog leaves it 0, and the messages in it have their own.
    private static bool LooksLikeMessage(in RecordBatchHeader header, long minOffset) =>
        header.Compression <= CompressionType.Lz4
        && header.BaseOffset >= (header.Magic == 0 && header.Compression != CompressionType.None ? 0 : minOffset);
}
