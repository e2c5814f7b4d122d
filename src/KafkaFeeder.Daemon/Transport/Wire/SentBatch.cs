namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>A batch that was given to the transport and has no outcome yet.</summary>
internal sealed class SentBatch(StoredBatch batch, Action<BatchOutcome> onOutcome)
{
    public StoredBatch Batch => batch;

    /// <summary>Partitions in which some of its records are not acknowledged.</summary>
    public int OpenPieces { get; set; }

    /// <summary>Why the brokers refused records of it; null: they did not.</summary>
    public (RejectedRecord Record, bool IsOfSize)? Refusal { get; set; }

    /// <summary>Its records, if they are sent one by one; null: they are not.</summary>
    public RecordByRecordRun? Run { get; set; }

    /// <summary>True once its outcome was reported.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Reports the outcome. To be called once.</summary>
    public void End(BatchOutcome outcome)
    {
        HasEnded = true;
        onOutcome(outcome);
    }
}

/// <summary>Sends the records of a batch one by one, each after the one before was acknowledged.</summary>
/// <param name="records">What the lane knows of them.</param>
/// <param name="toSend">Those that are to be sent, in order.</param>
internal sealed class RecordByRecordRun(RecordByRecord records, Queue<WireBatch> toSend)
{
    public RecordByRecord Records => records;

    public Queue<WireBatch> ToSend => toSend;

    /// <summary>True while one of them waits for its answer.</summary>
    public bool IsOneInFlight { get; set; }
}
