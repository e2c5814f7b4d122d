using System.Buffers.Binary;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>What bytes are that should be a record batch. Pure.</summary>
internal static class BatchCheck
{
    private const int LegacyHeaderBytes = 18; // offset, size, CRC-32, magic, attributes
    private const short KnownAttributes = 0x7F;

    /// <summary>What is wrong with a header, before a byte behind it is looked at; null if nothing is.</summary>
    public static string? FaultOf(in RecordBatchHeader header, int maxBatchBytes)
    {
        if (header.Magic != 2)
        {
            return $"magic is {header.Magic}, expected 2";
        }

        if (header.BatchLength < RecordBatchHeader.Bytes - RecordBatchHeader.LogOverhead || header.TotalBytes > maxBatchBytes)
        {
            return $"batch length is {header.BatchLength}, expected {RecordBatchHeader.Bytes - RecordBatchHeader.LogOverhead} to {maxBatchBytes - RecordBatchHeader.LogOverhead}";
        }

        if (header.RecordsCount < 0 || header.LastOffsetDelta < 0 || header.RecordsCount - 1 > header.LastOffsetDelta)
        {
            return $"{header.RecordsCount} records with a last offset delta of {header.LastOffsetDelta}";
        }

        return null;
    }

    /// <summary>
    /// A quick look for the search after damage: would a batch begin here? Stricter than <see cref="FaultOf"/>, since
    /// each yes costs a CRC over the batch.
    /// </summary>
    public static bool LooksLikeHeader(in RecordBatchHeader header, int maxBatchBytes, long minOffset) =>
        FaultOf(header, maxBatchBytes) is null
        && header.BaseOffset >= minOffset
        && (header.Attributes & ~KnownAttributes) == 0
        && header.MaxTimestamp >= -1;

    /// <summary>True if the bytes are a sound message of magic 0 or 1: not damage, but not ours to read.</summary>
    public static bool IsLegacyMessage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < LegacyHeaderBytes || bytes[RecordBatchHeader.MagicPosition] > 1)
        {
            return false;
        }

        var size = BinaryPrimitives.ReadInt32BigEndian(bytes[8..]);
        return size >= LegacyHeaderBytes - RecordBatchHeader.LogOverhead
            && size <= bytes.Length - RecordBatchHeader.LogOverhead
            && BinaryPrimitives.ReadUInt32BigEndian(bytes[12..]) == Crc32.Compute(bytes.Slice(16, size - 4));
    }

    /// <summary>The size that a message of magic 0 or 1 at the start of <paramref name="bytes"/> claims; 0 if it cannot be one.</summary>
    public static long LegacyTotalBytesOrZero(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < LegacyHeaderBytes || bytes[RecordBatchHeader.MagicPosition] > 1)
        {
            return 0;
        }

        var size = BinaryPrimitives.ReadInt32BigEndian(bytes[8..]);
        return size > 0 ? (long)size + RecordBatchHeader.LogOverhead : 0;
    }
}
