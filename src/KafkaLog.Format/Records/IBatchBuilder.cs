using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Records;

/// <summary>Gathers records into one batch of some magic. Not thread-safe.</summary>
internal interface IBatchBuilder : IDisposable
{
    /// <summary>Records in the batch so far.</summary>
    int RecordsCount { get; }

    /// <summary>Bytes of the batch so far, uncompressed, header included.</summary>
    int Bytes { get; }

    /// <summary>Bytes of its records so far, uncompressed.</summary>
    int RecordsBytes { get; }

    /// <summary>The memory that it holds, in bytes.</summary>
    int CapacityBytes { get; }

    /// <summary>Adds a record after the others.</summary>
    void Append(in NewRecord record);

    /// <summary>
    /// Finishes the batch: compresses the records, fills in what is missing. The bytes are valid until the next call of
    /// anything here, or until <paramref name="compressed"/> is used again. May be called again, with another offset.
    /// </summary>
    /// <param name="baseOffset">The offset of the first record; the others follow without a gap.</param>
    /// <param name="segmentId">The segment's identity, for the magic that has room for it (docs/decisions/0003).</param>
    /// <param name="codec">How to compress; a batch that would not get smaller is stored as it is.</param>
    /// <param name="compressed">Room for the compressed batch; cleared first.</param>
    /// <param name="lockMark">
    /// Whether the writer holds the segment's lock, for the magic that has room for it (docs/decisions/0006).
    /// </param>
    ReadOnlySpan<byte> Complete(
        long baseOffset,
        long segmentId,
        ICompressionCodec? codec,
        ArrayBufferWriter<byte> compressed,
        int lockMark = RecordBatchHeader.NoLeaderEpoch);

    /// <summary>Makes the builder empty, for the next batch.</summary>
    void Reset();
}

/// <summary>The builders of each magic.</summary>
internal static class BatchBuilders
{
    /// <summary>An empty builder.</summary>
    public static IBatchBuilder Create(byte magic, int capacityBytes) =>
        magic == 2 ? new RecordBatchBuilder(capacityBytes) : new MessageSetBuilder(magic, capacityBytes);

    /// <summary>An upper bound of the bytes that <paramref name="record"/> adds, in any magic.</summary>
    public static long MaxEncodedBytes(in NewRecord record)
    {
        var bytes = LegacyMessage.MinBytesOf(1) + record.Key.Length + (long)record.Value.Length;
        foreach (var header in record.Headers)
        {
            bytes += (2 * Varint.MaxBytes) + header.Name.Length + (header.Value?.Length ?? 0);
        }

        return Math.Max(bytes, bytes - LegacyMessage.MinBytesOf(1) + 1 + (6 * Varint.MaxBytes));
    }

    /// <summary>Whether a record can be written in a magic.</summary>
    public static bool CanHold(in NewRecord record, byte magic, [NotNullWhen(false)] out string? fault)
    {
        fault = magic < 2 && !record.Headers.IsEmpty
            ? $"A record with headers cannot be written in magic {magic}, which has none: magic 2 has."
            : null;
        return fault is null;
    }
}
