using HoleChecker.Counting;

namespace HoleChecker.Verifying;

/// <summary>What was found in a topic.</summary>
/// <param name="options">What was asked for.</param>
/// <param name="partitionsCount">How many partitions were read.</param>
/// <param name="removedBefore">Offsets that retention had removed before the reading began.</param>
/// <param name="tally">What came.</param>
/// <param name="duration">How long it took.</param>
/// <param name="sequenceBytes">Memory taken for the numbers.</param>
internal sealed class VerifyReport(
    VerifyOptions options, int partitionsCount, long removedBefore, TopicTally tally, TimeSpan duration, long sequenceBytes)
{
    public string Topic => options.Topic;

    public int PartitionsCount => partitionsCount;

    public TopicTally Tally => tally;

    public IReadOnlyList<SourceTally> Sources { get; } = tally.Sources;

    /// <summary>
    /// The runs, by name. A run that was asked for, or from which messages are expected, is in it even if none came.
    /// </summary>
    public IReadOnlyList<RunReport> Runs { get; } = RunsOf(options, tally);

    /// <summary>Messages that each run should have; null: not stated.</summary>
    public long? Expected => options.Expected;

    public TimeSpan Duration => duration;

    /// <summary>Memory for the numbers, in bytes.</summary>
    public long SequenceBytes => sequenceBytes;

    /// <summary>Numbers below the highest of their producer that did not come.</summary>
    public decimal Missing => Runs.Sum(run => run.Missing);

    public long Duplicates => Sources.Sum(source => source.Duplicates);

    public long OutOfOrder => Sources.Sum(source => source.OutOfOrder);

    /// <summary>Expected messages above the highest number that came from their producer: they are in no hole.</summary>
    public decimal MissingAtTheEnd => Runs.Sum(run => run.MissingAtTheEnd);

    /// <summary>Different numbers beyond those that were expected of their run.</summary>
    public decimal More => Runs.Sum(run => (decimal)run.More);

    /// <summary>Offsets that retention had removed before the reading began.</summary>
    public long RemovedBefore => removedBefore;

    /// <summary>True if there is nothing to check, and nothing was expected.</summary>
    public bool IsEmpty => Sources.Count == 0 && options.Expected is null;

    /// <summary>True if nothing is missing.</summary>
    public bool IsWhole => Runs.All(run => run.IsWhole);

    /// <summary>True if there are duplicates, and none are allowed.</summary>
    public bool HasForbiddenDuplicates => options.NoDuplicates && Duplicates > 0;

    /// <summary>True if everything that was asked for holds.</summary>
    public bool IsGood => IsWhole && !HasForbiddenDuplicates;

    private static List<RunReport> RunsOf(VerifyOptions options, TopicTally tally)
    {
        var missing = tally.Sources.ToLookup(source => source.Run, source => (decimal)source.Missing, StringComparer.Ordinal);
        var runs = tally.Runs.Select(run => new RunReport(run.Run, run.Distinct, missing[run.Run].Sum(), options.Expected)).ToList();
        return runs.Count > 0 || options.Expected is null ? runs : [new RunReport(options.Run ?? "", 0, 0, options.Expected)];
    }
}
