namespace HoleChecker.Counting;

/// <summary>What came of one run, of all its producers together.</summary>
/// <param name="run">Empty if the pattern has no such group.</param>
public sealed class RunTally(string run)
{
    public string Run => run;

    /// <summary>Different numbers.</summary>
    public long Distinct { get; internal set; }
}
