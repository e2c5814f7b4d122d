using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>What a transport is asked to send: a batch, or the records of it that are left to send.</summary>
/// <param name="batch">The batch.</param>
/// <param name="stored">Its bytes as stored; valid during the call only.</param>
/// <param name="log">The settings of its log.</param>
internal readonly ref struct SendRequest(StoredBatch batch, ReadOnlySpan<byte> stored, LogOptions log)
{
    public StoredBatch Batch { get; } = batch;

    public ReadOnlySpan<byte> Stored { get; } = stored;

    public LogOptions Log { get; } = log;

    /// <summary>By index: records that must not be sent. Null: all are to be sent. Not to be read after the outcome was reported.</summary>
    public bool[]? Skipped { get; init; }

    /// <summary>True: send the records one by one, to find those that the brokers will never take.</summary>
    public bool IsIsolated { get; init; }
}
