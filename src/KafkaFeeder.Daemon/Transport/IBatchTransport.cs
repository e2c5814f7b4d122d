using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// Sends the batches of one log to the brokers. Takes batches in order; reports exactly one outcome for each, on any thread, in
/// any order. When it is disposed while batches have no outcome, it withdraws what of them is not sent yet. Nothing outside an
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

    /// <summary>Sends a batch. The bytes are copied before it returns. A failure to send is reported as an outcome.</summary>
    /// <param name="request">What to send.</param>
    /// <param name="onOutcome">Called exactly once, on any thread, perhaps before this returns; never after an exception.</param>
    /// <returns>Memory that is held until the outcome, in bytes.</returns>
    /// <exception cref="KafkaLog.Format.CorruptBatchException">The records cannot be read; nothing was sent.</exception>
    /// <exception cref="KafkaLog.Format.UnsupportedBatchException">This version does not read such a batch; nothing was sent.</exception>
    long Send(in SendRequest request, Action<BatchOutcome> onOutcome);

    /// <summary>No more batches follow for now: send at once what waits to fill a request. Never blocks on brokers.</summary>
    void SendNow();

    /// <summary>
    /// What a checkpoint has to keep so that the next run can continue exactly at the acknowledged positions of this moment, as one
    /// word of ASCII; "" if this transport keeps nothing. It has to name what it is valid for (cluster, topic): settings may change
    /// between two runs, and positions go back when a file turns out to be another. Called by the thread that calls
    /// <see cref="Send"/>.
    /// </summary>
    /// <param name="afterAcknowledged">The batches that were read after the acknowledged positions, in order within a file, also those
    /// that are acknowledged. Read from the log's own state: not to be kept.</param>
    string StateAt(IEnumerable<StoredBatch> afterAcknowledged);
}

/// <summary>Opens a transport for each log. Logs share connections where they can.</summary>
internal interface ITransportPool
{
    /// <summary>Opens the transport of a log, by its broker group, acknowledgement level and partitioner.</summary>
    /// <param name="log">The settings of the log.</param>
    /// <param name="savedState">What <see cref="IBatchTransport.StateAt"/> returned for the checkpoint that the log starts from;
    /// "" if there is none.</param>
    IBatchTransport Open(LogOptions log, string savedState);
}
