namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// How far a producer id has come in one partition. Everything is a count of records: the n-th record that this producer id sends to
/// the partition, from 0, carries the sequence n mod 2^31 (KIP-98). Not thread-safe.
/// </summary>
internal sealed class PartitionSequence(long count, long endOffset)
{
    private readonly Queue<(long Count, long EndOffset)> _ends = new(); // of what was acknowledged behind the acknowledged position
    private long _endOffsetAtAcknowledged = endOffset;

    /// <summary>Records before the acknowledged position of the file.</summary>
    public long AtAcknowledged { get; set; } = count;

    /// <summary>The count of the next new record.</summary>
    public long Next { get; set; } = count;

    /// <summary>All records before this one are acknowledged.</summary>
    public long Acknowledged { get; private set; } = count;

    /// <summary>
    /// The leader has all records before this one. Not all of them are acknowledged: those that no follower has may still be lost.
    /// </summary>
    public long Present { get; private set; } = count;

    /// <summary>The offset in the partition after the last acknowledged record: later ones are behind it.</summary>
    public long EndOffset { get; private set; } = endOffset;

    /// <summary>
    /// An offset in the partition that all records after the acknowledged position of the file are behind. They may be acknowledged, and
    /// after a crash they are looked for.
    /// </summary>
    public long EndOffsetAtAcknowledged
    {
        get
        {
            while (_ends.TryPeek(out var end) && end.Count <= AtAcknowledged)
            {
                _endOffsetAtAcknowledged = _ends.Dequeue().EndOffset;
            }

            return _endOffsetAtAcknowledged;
        }
    }

    /// <summary>The sequence of a record.</summary>
    public static int SequenceOf(long count) => (int)(count & int.MaxValue);

    /// <summary>The count after the record with a sequence: of all that fit, the one that is closest to a known one.</summary>
    public static long CountAfter(int lastSequence, long near)
    {
        var ahead = (lastSequence + 1L - near) & int.MaxValue;
        return near + (ahead <= int.MaxValue / 2 ? ahead : ahead - (1L << 31));
    }

    /// <summary>Records before this count are acknowledged; the last of them is before this offset.</summary>
    public void Acknowledge(long count, long endOffset)
    {
        if (count > Acknowledged)
        {
            _ends.Enqueue((count, Math.Max(EndOffset, endOffset)));
        }

        Acknowledged = Math.Max(Acknowledged, count);
        Present = Math.Max(Present, Acknowledged);
        EndOffset = Math.Max(EndOffset, endOffset);
    }

    /// <summary>The partition is shorter than it was, as after an unclean election: later records are behind its end now.</summary>
    public void CutTo(long endOffset)
    {
        EndOffset = Math.Min(EndOffset, endOffset);
        _endOffsetAtAcknowledged = Math.Min(EndOffsetAtAcknowledged, endOffset);
        _ends.Clear();
    }

    /// <summary>The leader has the records before this count, and none after it.</summary>
    public void LeaderHas(long count) => Present = Math.Max(Acknowledged, count);
}
