namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// A producer id of a log, and the sequences of its records. Sequences follow the order of records in a file, so one file at a time
/// has a lane; the next file goes on where it ended. Files that are read at the same time have a lane each: their order would not be
/// the same after a restart. Not thread-safe.
/// </summary>
internal sealed class Lane(long producerId, short producerEpoch, IEnumerable<PartitionSequence> partitions)
{
    private readonly LinkedList<LaneEntry> _entries = new(); // after the acknowledged position of the file, in order
    private readonly Dictionary<StoredBatch, LinkedListNode<LaneEntry>> _byBatch = new(ReferenceEqualityComparer.Instance);
    private readonly List<LaneEntry> _oneByOne = []; // those of them whose records are sent one by one
    private readonly List<PartitionSequence> _partitions = [.. partitions];

    public long ProducerId => producerId;

    public short ProducerEpoch => producerEpoch;

    /// <summary>The partitions, by number.</summary>
    public IReadOnlyList<PartitionSequence> Partitions => _partitions;

    /// <summary>The file that has the lane; null: it is free.</summary>
    public string? FileName { get; private set; }

    /// <summary>
    /// Where the stretches of the file begin among the partitions: saved, since the identity of a file may not be known at first.
    /// </summary>
    public int Seed { get; private set; }

    /// <summary>The acknowledged position that <see cref="PartitionSequence.AtAcknowledged"/> belongs to, in bytes.</summary>
    public long Position { get; private set; }

    /// <summary>The number of settled records of the batch at <see cref="Position"/>.</summary>
    public int Record { get; private set; }

    /// <summary>The state in which the file got the lane has this number: see <see cref="WireTransport"/>.</summary>
    public long TakenAt { get; set; }

    /// <summary>True if an earlier run had this lane, until it is known what the brokers have.</summary>
    public bool IsOfEarlierRun { get; set; }

    /// <summary>Records of the file that the leaders have and that were not read again yet.</summary>
    public long Ahead => _partitions.Sum(p => Math.Max(0, p.Present - p.Next));

    /// <summary>True if all records that were sent are acknowledged and settled: another file may take the lane.</summary>
    public bool IsAtRest => _entries.Count == 0 && !IsOfEarlierRun
        && _partitions.TrueForAll(p => p.Next == p.Acknowledged && p.Present == p.Next);

    /// <summary>A file takes the lane.</summary>
    /// <param name="fileName">The file.</param>
    /// <param name="seed">See <see cref="Seed"/>.</param>
    /// <param name="position">The acknowledged position, in bytes.</param>
    /// <param name="record">The number of settled records of the batch there.</param>
    public void Take(string fileName, int seed, long position, int record)
    {
        FileName = fileName;
        Seed = seed;
        Position = position;
        Record = record;
    }

    /// <summary>The file is done: another one may take the lane.</summary>
    public void Free()
    {
        while (_entries.First is not null)
        {
            Pass();
        }

        FileName = null;
        Position = 0;
        Record = 0;
    }

    /// <summary>The place of a batch in the sequences; null: it has none yet.</summary>
    public LaneEntry? Find(StoredBatch batch) => _byBatch.TryGetValue(batch, out var node) ? node.Value : null;

    /// <summary>Gives a batch its place after all others.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="startRecord">Records before this index are settled.</param>
    /// <param name="counts">How many of the others go to which partition; each partition once.</param>
    public LaneEntry Add(StoredBatch batch, int startRecord, ReadOnlySpan<(int Partition, int Count)> counts)
    {
        var pieces = new Piece[counts.Length];
        for (var i = 0; i < counts.Length; i++)
        {
            var (number, count) = counts[i];
            pieces[i] = new Piece(number, _partitions[number].Next, count);
            _partitions[number].Next += count;
        }

        var entry = new LaneEntry(batch, startRecord, pieces);
        _byBatch.Add(batch, _entries.AddLast(entry));
        return entry;
    }

    /// <summary>The records of a batch are sent one by one.</summary>
    /// <param name="entry">The batch.</param>
    /// <param name="partitions">The partition of each record, by index.</param>
    public RecordByRecord SendOneByOne(LaneEntry entry, int[] partitions)
    {
        if (entry.Records is null)
        {
            entry.Records = new RecordByRecord(partitions);
            _oneByOne.Add(entry);
        }

        return entry.Records;
    }

