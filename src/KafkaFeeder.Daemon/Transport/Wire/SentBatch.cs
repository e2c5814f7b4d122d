namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>A batch that was given to the transport and has no outcome yet.</summary>
internal sealed class SentBatch(StoredBatch batch, Action<BatchOutcome> onOutcome)
{
    public StoredBatch Batch => batch;

    /// <summary>Partitions in which some of its records are not acknowledged.</summary>
    public int OpenPieces { get; set; }

    /// <summary>Records of it that the brokers refused. Unless they are sent one by one, the indexes are not known.</summary>
    public List<RejectedRecord> Refusals { get; } = [];

    /// <summary>True if they were refused because of their size.</summary>
    public bool IsRefusedForSize { get; set; }

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

    /// <summary>Not all of its records are acknowledged: reports which were refused, or else what went wrong.</summary>
    public void EndNotAcknowledged(OutcomeKind kind, string error)
    {
        var acknowledged = Run?.Records.Acknowledged.ToArray();
        while (Run is { } run && run.ToSend.TryDequeue(out var left))
        {
            left.Release();
        }

        End(Refusals is [var first, ..]
            ? new BatchOutcome(OutcomeKind.Rejected, first.Reason, 0, Refusals) { Acknowledged = acknowledged, IsOfSize = IsRefusedForSize }
            : new BatchOutcome(kind, error) { Acknowledged = acknowledged });
    }
}

/// <summary>Sends the records of a batch one by one, each after the one before was acknowledged.</summary>
/// <param name="records">What the lane knows of them.</param>
/// <param name="toSend">Those that are to be sent, in order.</param>
/// <param name="named">By index: those of them that the leader has named before when it refused a batch.</param>
internal sealed class RecordByRecordRun(RecordByRecord records, Queue<WireBatch> toSend, Dictionary<int, RejectedRecord> named)
{
    /// <summary>
    /// Those that are next and that the leader has named. The records before them are acknowledged, so when these are set aside, the
    /// acknowledged position passes them before any later sequence is used.
    /// </summary>
    public List<RejectedRecord> TakeNamed()
    {
        var taken = new List<RejectedRecord>();
        while (!IsOneInFlight && toSend.TryPeek(out var next) && named.Remove(next.Index, out var refusal))
        {
            taken.Add(refusal);
            toSend.Dequeue().Release();
        }

        return taken;
    }

    public RecordByRecord Records => records;

    public Queue<WireBatch> ToSend => toSend;

    /// <summary>True while one of them waits for its answer.</summary>
    public bool IsOneInFlight { get; set; }
}
