using HoleChecker.Counting;

namespace HoleChecker.Verifying;

/// <summary>What is to be verified.</summary>
internal sealed record VerifyOptions
{
    public required string BootstrapServers { get; init; }

    public required string Topic { get; init; }

    /// <summary>The only run that is counted; null: all are.</summary>
    public string? Run { get; init; }

    /// <summary>Different numbers that each run should have, over its producers; null: not known.</summary>
    public long? Expected { get; init; }

    /// <summary>True: a number that came more than once is a fault.</summary>
    public bool NoDuplicates { get; init; }

    /// <summary>10 s: longer than it takes to elect a leader.</summary>
    public static TimeSpan DefaultTimeout { get; } = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait for something new before giving up.</summary>
    public TimeSpan IdleTimeout { get; init; } = DefaultTimeout;

    /// <summary>How long to wait for the brokers' first answer.</summary>
    public TimeSpan ConnectTimeout { get; init; } = DefaultTimeout;

    /// <summary>Properties of librdkafka, such as security.protocol.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Properties { get; init; } = [];

    /// <summary>How other programs number their messages; null: as generate does.</summary>
    public MessagePattern? Pattern { get; init; }
}
