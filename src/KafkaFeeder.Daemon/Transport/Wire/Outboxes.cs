using System.Buffers;
using KafkaLog.Format;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// Makes batches for the partitions of one log and sends them. A stored batch goes as it lies if it is not small, or is compressed and
/// need not wait; other small ones are gathered, and those that have to wait are merged with their neighbours. Not thread-safe.
/// </summary>
/// <param name="group">What the logs of the broker group share.</param>
/// <param name="topic">The topic.</param>
/// <param name="time">The clock.</param>
/// <param name="onAnswer">Called for each batch that was sent, on any thread.</param>
internal sealed class Outboxes(WireGroup group, string topic, TimeProvider time, Action<WireBatch, AppendResult> onAnswer)
{
    /// <summary>Smaller batches are gathered at once; larger ones go as they are, unless they have to wait.</summary>
    private const int SmallBytes = 16 << 10;

    /// <summary>Smaller compressed batches are opened and gathered if they have to wait: those of one record or a few.</summary>
    private const int TinyBytes = 1 << 10;

    /// <summary>A small compressed batch that has more in it goes as it is.</summary>
    private const int MaxOpenedBytes = 64 << 10;

    private const int CodecBits = 0x07; // of the attributes of a batch; the others are set by brokers only

    private readonly Dictionary<(Lane Lane, int Partition), PartitionOutbox> _outboxes = [];
    private int _batchLimit = group.BatchBytes;

    /// <summary>Batches that were sent and have no answer.</summary>
    public int InFlight { get; private set; }

    /// <summary>True: nothing more is sent.</summary>
    public bool IsStopped { get; set; }

    /// <summary>The outbox of a lane for a partition.</summary>
    public PartitionOutbox Of(Lane lane, int partition)
    {
        if (!_outboxes.TryGetValue((lane, partition), out var outbox))
        {
            _outboxes[(lane, partition)] = outbox = new PartitionOutbox(lane, partition);
        }

        return outbox;
    }

    /// <summary>True if the lane of an outbox is still in use.</summary>
    public bool Has(PartitionOutbox outbox) =>
        _outboxes.TryGetValue((outbox.Lane, outbox.Partition), out var mine) && ReferenceEquals(mine, outbox);

    /// <summary>Adds a stored batch of magic 2 whose records all go to one partition.</summary>
    /// <param name="outbox">Where it goes.</param>
    /// <param name="stored">The batch.</param>
    /// <param name="header">Its header.</param>
    /// <param name="piece">Its place in the sequence.</param>
    /// <param name="skip">How many of its first records are left out.</param>
    /// <returns>The memory that they take until they are acknowledged, in bytes.</returns>
    /// <exception cref="CorruptBatchException">Its records cannot be read; none was added.</exception>
    /// <exception cref="UnsupportedBatchException">The library of its codec is not installed; none was added.</exception>
    public long AddWhole(PartitionOutbox outbox, ReadOnlySpan<byte> stored, in RecordBatchHeader header, in Piece piece, int skip)
    {
        var isCompressed = header.Compression != CompressionType.None;
        if (skip == 0 && stored.Length <= _batchLimit && GoesAsItIs(outbox, stored, isCompressed)
            && header.LastOffsetDelta == header.RecordsCount - 1
            && (header.Attributes & ~CodecBits) == 0)
        {
            AddAsItIs(outbox, stored, piece);
            return stored.Length;
        }

        var most = BatchAssembler.MaxBytesOf(stored.Length, piece.Count - skip);
        if (!isCompressed && !header.IsControl && most <= _batchLimit)
        {
            GatheringFor(outbox, most, piece.First + skip).AppendBatch(stored, skip);
            return stored.Length;
        }

        ThrowIfUnreadable(stored);
        var records = group.Decoder.Decode(stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i >= skip)
            {
                Add(outbox, records.Current, piece.First + i);
            }
        }

