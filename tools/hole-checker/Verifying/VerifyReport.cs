using HoleChecker.Counting;

namespace HoleChecker.Verifying;

/// <summary>What was found in a topic.</summary>
internal sealed class VerifyReport(
    string topic, int partitionsCount, long removedBefore, TopicTally tally, long? expected, TimeSpan duration, long sequenceBytes)
{
    public string Topic => topic;

    public int PartitionsCount => partitionsCount;

    public TopicTally Tally => tally;

    public IReadOnlyList<SourceTally> Sources { get; } = tally.Sources;

    /// <summary>Null: not stated.</summary>
    public long? Expected => expected;

    public TimeSpan Duration => duration;

    /// <summary>Memory taken for the numbers.</summary>
    public long SequenceBytes => sequenceBytes;

    /// <summary>Numbers below the highest of their producer that did not come.</summary>
    public long Missing => Sources.Sum(source => source.Missing);

    public long Duplicates => Sources.Sum(source => source.Duplicates);

    public long OutOfOrder => Sources.Sum(source => source.OutOfOrder);

    /// <summary>Expected numbers that are not even holes: they are above the highest that came from their producer.</summary>
    public long MissingAtTheEnd => Math.Max(0, (expected ?? 0) - tally.Distinct - Missing);

    /// <summary>Offsets that retention had removed before the reading began.</summary>
    public long RemovedBefore => removedBefore;

    /// <summary>There is nothing to check, and nothing was expected.</summary>
    public bool IsEmpty => Sources.Count == 0 && expected is null;

    /// <summary>Nothing is missing.</summary>
    public bool IsWhole => Missing == 0 && tally.Distinct >= (expected ?? 0);
}
