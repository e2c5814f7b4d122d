using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>A request to a transport: send a batch, or its records that are not settled yet.</summary>
/// <param name="batch">The batch.</param>
/// <param name="stored">Its bytes as stored; only valid during the call.</param>
/// <param name="log">The settings of its log.</param>
internal readonly ref struct SendRequest(StoredBatch batch, ReadOnlySpan<byte> stored, LogOptions log)
{
    public StoredBatch Batch { get; } = batch;

    public ReadOnlySpan<byte> Stored { get; } = stored;

    public LogOptions Log { get; } = log;

    /// <summary>By index: true for records that must not be sent. Null: send all. Not to be read after the outcome was reported.</summary>
    public bool[]? Skipped { get; init; }

    /// <summary>The number of records at its front that must not be sent.</summary>
    public int LeadingSkipped => Skipped is null ? 0
        : Array.IndexOf(Skipped, false) is var first and >= 0 ? first
        : Skipped.Length;

    /// <summary>True: send the records one by one, to find those that the brokers will never accept.</summary>
    public bool IsIsolated { get; init; }
}
