using KafkaLog.Format.Records;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Producing;

/// <summary>
/// Looks for the batches of a producer in what was fetched from a partition. Only headers are read. Pure.
/// </summary>
/// <param name="producerId">The producer.</param>
/// <param name="fromOffset">The first offset that is wanted: batches that end before it do not count.</param>
internal sealed class TailScan(long producerId, long fromOffset)
{
    /// <summary>The offset to fetch next.</summary>
    public long NextOffset { get; private set; } = fromOffset;

    /// <summary>The sequence of the last record of the producer that was found; null: none.</summary>
    public int? LastSequence { get; private set; }

    /// <summary>The offset after that record; the offset that was wanted if there is none.</summary>
    public long EndOffset { get; private set; } = fromOffset;

    /// <summary>Reads batches one after the other; the last may be cut short.</summary>
    /// <returns>False if there is not one whole header.</returns>
    /// <exception cref="ProtocolException">A length makes no sense.</exception>
    public bool Read(ReadOnlySpan<byte> records)
    {
        var any = false;
        while (RecordBatchHeader.TryRead(records, out var header))
        {
            if (header.TotalBytes <= RecordBatchHeader.LogOverhead || header.BaseOffset < 0 || header.LastOffsetDelta < 0)
            {
                throw new ProtocolException($"a fetched batch at offset {header.BaseOffset} has a length of {header.TotalBytes} bytes");
            }

            any = true;
            Take(header);
            if (header.TotalBytes >= records.Length)
            {
                break;
            }

            records = records[(int)header.TotalBytes..];
        }

        return any;
    }

    private void Take(in RecordBatchHeader header)
    {
        // Batches of magic 0 and 1 have no producer, and a wrapper's offset is that of its last message.
        var next = header.Magic == 2 ? header.NextOffset : header.BaseOffset + 1;
        NextOffset = Math.Max(NextOffset, next);
        if (header.Magic == 2 && header.ProducerId == producerId && !header.IsControl && next > EndOffset)
        {
            LastSequence = Batches.BatchStamp.SequenceAfter(header.BaseSequence, header.LastOffsetDelta);
            EndOffset = next;
        }
    }
}

/// <summary>What the end of a partition has of a producer.</summary>
/// <param name="LastSequence">The sequence of its last record there; null: it has none.</param>
/// <param name="EndOffset">The offset after that record.</param>
/// <param name="HighWatermark">The offset after the last record that all in-sync replicas have: it was read to there.</param>
internal readonly record struct TailRead(int? LastSequence, long EndOffset, long HighWatermark)
{
    /// <summary>True if what was to be read first is deleted, as by retention: records of the producer may have been there.</summary>
    public bool IsCutAtStart { get; init; }
}
