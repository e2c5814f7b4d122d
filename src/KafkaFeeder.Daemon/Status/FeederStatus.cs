using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Status;

/// <summary>What there is to know of the daemon as a whole.</summary>
internal sealed class FeederStatus(TimeProvider time)
{
    /// <summary>A loop that has not come round for so long hangs. Longer than any drain or timeout within a turn.</summary>
    public static readonly TimeSpan StallLimit = TimeSpan.FromMinutes(5);

    private const long Never = long.MinValue;

    private long _scannedAt = Never;

    /// <summary>When it started.</summary>
    public DateTimeOffset Started { get; } = time.GetUtcNow();

    /// <summary>What is wrong with the logs' configuration now.</summary>
    public IReadOnlyList<ConfigFault> Faults { get; set; } = [];

    /// <summary>True when the first scan is done.</summary>
    public bool IsReady => Interlocked.Read(ref _scannedAt) != Never;

    /// <summary>The watcher has come round.</summary>
    public void Scanned(long timestamp) => Interlocked.Exchange(ref _scannedAt, timestamp);

    /// <summary>True if the watcher still comes round.</summary>
    /// <param name="interval">How often it should.</param>
    public bool IsAlive(TimeSpan interval) => !IsReady || time.GetElapsedTime(Interlocked.Read(ref _scannedAt)) < interval + StallLimit;
}
