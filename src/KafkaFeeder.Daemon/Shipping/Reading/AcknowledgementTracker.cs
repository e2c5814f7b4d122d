using KafkaFeeder.Daemon.Checkpoints;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Knows, for one segment, the position before which everything is settled: acknowledged by the brokers, or accounted
/// for in another way (quarantine, damage). A later success never passes an earlier failure. Pure; not thread-safe.
/// <list type="bullet">
/// <item>The batches in it are in the order in which they were read, and touch each other.</item>
/// <item>The watermark is the begin of the first batch that is not settled, or the end of the last one that was added.</item>
/// <item>The watermark never goes back.</item>
/// </list>
/// </summary>
internal sealed class AcknowledgementTracker
{
    // Made with the first batch: of a hundred thousand segments that wait, few are being read.
    private LinkedList<Entry>? _entries;
    private Dictionary<PendingBatch, LinkedListNode<Entry>>? _byBatch;
    private AcknowledgedPosition _settled;

    /// <summary>A tracker for a segment that was confirmed up to <paramref name="start"/> before.</summary>
    public AcknowledgementTracker(AcknowledgedPosition start)
    {
        _settled = start;
        EndPosition = start.Position;
        EndRecords = start.Records - start.Record;
    }

    /// <summary>The byte behind the last that was added.</summary>
    public long EndPosition { get; private set; }

    /// <summary>Records of the segment before <see cref="EndPosition"/>.</summary>
    public long EndRecords { get; private set; }

    /// <summary>Batches that are not settled.</summary>
    public int PendingCount => _byBatch?.Count ?? 0;

    /// <summary>The batches that are not settled, in order.</summary>
    public IEnumerable<PendingBatch> Pending => (_entries ?? []).Where(e => e.Batch is not null && !e.IsSettled).Select(e => e.Batch!);

    /// <summary>The batches after <see cref="Acknowledged"/>, in order, also those of them that are settled.</summary>
    public IEnumerable<PendingBatch> AfterAcknowledged => (_entries ?? []).Where(e => e.Batch is not null).Select(e => e.Batch!);

    /// <summary>The position before which everything is settled, with the records of the next batch that are.</summary>
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

    /// <summary>Records of the batches that are settled as a whole.</summary>
    private long WholeRecords => _settled.Records - _settled.Record;

    /// <summary>A batch is about to be sent.</summary>
    public void Add(PendingBatch batch)
    {
        ThrowIfApart(batch.Stored.Position);
        _entries ??= new LinkedList<Entry>();
        _byBatch ??= new Dictionary<PendingBatch, LinkedListNode<Entry>>(ReferenceEqualityComparer.Instance);
        _byBatch.Add(batch, _entries.AddLast(new Entry(batch, batch.Stored.EndPosition, batch.Stored.NextOffset)));
        EndPosition = batch.Stored.EndPosition;
        EndRecords += batch.Stored.RecordsCount;
    }

    /// <summary>Bytes are passed over: accounted for elsewhere before this is called.</summary>
    /// <param name="position">The first of them.</param>
    /// <param name="endPosition">The byte behind the last.</param>
    /// <param name="nextOffset">The offset that comes there.</param>
    /// <param name="isTail">True: they are the end of the file, and may be the start of a batch. The watermark remembers where.</param>
    public void AddPassed(long position, long endPosition, long nextOffset, bool isTail = false)
    {
        ThrowIfApart(position);
        _entries ??= new LinkedList<Entry>();
        _entries.AddLast(new Entry(null, endPosition, nextOffset) { IsSettled = true, Tail = isTail ? position : null });
        EndPosition = endPosition;
        Advance();
    }

    /// <summary>All records of a batch are settled. An unknown batch, or one that was settled before, changes nothing.</summary>
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
                    entry.EndPosition, 0, entry.NextOffset, batch.Stored.Position, batch.Stored.StoredCrc, WholeRecords + batch.Stored.RecordsCount)
                : new AcknowledgedPosition(entry.EndPosition, 0, entry.NextOffset, entry.Tail, 0, WholeRecords);
            _entries.RemoveFirst();
        }
    }

    private void ThrowIfApart(long position)
    {
        if (position != EndPosition)
        {
            throw new InvalidOperationException(
                $"A batch at position {position} was added behind position {EndPosition}: what lies between would never be confirmed.");
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
