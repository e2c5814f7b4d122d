using KafkaLog.Wire.Batches;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// The records of a lane for one partition that are on their way: gathered into a batch, waiting to be sent, or waiting for their
/// acknowledgement. Not thread-safe.
/// </summary>
internal sealed class PartitionOutbox(Lane lane, int partition)
{
    /// <summary>
    /// A leader forgets a producer by the timestamps of its records (<c>producer.id.expiration.ms</c>, a day by default), and then takes
    /// any sequence: nothing would be noticed if a batch overtook another one. So such batches go one at a time.
    /// </summary>
    private static readonly TimeSpan Old = TimeSpan.FromHours(1);

    /// <summary>
    /// A broker works through the requests of a connection one by one, so more would only wait there. What waits here meanwhile is
    /// merged: the slower the acknowledgements, the larger the batches.
    /// </summary>
    private const int MaxInFlight = 2;

    private readonly Queue<(long First, long End, SentBatch Batch)> _unacknowledged = new();
    private readonly Queue<WireBatch> _waiting = new();
    private int _inFlight;
    private bool _isOneAlone; // what is in flight
    private long _oldestSent = long.MaxValue; // ms since 1970 UTC, since the leader last said what it has
    private bool _isLeaderSure; // it has acknowledged something of this producer since the last failure, or said that it knows it

    public Lane Lane => lane;

    public int Partition => partition;

    public PartitionSequence Sequence => lane.Partitions[partition];

    /// <summary>True while somebody waits until all in-sync replicas have what the leader has.</summary>
    public bool IsConfirming { get; set; }

    /// <summary>The batch that is gathered; null: none is.</summary>
    public BatchAssembler? Gathering { get; set; }

    /// <summary>The count of its first record.</summary>
    public long GatheringFirst { get; set; }

    /// <summary>True if the next batch would have to wait.</summary>
    public bool IsBusy => Gathering is not null || _waiting.Count > 0 || _inFlight == MaxInFlight || (_inFlight > 0 && _isOneAlone);

    /// <summary>True if the leader may forget the producer because of records with this timestamp, in ms since 1970 UTC.</summary>
    public static bool IsOld(long timestamp, DateTimeOffset now) => timestamp < (now - Old).ToUnixTimeMilliseconds();

    /// <summary>True if the leader may have forgotten the producer: what it was sent is old by now, see <see cref="IsOld"/>.</summary>
    public bool MayBeForgotten(DateTimeOffset now) => IsOld(_oldestSent, now);

    /// <summary>Records that wait for their acknowledgement, in order.</summary>
    public void Await(in Piece piece, SentBatch batch)
    {
        batch.OpenPieces++;
        _unacknowledged.Enqueue((piece.First, piece.End, batch));
    }

    /// <summary>The batches of which no record of this partition waits any more. To be called until it is null.</summary>
    public SentBatch? TakeAcknowledged()
    {
        if (_unacknowledged.TryPeek(out var first) && first.End <= Sequence.Acknowledged)
        {
            _unacknowledged.Dequeue();
            first.Batch.OpenPieces--;
            return first.Batch;
        }

        return null;
    }

    /// <summary>The batches with records from a count (inclusive) to another one (exclusive).</summary>
    public IEnumerable<SentBatch> Between(long first, long end) =>
        _unacknowledged.Where(u => u.First < end && u.End > first).Select(u => u.Batch);

    /// <summary>A batch is ready to be sent.</summary>
    public void Add(WireBatch batch) => _waiting.Enqueue(batch);

    /// <summary>The next batch that may be sent now; null: none.</summary>
    /// <param name="now">The time.</param>
    public WireBatch? TakeSendable(DateTimeOffset now)
    {
        // What only the leader has may be lost with it; then a later sequence must not be there already.
        if (!_waiting.TryPeek(out var next) || Sequence.Present > Sequence.Acknowledged)
        {
            return null;
        }

        var goesAlone = GoesAlone(next, now);
        if (_inFlight == MaxInFlight || (_inFlight > 0 && (goesAlone || _isOneAlone)))
        {
            return null;
        }

        _isOneAlone = goesAlone;
        _oldestSent = Math.Min(_oldestSent, next.MaxTimestamp);
        _waiting.Dequeue();
        _inFlight++;
        return next;
    }

    /// <summary>The batch after the one that was just taken, if it can be merged with it; null: there is none.</summary>
    /// <param name="maxBytes">How large it may be.</param>
    /// <param name="now">The time.</param>
    public WireBatch? NextToMerge(long maxBytes, DateTimeOffset now) =>
        _waiting.TryPeek(out var next) && next.IsMergeable && next.Bytes.Length <= maxBytes && GoesAlone(next, now) == _isOneAlone
            ? next
            : null;

    /// <summary>That batch was merged.</summary>
    public void TakeMerged()
    {
        var merged = _waiting.Dequeue();
        _oldestSent = Math.Min(_oldestSent, merged.MaxTimestamp);
        merged.Release();
    }

    /// <summary>A batch has its answer.</summary>
    public void Answered(bool isAcknowledged)
    {
        _inFlight--;
        _isLeaderSure |= isAcknowledged;
    }

    /// <summary>The leader said what it has of this producer.</summary>
    /// <param name="lastTimestamp">The timestamp of the last record of this producer that it has, ms since 1970 UTC; null: it does not
    /// know this producer.</param>
    public void LeaderSaid(long? lastTimestamp)
    {
        _isLeaderSure = lastTimestamp is not null;
        _oldestSent = lastTimestamp ?? long.MaxValue;
    }

    /// <summary>Nothing of what waits is sent: after a failure, everything is given again.</summary>
    public void Clear()
    {
        while (_waiting.TryDequeue(out var batch))
        {
            batch.Release();
        }

        _unacknowledged.Clear();
        _isLeaderSure = false;
    }

    private bool GoesAlone(WireBatch batch, DateTimeOffset now) =>
        !_isLeaderSure || IsOld(batch.MaxTimestamp, now);
}
