using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// A batch that was read and is not acknowledged as a whole: which of its records are, and what was tried. Used by the thread of its
/// log alone.
/// </summary>
internal sealed class PendingBatch(SegmentProgress segment, StoredBatch stored)
{
    /// <summary>The segment that it was read from.</summary>
    public SegmentProgress Segment => segment;

    /// <summary>Where it lies and what is in it.</summary>
    public StoredBatch Stored => stored;

    /// <summary>True: it was acknowledged before, and is sent again because the file is not as the checkpoint says.</summary>
    public bool WasAcknowledged { get; init; }

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

    /// <summary>True once some of its records were acknowledged while they were sent one by one.</summary>
    public bool IsAnyTaken { get; private set; }

    /// <summary>Memory that is held until the outcome of the last send, in bytes.</summary>
    public long CostBytes { get; set; }

    /// <summary>Marks a record that must not be sent again.</summary>
    public void Settle(int index) => (Settled ??= new bool[stored.RecordsCount])[index] = true;

    /// <summary>It is about to be given to the transport.</summary>
    public void Sending() => WasSent = true;

    /// <summary>A send has had its outcome, and not all of it is acknowledged.</summary>
    /// <param name="acknowledged">See <see cref="BatchOutcome.Acknowledged"/>.</param>
    public void Returned(bool[]? acknowledged)
    {
        for (var i = 0; i < (acknowledged?.Length ?? 0); i++)
        {
            if (acknowledged![i])
            {
                Settle(i);
                IsAnyTaken |= IsIsolated;
            }
        }
    }
}
