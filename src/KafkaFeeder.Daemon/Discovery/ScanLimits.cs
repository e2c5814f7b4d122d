namespace KafkaFeeder.Daemon.Discovery;

/// <summary>The limits of one search, so that a user with very many directories does not affect the logs of others.</summary>
internal sealed record ScanLimits
{
    /// <summary>Levels below log_dir. Deeper trees are loops of mounts, not logs.</summary>
    public int Depth { get; init; } = 16;

    /// <summary>Directories in total. A search of this many takes seconds.</summary>
    public int Directories { get; init; } = 100_000;

    /// <summary>Directories at and below one first-level directory.</summary>
    public int DirectoriesOfBranch { get; init; } = 20_000;

    /// <summary>Names in one directory: more than any log has segments.</summary>
    public int Names { get; init; } = 1_000_000;

    /// <summary>Unclaimed components in total that are remembered by name.</summary>
    public int UnclaimedComponents { get; init; } = 1_000;

    /// <summary>Unclaimed segments in total whose sizes are read.</summary>
    public int UnclaimedSegments { get; init; } = 100_000;
}
