namespace HoleChecker.Verifying;

/// <summary>What was found of one run. Sums are decimal, because a number in a message may be any long.</summary>
/// <param name="Run">Empty if the pattern has no such group.</param>
/// <param name="Distinct">Different numbers, over all its producers.</param>
/// <param name="Missing">Numbers below the highest of their producer that did not come.</param>
/// <param name="Expected">Null: not stated.</param>
internal sealed record RunReport(string Run, long Distinct, decimal Missing, long? Expected)
{
    /// <summary>Expected messages above the highest number that came from their producer: they are in no hole.</summary>
    public decimal MissingAtTheEnd => Math.Max(0, (Expected ?? 0) - Distinct - Missing);

    /// <summary>Different numbers beyond those that were expected.</summary>
    public long More => Expected is { } expected ? Math.Max(0, Distinct - expected) : 0;

    /// <summary>True if nothing is missing.</summary>
    public bool IsWhole => Missing == 0 && Distinct >= (Expected ?? 0);
}
