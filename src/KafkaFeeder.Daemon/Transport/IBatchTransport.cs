using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// The way of one log to the brokers. Takes batches in order; gives back exactly one outcome for each, on any thread, in any
/// order. Disposed of with batches that have no outcome, it takes back what of them is not sent yet. Nothing outside an
/// implementation's folder knows which client it uses.
/// </summary>
internal interface IBatchTransport : IDisposable
{
    /// <summary>True if records arrive in the order in which they were sent, whatever is retried below.</summary>
    bool KeepsOrder { get; }

    /// <summary>What it is and where it goes, for people.</summary>
    string Description { get; }

    /// <summary>
    /// False until a log of the broker group got an acknowledgement, and again while none of its brokers can be reached.
    /// </summary>
    bool BrokersAnswer { get; }

    /// <summary>What is wrong with the brokers, until something is acknowledged; null: nothing is known.</summary>
    string? LastError { get; }

    /// <summary>
    /// Sends what is not settled of a batch. The bytes are copied before it returns. Failures to send come as outcomes.
    /// </summary>
    /// <exception cref="KafkaLog.Format.CorruptBatchException">The records cannot be read; nothing was sent.</exception>
    /// <exception cref="KafkaLog.Format.UnsupportedBatchException">Their kind is not read by this version; nothing was
    /// sent.</exception>
    void Send(OutboundBatch batch, ReadOnlySpan<byte> stored, LogOptions log, Action<BatchOutcome> onOutcome);

    /// <summary>Nothing more comes for now: what waits for company need not. Returns soon, whatever the brokers do.</summary>
    void SendNow();
}

/// <summary>Gives each log its transport; what logs may share of it they do.</summary>
internal interface ITransportPool
{
    /// <summary>The transport for a log, by its broker group, acknowledgement level and partitioner.</summary>
    IBatchTransport For(LogOptions log);
}
