using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// The way to the brokers. Takes batches in order; gives back exactly one outcome for each, on any thread, in any order.
/// Nothing outside an implementation's folder knows which client it uses.
/// </summary>
internal interface IBatchTransport : IAsyncDisposable
{
    /// <summary>True if records arrive in the order in which they were sent, whatever is retried below.</summary>
    bool KeepsOrder { get; }

    /// <summary>What it is and where it goes, for people.</summary>
    string Description { get; }

    /// <summary>The last thing that went wrong with the connection as a whole, until something is acknowledged; or null.</summary>
    string? LastError { get; }

    /// <summary>
    /// Sends what is not settled of a batch. The bytes are copied before it returns. Failures to send come as outcomes.
    /// </summary>
    /// <exception cref="KafkaLog.Format.Records.CorruptBatchException">The records cannot be read; nothing was sent.</exception>
    /// <exception cref="KafkaLog.Format.Records.UnsupportedBatchException">Their kind is not read by this version; nothing was sent.</exception>
    void Send(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, Action<BatchOutcome> onOutcome);

    /// <summary>Nothing more comes for now: what waits for company need not. Returns soon, whatever the brokers do.</summary>
    void Push();
}

/// <summary>Gives each log its transport; logs that may share one do.</summary>
internal interface ITransportPool
{
    /// <summary>The transport for a log, by its broker group, acknowledgement level and partitioner.</summary>
    IBatchTransport For(LogOptions log);
}
