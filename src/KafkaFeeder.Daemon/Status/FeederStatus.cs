using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Supervision;

namespace KafkaFeeder.Daemon.Status;

/// <summary>What there is to know of the daemon as a whole.</summary>
internal sealed class FeederStatus(TimeProvider time)
{
    /// <summary>A loop that has not come round for so long hangs, where no watchdog says otherwise.</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromMinutes(5);

    private volatile bool _isReady;

    /// <summary>When it started.</summary>
    public DateTimeOffset Started { get; } = time.GetUtcNow();

    /// <summary>What is wrong with the logs' configuration now.</summary>
    public IReadOnlyList<ConfigFault> Faults { get; set; } = [];

    /// <summary>Segments in the directories that are searched, which no entry ships.</summary>
    public IReadOnlyList<UnclaimedSegments> Unclaimed { get; set; } = [];

    /// <summary>What is in quarantine, and how much may be; null before it is known.</summary>
    public QuarantineSpace? Quarantine { get; set; }

    /// <summary>True when the first scan is done.</summary>
    public bool IsReady => _isReady;

    /// <summary>Every loop, and when it turned last.</summary>
    public Loops Loops { get; } = new(time);

    /// <summary>A scan is done.</summary>
    public void Scanned() => _isReady = true;
}
