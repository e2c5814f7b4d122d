namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>The records of a batch that go to one partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="First">The count of the first of them: see <see cref="PartitionSequence"/>.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct Piece(int Partition, long First, int Count)
{
    /// <summary>The count after the last of them.</summary>
    public long End => First + Count;
}

/// <summary>A batch that has its place in the sequences of a lane.</summary>
/// <param name="batch">The batch.</param>
/// <param name="startRecord">Records before this index were settled by an earlier run: they are not counted.</param>
/// <param name="pieces">Its records by partition.</param>
internal sealed class LaneEntry(StoredBatch batch, int startRecord, Piece[] pieces)
{
    public StoredBatch Batch => batch;

    public int StartRecord => startRecord;

    public Piece[] Pieces { get; private set; } = pieces;

    /// <summary>True once it was given to be sent: an old request may still bring it to a leader.</summary>
    public bool WasSent { get; set; }

    /// <summary>True if a leader could not read the batch as it is stored: it is decoded, and its records are sent in a new one.</summary>
    public bool IsUnreadable { get; set; }

    /// <summary>Its records one by one, if they were sent one by one; null: they were not.</summary>
    public RecordByRecord? Records { get; set; }

    /// <summary>
    /// Records that the leader named when it refused a batch, with what it says of them. They are reported as refused when it is their
    /// turn, without sending them again; once, since it may take them later.
    /// </summary>
    public Dictionary<(int Partition, long Count), RejectedRecord> Named { get; } = [];

    /// <summary>Records of one partition before this batch were refused: its own begin earlier.</summary>
    public void Shift(int partition, int records)
    {
        Named.Clear(); // it goes by counts
        for (var i = 0; i < Pieces.Length; i++)
        {
            if (Pieces[i].Partition == partition)
            {
                Pieces[i] = Pieces[i] with { First = Pieces[i].First - records };
            }
        }
    }

    /// <summary>Some of its own records of a partition have no place in the sequence.</summary>
    public void Cut(int partition, int records)
    {
        Named.Clear();
        for (var i = 0; i < Pieces.Length; i++)
        {
            if (Pieces[i].Partition == partition)
            {
                Pieces[i] = Pieces[i] with { Count = Pieces[i].Count - records };
            }
        }
    }
}

/// <summary>The records of a batch that are sent one by one.</summary>
/// <param name="partitions">The partition of each record, by index.</param>
internal sealed class RecordByRecord(int[] partitions)
{
    /// <summary>The partition of each record, by index.</summary>
    public int[] Partitions => partitions;

    /// <summary>By index: acknowledged.</summary>
    public bool[] Acknowledged { get; } = new bool[partitions.Length];

    /// <summary>By index: refused and set aside, so that it has no place in the sequence.</summary>
    public bool[] Refused { get; } = new bool[partitions.Length];
}
