using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// A batch that was read and is not acknowledged as a whole: which of its records are, and what was tried. A source derives its own,
/// which knows where it came from. Changed by the thread of its log alone, and only while it is not in flight.
/// </summary>
internal class PendingBatch(StoredBatch stored)
{
    /// <summary>Where it lies and what is in it.</summary>
    public StoredBatch Stored => stored;

    /// <summary>True: it may have been sent and acknowledged before: the file is not as the checkpoint says, so it is sent again.</summary>
    public bool MayHaveBeenSent { get; init; }

    /// <summary>
    /// By index: records that are acknowledged, or in quarantine and the ledger. They are not sent again. Null: none.
    /// </summary>
    public bool[]? Settled { get; private set; }

    /// <summary>Records that are settled.</summary>
    public int SettledCount => Settled?.AsSpan().Count(true) ?? 0;

    /// <summary>Records at its front that are settled: the acknowledged position includes them.</summary>
    public int LeadingSettled => Settled is null ? 0 : Settled.AsSpan().IndexOf(false) is var first and >= 0 ? first : stored.RecordsCount;

    /// <summary>
    /// By index: records that are in quarantine but may not be in the ledger yet, so that another try does not copy them again.
    /// Null: none.
    /// </summary>
    public HashSet<int>? InQuarantine { get; set; }

    /// <summary>True: its records are sent one by one, to find those that the brokers will never take.</summary>
    public bool IsIsolated { get; set; }

    /// <summary>True once it was given to the transport.</summary>
    public bool WasSent { get; private set; }

    /// <summary>Records that were set aside: they are settled, and were not shipped.</summary>
    public int SetAsideCount { get; private set; }

    /// <summary>True once one send got some of its records acknowledged, one by one, and others refused.</summary>
    public bool IsAnyTaken { get; private set; }

    /// <summary>Memory that is held until the outcome of the last send, in bytes.</summary>
    public long CostBytes { get; set; }

    /// <summary>Marks a record that must not be sent again.</summary>
    public void Settle(int index) => (Settled ??= new bool[stored.RecordsCount])[index] = true;

    /// <summary>A record is safe in quarantine and the ledger.</summary>
    public void SetAside(int index)
    {
        Settle(index);
        SetAsideCount++;
    }

    /// <summary>It is about to be given to the transport.</summary>
    public void Sending() => WasSent = true;

    /// <summary>A send has had its outcome, and not all of it is acknowledged.</summary>
    public void Returned(BatchOutcome outcome)
    {
        var before = SettledCount;
        for (var i = 0; i < Math.Min(outcome.Acknowledged?.Length ?? 0, stored.RecordsCount); i++)
        {
            if (outcome.Acknowledged![i])
            {
                Settle(i);
            }
        }

        IsAnyTaken |= IsIsolated && outcome.Rejected is { Count: > 0 } && SettledCount > before;
    }
}

/// <summary>A batch of a segment.</summary>
internal sealed class SegmentBatch(SegmentProgress segment, StoredBatch stored) : PendingBatch(stored)
{
    /// <summary>The segment that it was read from.</summary>
    public SegmentProgress Segment => segment;
}