    /// <summary>A record that has a place was refused and set aside: all later ones of its partition move up.</summary>
    public void Refuse(LaneEntry entry, int index)
    {
        var partition = entry.Records!.Partitions[index];
        entry.Records.Refused[index] = true;
        entry.Cut(partition, 1);
        for (var later = _byBatch[entry.Batch].Next; later is not null; later = later.Next)
        {
            later.Value.Shift(partition, 1);
        }

        _partitions[partition].Next--;
    }

    /// <summary>
    /// A batch is to be sent, so all before it is settled or sent: records of earlier batches that were sent one by one and are not
    /// acknowledged were set aside.
    /// </summary>
    /// <returns>True if there were any that still had a place.</returns>
    public bool RefuseBefore(StoredBatch batch)
    {
        var any = false;
        foreach (var entry in _oneByOne)
        {
            any |= entry.Batch.Position < batch.Position && RefuseRest(entry);
        }

        return any;
    }

    /// <summary>
    /// A batch cannot be sent any more. Its records that the leader has keep their place; all later ones move up to the others'.
    /// </summary>
    public void Drop(LaneEntry entry)
    {
        if (entry.Records is { } records)
        {
            DropRecords(entry, records);
            return;
        }

        foreach (var piece in entry.Pieces)
        {
            var missing = (int)(piece.End - Math.Clamp(_partitions[piece.Partition].Present, piece.First, piece.End));
            for (var later = _byBatch[entry.Batch].Next; later is not null; later = later.Next)
            {
                later.Value.Shift(piece.Partition, missing);
            }

            entry.Cut(piece.Partition, missing);
            _partitions[piece.Partition].Next -= missing;
        }
    }

    /// <summary>Takes the place of the last batch back, if the leaders have nothing of it.</summary>
    public bool TryTakeBack(LaneEntry entry)
    {
        if (_entries.Last?.Value != entry || entry.WasSent || entry.Records is not null
            || entry.Pieces.Any(p => _partitions[p.Partition].Present > p.First))
        {
            return false;
        }

        Drop(entry);
        return true;
    }

    private void DropRecords(LaneEntry entry, RecordByRecord records)
    {
        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        for (var i = entry.StartRecord; i < records.Acknowledged.Length; i++)
        {
            var partition = records.Partitions[i];
            if (records.Refused[i])
            {
                continue;
            }

            if (records.Acknowledged[i] || next[partition] < _partitions[partition].Present)
            {
                records.Acknowledged[i] = true; // it keeps its place
                next[partition]++;
            }
            else
            {
                Refuse(entry, i);
            }
        }
    }

    /// <summary>The acknowledged position of the file has moved.</summary>
    /// <param name="first">The first batch after it; null: there is none.</param>
    /// <param name="leadingSettled">The number of its settled records.</param>
    public void AdvanceTo(StoredBatch? first, int leadingSettled)
    {
        while (_entries.First is { } front && (first is null || front.Value.Batch.Position < first.Position))
        {
            Pass();
        }

        if (first is not null && leadingSettled > Record && _entries.First is { } half && ReferenceEquals(half.Value.Batch, first))
        {
            PassRecords(half.Value, leadingSettled);
        }
    }

    private void Pass()
    {
        var entry = _entries.First!.Value;
        RefuseRest(entry);
        PassRecords(entry, entry.Batch.RecordsCount);
        Position = entry.Batch.EndPosition;
        Record = 0;
        _entries.RemoveFirst();
        _byBatch.Remove(entry.Batch);
        _oneByOne.Remove(entry); // few have ever been there
    }

    /// <summary>A batch is settled: its records that are not acknowledged were set aside.</summary>
    private bool RefuseRest(LaneEntry entry)
    {
        var any = false;
        for (var i = entry.StartRecord; entry.Records is { } records && i < records.Acknowledged.Length; i++)
        {
            if (!records.Acknowledged[i] && !records.Refused[i])
            {
                Refuse(entry, i);
                any = true;
            }
        }

        return any;
    }

    /// <summary>The acknowledged position passes the records of a batch before an index.</summary>
    private void PassRecords(LaneEntry entry, int index)
    {
        if (Position != entry.Batch.Position)
        {
            Position = entry.Batch.Position;
            Record = entry.StartRecord;
        }

        if (entry.Records is not { } records)
        {
            if (index == entry.Batch.RecordsCount)
            {
                foreach (var piece in entry.Pieces)
                {
                    _partitions[piece.Partition].AtAcknowledged = piece.End;
                }
            }

            return;
        }

        for (; Record < index; Record++)
        {
            if (records.Acknowledged[Record])
            {
                _partitions[records.Partitions[Record]].AtAcknowledged++;
            }
        }
    }
}
