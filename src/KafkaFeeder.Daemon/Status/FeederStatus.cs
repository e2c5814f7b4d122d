using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Shipping.Losses;

namespace KafkaFeeder.Daemon.Status;

/// <summary>What there is to know of the daemon as a whole.</summary>
internal sealed class FeederStatus(TimeProvider time) : ISupervised
{
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

    /// <summary>The state of each log.</summary>
    public LogRegistry Logs { get; } = new();

    /// <summary>Every loop, and when it turned last.</summary>
    public Loops Loops { get; } = new(time);

    /// <summary>See <see cref="StatusSentence"/>.</summary>
    public string Describe(bool isStopping, IReadOnlyList<LateLoop> late) =>
        StatusSentence.Of(IsReady, isStopping, Logs.All, Faults.Count, late, time.GetUtcNow());

    /// <summary>A scan is done.</summary>
    public void Scanned() => _isReady = true;
}
