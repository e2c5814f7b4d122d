using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// Sends the batches of one log to the brokers. Takes batches in order; reports exactly one outcome for each, on any thread, in any
/// order. If it is disposed while batches are in flight, it withdraws their records that are not sent yet. Only the folder of an
/// implementation depends on its Kafka client.
/// </summary>
internal interface IBatchTransport : IDisposable
{
    /// <summary>True if records arrive in the order in which they were sent, even if the client retries.</summary>
    bool KeepsOrder { get; }

    /// <summary>The client and its brokers, as text.</summary>
    string Description { get; }

    /// <summary>
    /// False until any log of the broker group got an acknowledgement, and again while none of its brokers can be reached.
    /// </summary>
    bool BrokersAnswer { get; }

    /// <summary>The last error of the brokers, until something is acknowledged; null: none.</summary>
    string? LastError { get; }

    /// <summary>Sends a batch. The bytes are copied before it returns. A failure to send is reported as an outcome.</summary>
    /// <param name="request">What to send.</param>
    /// <param name="onOutcome">Called exactly once, on any thread, perhaps before this returns; never after an exception.</param>
    /// <returns>Memory that the batch holds until its outcome, in bytes.</returns>
    /// <exception cref="KafkaLog.Format.CorruptBatchException">The records cannot be read; nothing was sent.</exception>
    /// <exception cref="KafkaLog.Format.UnsupportedBatchException">This version cannot read the batch; nothing was sent.</exception>
    long Send(in SendRequest request, Action<BatchOutcome> onOutcome);

    /// <summary>No more batches follow for now: sends records at once that wait to fill a request. Never blocks on brokers.</summary>
    void SendNow();

    /// <summary>
    /// False while a batch must not be sent yet: the transport asks the brokers what they have, or its state must be saved first
    /// (<see cref="HasNewState"/>). Asks for whatever is missing, so call it again.
    /// </summary>
    bool IsReadyFor(StoredBatch batch) => true;

    /// <summary>
    /// What the brokers have of what was sent before: by an earlier run, or before a failure. Each finding is returned once. While
    /// there is one, <see cref="IsReadyFor"/> is false. Null: nothing new.
    /// </summary>
    ResumeFinding? TakeFinding() => null;

    /// <summary>True if the state must be saved before certain batches may be sent.</summary>
    bool HasNewState => false;

    /// <summary>The last state that <see cref="StateAt"/> returned is on disk.</summary>
    void StateSaved()
    {
    }

    /// <summary>
    /// A file is not what it was: batches from it that were sent are not in it any more. To be called before the next batch of it.
    /// </summary>
    void FileChanged(string fileName)
    {
    }

    /// <summary>A batch that was sent cannot be sent again: it is settled as lost.</summary>
    void Dropped(StoredBatch batch)
    {
    }

    /// <summary>Bytes of a file were skipped as damage. To be called before the next batch of it.</summary>
    void BytesSkipped(string fileName)
    {
    }

    /// <summary>
    /// State for the checkpoint that the next run needs to continue exactly at the current acknowledged positions, as one word of
    /// ASCII; "" if there is none. It must contain what it is valid for (cluster, topic): settings may change between two runs, and
    /// positions go back if a file is replaced by another one. Called by the thread that calls <see cref="Send"/>.
    /// </summary>
    /// <param name="afterAcknowledged">
    /// The batches that were read after the acknowledged positions, in order within a file, including acknowledged ones. A view of the
    /// log's state that is only valid during the call.
    /// </param>
    /// <param name="finished">The files that the same checkpoint calls done: nothing more is sent from them, unless they grow.</param>
    string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished);
}

/// <summary>A batch after the acknowledged position.</summary>
/// <param name="Batch">The batch.</param>
/// <param name="LeadingSettled">The number of records at its front that the acknowledged position includes.</param>
internal readonly record struct BatchPlace(StoredBatch Batch, int LeadingSettled);

/// <summary>What the brokers have of the records that were sent after the acknowledged positions.</summary>
/// <param name="IsExact">True: it is known record by record, and nothing is sent twice. False: some may be sent twice.</param>
/// <param name="How">By which means that was found, or why it was not: for logs.</param>
/// <param name="Lost">Records that the brokers had acknowledged and have no longer; null: none.</param>
internal sealed record ResumeFinding(bool IsExact, string How, LostRecords? Lost = null)
{
    /// <summary>Records that the brokers have, that were not read again yet, and that will be sent again nevertheless.</summary>
    public long Ahead { get; init; }

    /// <summary>True if the brokers have something that was not known to be there, or it is not known what they have.</summary>
    public bool IsNews { get; init; } = true;
}

/// <summary>Records that the brokers had acknowledged and have no longer, as after an unclean election of a leader.</summary>
/// <param name="FileName">A file of the log: the one that was sent last.</param>
/// <param name="Records">How many, at most.</param>
internal sealed record LostRecords(string FileName, long Records);

/// <summary>Opens a transport for each log. Logs share connections where they can.</summary>
internal interface ITransportPool
{
    /// <summary>True if the transport of a log says by a <see cref="ResumeFinding"/> what the brokers have.</summary>
    bool FindsOut(LogOptions log) => false;

    /// <summary>Opens the transport of a log, by its broker group, acknowledgement level and partitioner.</summary>
    /// <param name="log">The settings of the log.</param>
    /// <param name="savedState">
    /// What <see cref="IBatchTransport.StateAt"/> returned for the checkpoint that the log starts from; "" if there is none.
    /// </param>
    /// <param name="mayHaveSent">False: the last run certainly sent nothing after the acknowledged positions.</param>
    IBatchTransport Open(LogOptions log, string savedState, bool mayHaveSent);
}
