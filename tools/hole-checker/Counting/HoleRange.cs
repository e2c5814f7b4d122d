namespace HoleChecker.Counting;

/// <summary>Consecutive numbers that did not come; both ends are inclusive.</summary>
public readonly record struct HoleRange(long FirstMissing, long LastMissing)
{
    /// <summary>How many numbers are missing here.</summary>
    public long Count => LastMissing - FirstMissing + 1;
}
