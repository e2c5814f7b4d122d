namespace KafkaFeeder.Daemon.Discovery;

/// <summary>How much of a tree is looked at in one search, so that nobody's directories cost the others theirs.</summary>
internal sealed record ScanLimits
{
    /// <summary>Below log_dir. Deeper trees have been loops of mounts, never logs.</summary>
    public int Depth { get; init; } = 16;

    /// <summary>Directories in all. A search of so many takes seconds.</summary>
    public int Directories { get; init; } = 100_000;

    /// <summary>Directories at and below one first-level directory.</summary>
    public int DirectoriesOfBranch { get; init; } = 20_000;

    /// <summary>Names in one directory: more than any log has segments.</summary>
    public int Names { get; init; } = 1_000_000;

    /// <summary>Components that nobody ships, in all, that are remembered by name.</summary>
    public int UnclaimedComponents { get; init; } = 1_000;

    /// <summary>Segments that nobody ships, in all, whose size is asked for.</summary>
    public int UnclaimedSegments { get; init; } = 100_000;
}
