using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// A batch that was read and is not settled as a whole: which of its records are settled, and how it was sent so far. A source
/// derives its own class, which keeps where the batch came from. Changed only by the thread of its log, and only while the batch
/// is not in flight.
/// </summary>
internal class PendingBatch(StoredBatch stored)
{
    /// <summary>Where the batch is and what it contains.</summary>
    public StoredBatch Stored => stored;

    /// <summary>True: it may have been acknowledged before. It is sent again because the file is not as the checkpoint says.</summary>
    public bool MayHaveBeenSent { get; init; }

    /// <summary>
    /// By index: true for records that are acknowledged, or in quarantine and the ledger. They are not sent again. Null: none.
    /// </summary>
    public bool[]? Settled { get; private set; }

    /// <summary>The number of settled records.</summary>
    public int SettledCount => Settled?.AsSpan().Count(true) ?? 0;

    /// <summary>The number of settled records at its front. The acknowledged position includes them.</summary>
    public int LeadingSettled => Settled is null ? 0 : Settled.AsSpan().IndexOf(false) is var first and >= 0 ? first : stored.RecordsCount;

    /// <summary>
    /// Indexes of records that are in quarantine but may not be in the ledger yet, so that a retry does not copy them again.
    /// Null: none.
    /// </summary>
    public HashSet<int>? InQuarantine { get; set; }

    /// <summary>True: its records are sent one by one, to find those that the brokers will never accept.</summary>
    public bool IsIsolated { get; set; }

    /// <summary>True once it was given to the transport.</summary>
    public bool WasSent { get; private set; }

    /// <summary>The number of records that were set aside: they are settled but were not shipped.</summary>
    public int SetAsideCount { get; private set; }

    /// <summary>True once, in one send of its records one by one, some were acknowledged and others refused.</summary>
    public bool IsAnyTaken { get; private set; }

    /// <summary>Memory that the last send holds until its outcome, in bytes.</summary>
    public long CostBytes { get; set; }

    /// <summary>Marks a record that must not be sent again.</summary>
    public void Settle(int index) => (Settled ??= new bool[stored.RecordsCount])[index] = true;

    /// <summary>Marks a record that is in quarantine and the ledger, both synced to disk.</summary>
    public void SetAside(int index)
    {
        Settle(index);
        SetAsideCount++;
    }

    /// <summary>To be called before the batch is given to the transport.</summary>
    public void Sending() => WasSent = true;

    /// <summary>Applies the outcome of a send in which not all records were acknowledged.</summary>
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
