namespace HoleChecker.Counting;

/// <summary>What came from one producer of one run.</summary>
/// <param name="run">Empty if the pattern has no such group.</param>
/// <param name="producer">Empty if the pattern has no such group.</param>
/// <param name="partitionsCount">Partitions are numbered from 0 to this, exclusive.</param>
/// <param name="memory">Where its numbers are accounted for.</param>
public sealed class SourceTally(string run, string producer, int partitionsCount, SequenceMemory memory)
{
    private readonly SequenceSet _sequences = new(memory);
    private readonly long[] _highestByPartition = new long[partitionsCount];

    public string Run => run;

    public string Producer => producer;

    /// <summary>All messages, duplicates included.</summary>
    public long Received { get; private set; }

    /// <summary>Different numbers.</summary>
    public long Distinct => _sequences.Count;

    /// <summary>Messages whose number had come before.</summary>
    public long Duplicates => Received - Distinct;

    /// <summary>
    /// First occurrences that came after a higher number in the same partition. Repetitions are duplicates, not disorder.
    /// </summary>
    public long OutOfOrder { get; private set; }

    public long Highest => _sequences.Highest;

    /// <summary>Numbers from 1 to <see cref="Highest"/> that did not come.</summary>
    public long Missing => _sequences.Missing;

    public IEnumerable<HoleRange> Holes() => _sequences.Holes();

    /// <summary>Counts a message; messages of a partition are to be given in the partition's order.</summary>
    public void Add(int partition, long sequence)
    {
        Received++;
        if (!_sequences.Add(sequence))
        {
            return;
        }

        ref var highest = ref _highestByPartition[partition];
        if (sequence < highest)
        {
            OutOfOrder++;
        }
        else
        {
            highest = sequence;
        }
    }
}