        return group.Decoder.RecordsBytes;
    }

    /// <summary>Adds a record.</summary>
    /// <param name="outbox">Where it goes.</param>
    /// <param name="record">The record.</param>
    /// <param name="count">Its place in the sequence.</param>
    public void Add(PartitionOutbox outbox, in Record record, long count) =>
        GatheringFor(outbox, BatchAssembler.MaxBytesOf(record), count).Append(record);

    /// <summary>A batch of one record, which is not sent yet.</summary>
    /// <param name="outbox">Where it goes.</param>
    /// <param name="record">An assembler with the record.</param>
    /// <param name="count">Its place in the sequence.</param>
    /// <param name="oneOf">The batch that it belongs to.</param>
    /// <param name="index">Its index there.</param>
    public WireBatch Single(PartitionOutbox outbox, BatchAssembler record, long count, SentBatch oneOf, int index) =>
        Complete(outbox, record, count, oneOf, index);

    /// <summary>Sends what is gathered.</summary>
    public void Flush()
    {
        foreach (var outbox in _outboxes.Values)
        {
            Flush(outbox);
        }
    }

    /// <summary>Sends what may be sent now.</summary>
    public void Send(PartitionOutbox outbox)
    {
        while (!IsStopped && outbox.TakeSendable(time.GetUtcNow()) is { } next)
        {
            InFlight++;
            group.Cluster.Append(next.IsMergeable ? MergedWithNext(outbox, next) : next);
        }
    }

    /// <summary>A batch has its answer.</summary>
    public void Answered(WireBatch batch, bool isAcknowledged)
    {
        InFlight--;
        batch.Outbox.Answered(isAcknowledged);
    }

    /// <summary>A batch was refused because of its size: from now on they are at most half as large.</summary>
    public void TooLarge(WireBatch batch)
    {
        _batchLimit = Math.Max(RecordBatchHeader.Bytes, batch.Bytes.Length / 2);
        group.SmallerBatches(topic, _batchLimit);
    }

    /// <summary>Nothing of what waits is sent: after a failure, everything is given again.</summary>
    public void Clear()
    {
        foreach (var outbox in _outboxes.Values)
        {
            Discard(outbox);
            outbox.Clear();
        }
    }

    /// <summary>A lane is not used any more.</summary>
    public void Remove(Lane lane)
    {
        foreach (var (key, outbox) in _outboxes.Where(o => o.Key.Lane == lane).ToList())
        {
            _outboxes.Remove(key);
            Discard(outbox);
            outbox.Clear();
        }
    }

    /// <summary>
    /// Small compressed batches that have to wait are opened and merged: else a log with a batch for each record would send one or two
    /// records in the time of one answer.
    /// </summary>
    private bool GoesAsItIs(PartitionOutbox outbox, ReadOnlySpan<byte> stored, bool isCompressed) =>
        isCompressed ? stored.Length >= TinyBytes || !outbox.IsBusy || !IsWorthMerging(stored)
            : group.Codec is null && stored.Length >= SmallBytes;

    private bool IsWorthMerging(ReadOnlySpan<byte> stored)
    {
        try
        {
            ThrowIfUnreadable(stored);
            return group.Decoder.RecordsBytes <= MaxOpenedBytes;
        }
        catch (Exception e) when (e is CorruptBatchException or UnsupportedBatchException)
        {
            return false;
        }
    }

    private void AddAsItIs(PartitionOutbox outbox, ReadOnlySpan<byte> stored, in Piece piece)
    {
        Flush(outbox);
        var buffer = ArrayPool<byte>.Shared.Rent(stored.Length);
        stored.CopyTo(buffer);
        outbox.Add(new WireBatch(outbox, buffer, onAnswer)
        {
            Topic = topic,
            Partition = outbox.Partition,
            Bytes = buffer.AsMemory(0, stored.Length),
            Stamp = new BatchStamp(outbox.Lane.ProducerId, outbox.Lane.ProducerEpoch, PartitionSequence.SequenceOf(piece.First)),
            First = piece.First,
            RecordsCount = piece.Count,
        });
        Send(outbox);
    }

    /// <summary>Before the first record of a batch is added: a part of it must not be sent.</summary>
    private void ThrowIfUnreadable(ReadOnlySpan<byte> stored)
    {
        var records = group.Decoder.Decode(stored);
        while (records.MoveNext())
        {
        }
    }

    /// <summary>The batch that the next records are added to; what is gathered goes first if they do not fit.</summary>
    private BatchAssembler GatheringFor(PartitionOutbox outbox, long bytes, long count)
    {
        if (outbox.Gathering is { } gathering && gathering.Bytes + bytes > _batchLimit)
        {
            Flush(outbox);
        }

        if (outbox.Gathering is null)
        {
            outbox.Gathering = group.RentAssembler();
            outbox.GatheringFirst = count;
        }

        return outbox.Gathering;
    }

    private void Flush(PartitionOutbox outbox)
    {
        if (outbox.Gathering is { RecordsCount: > 0 } gathering)
        {
            outbox.Add(Complete(outbox, gathering, outbox.GatheringFirst));
            Send(outbox);
        }

        Discard(outbox);
    }

    private void Discard(PartitionOutbox outbox)
    {
        if (outbox.Gathering is { } gathering)
        {
            group.Return(gathering);
            outbox.Gathering = null;
        }
    }

    private WireBatch Complete(PartitionOutbox outbox, BatchAssembler gathered, long first, SentBatch? oneOf = null, int index = 0)
    {
        var lane = outbox.Lane;
        var bytes = gathered.Complete(lane.ProducerId, lane.ProducerEpoch, PartitionSequence.SequenceOf(first), group.Codec);
        var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(buffer);
        return new WireBatch(outbox, buffer, onAnswer)
        {
            Topic = topic,
            Partition = outbox.Partition,
            Bytes = buffer.AsMemory(0, bytes.Length),
            First = first,
            RecordsCount = gathered.RecordsCount,
            OneOf = oneOf,
            Index = index,
        };
    }

    /// <summary>A batch and those after it, as many as fit into one.</summary>
    private WireBatch MergedWithNext(PartitionOutbox outbox, WireBatch first)
    {
        if (outbox.NextToMerge(_batchLimit - first.Bytes.Length, time.GetUtcNow()) is null)
        {
            return first;
        }

        var merged = group.RentAssembler();
        if (TryAppend(merged, first))
        {
            while (outbox.NextToMerge(_batchLimit - merged.Bytes, time.GetUtcNow()) is { } next && TryAppend(merged, next))
            {
                outbox.TakeMerged();
            }
        }

        var batch = merged.RecordsCount > first.RecordsCount ? Complete(outbox, merged, first.First) : first;
        if (batch != first)
        {
            first.Release();
        }

        group.Return(merged);
        return batch;
    }

    /// <summary>False if its records cannot be read: it goes as it is, and the broker says what it is.</summary>
    private static bool TryAppend(BatchAssembler merged, WireBatch batch)
    {
        try
        {
            merged.AppendBatch(batch.Bytes.Span, 0);
            return true;
        }
        catch (CorruptBatchException)
        {
            batch.IsMergeable = false;
            return false;
        }
    }
}
