using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Shipping.Losses;

namespace KafkaFeeder.Daemon.Status;

/// <summary>The status of the daemon as a whole.</summary>
internal sealed class FeederStatus(TimeProvider time) : ISupervised
{
    private volatile bool _isReady;

    /// <summary>When it started.</summary>
    public DateTimeOffset Started { get; } = time.GetUtcNow();

    /// <summary>The current faults in the configuration of the logs.</summary>
    public IReadOnlyList<ConfigFault> Faults { get; set; } = [];

    /// <summary>Segments in the searched directories that no entry ships.</summary>
    public IReadOnlyList<UnclaimedSegments> Unclaimed { get; set; } = [];

    /// <summary>The size of quarantine and its limit; null before it is known.</summary>
    public QuarantineSpace? Quarantine { get; set; }

    /// <summary>True once the first search for logs is done.</summary>
    public bool IsReady => _isReady;

    /// <summary>The state of each log.</summary>
    public LogRegistry Logs { get; } = new();

    /// <summary>All loops and their progress.</summary>
    public Loops Loops { get; } = new(time);

    /// <summary>See <see cref="StatusSentence"/>.</summary>
    public string Describe(bool isStopping, IReadOnlyList<LateLoop> late) =>
        StatusSentence.Of(IsReady, isStopping, Logs.All, Faults.Count, late, time.GetUtcNow());

    /// <summary>A search for logs is done.</summary>
    public void Scanned() => _isReady = true;
}
