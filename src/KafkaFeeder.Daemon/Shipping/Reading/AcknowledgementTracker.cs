using KafkaFeeder.Daemon.Checkpoints;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Computes the acknowledged position of one segment: everything before it is settled, that is, acknowledged by the brokers
/// or recorded in the ledger (refused, damaged). A later success never moves it past an earlier failure. Pure; not thread-safe.
/// <list type="bullet">
/// <item>Batches are added in the order in which they were read, without gaps.</item>
/// <item>The position is the start of the first batch that is not settled, or the end of the last one that was added.</item>
/// <item>The position never goes back.</item>
/// </list>
/// </summary>
internal sealed class AcknowledgementTracker
{
    // Created with the first batch: a log may have 100,000 waiting segments, and only a few are being read.
    private LinkedList<Entry>? _entries;
    private Dictionary<PendingBatch, LinkedListNode<Entry>>? _byBatch;
    private AcknowledgedPosition _settled;

    /// <summary>A tracker for a segment whose acknowledged position is <paramref name="start"/>.</summary>
    public AcknowledgementTracker(AcknowledgedPosition start)
    {
        _settled = start;
        EndPosition = start.Position;
        EndRecords = start.Records - start.Record;
    }

    /// <summary>The position after the last byte that was added.</summary>
    public long EndPosition { get; private set; }

    /// <summary>The number of records in the segment before <see cref="EndPosition"/>.</summary>
    public long EndRecords { get; private set; }

    /// <summary>The number of batches that are not settled.</summary>
    public int PendingCount => _byBatch?.Count ?? 0;

    /// <summary>The batches that are not settled, in order.</summary>
    public IEnumerable<PendingBatch> Pending => (_entries ?? []).Where(e => e.Batch is not null && !e.IsSettled).Select(e => e.Batch!);

    /// <summary>The batches after <see cref="Acknowledged"/>, in order, including settled ones.</summary>
    public IEnumerable<PendingBatch> AfterAcknowledged => (_entries ?? []).Where(e => e.Batch is not null).Select(e => e.Batch!);

    /// <summary>The position before which everything is settled, plus the settled records at the start of the next batch.</summary>
    public AcknowledgedPosition Acknowledged =>
        _entries?.First?.Value is { Batch: { LeadingSettled: > 0 and var record } batch }
            ? _settled with
            {
                Record = record,
                NextOffset = batch.Stored.BaseOffset + record,
                Records = WholeRecords + record,
                BatchCrc = batch.Stored.StoredCrc,
            }
            : _settled;

    /// <summary>The number of records in batches that are settled as a whole.</summary>
    private long WholeRecords => _settled.Records - _settled.Record;

    /// <summary>Adds a batch that is about to be sent.</summary>
    public void Add(PendingBatch batch)
    {
        ThrowIfNotAdjacent(batch.Stored.Position);
        _entries ??= new LinkedList<Entry>();
        _byBatch ??= new Dictionary<PendingBatch, LinkedListNode<Entry>>(ReferenceEqualityComparer.Instance);
        _byBatch.Add(batch, _entries.AddLast(new Entry(batch, batch.Stored.EndPosition, batch.Stored.NextOffset)));
        EndPosition = batch.Stored.EndPosition;
        EndRecords += batch.Stored.RecordsCount;
    }

    /// <summary>Adds bytes that are skipped. The caller has recorded them in the ledger.</summary>
    /// <param name="position">The position of the first skipped byte.</param>
    /// <param name="endPosition">The position after the last skipped byte.</param>
    /// <param name="nextOffset">The offset of the next record after them.</param>
    /// <param name="isTail">
    /// True if they are the end of the file and may be the start of a batch. The acknowledged position keeps where they start.
    /// </param>
    public void AddSkipped(long position, long endPosition, long nextOffset, bool isTail = false)
    {
        ThrowIfNotAdjacent(position);
        _entries ??= new LinkedList<Entry>();
        _entries.AddLast(new Entry(null, endPosition, nextOffset) { IsSettled = true, Tail = isTail ? position : null });
        EndPosition = endPosition;
        Advance();
    }

    /// <summary>Marks all records of a batch as settled. An unknown batch, or one that is settled already, changes nothing.</summary>
    public void Settle(PendingBatch batch)
    {
        if (_byBatch is not null && _byBatch.Remove(batch, out var node))
        {
            node.ValueRef.IsSettled = true;
            Advance();
        }
    }

    private void Advance()
    {
        while (_entries!.First is { Value.IsSettled: true } first)
        {
            var entry = first.Value;
            _settled = entry.Batch is { } batch
                ? new AcknowledgedPosition(
                    entry.EndPosition,
                    0,
                    entry.NextOffset,
                    batch.Stored.Position,
                    batch.Stored.StoredCrc,
                    WholeRecords + batch.Stored.RecordsCount)
                : new AcknowledgedPosition(entry.EndPosition, 0, entry.NextOffset, entry.Tail, 0, WholeRecords);
            _entries.RemoveFirst();
        }
    }

    private void ThrowIfNotAdjacent(long position)
    {
        if (position != EndPosition)
        {
            throw new InvalidOperationException(
                $"A batch at position {position} was added after position {EndPosition}: the bytes between would never be "
                    + "acknowledged.");
        }
    }

    private struct Entry(PendingBatch? batch, long endPosition, long nextOffset)
    {
        public readonly PendingBatch? Batch = batch;
        public readonly long EndPosition = endPosition;
        public readonly long NextOffset = nextOffset;
        public long? Tail;
        public bool IsSettled;
    }
}
