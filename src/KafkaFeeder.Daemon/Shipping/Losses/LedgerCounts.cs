namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>What was not shipped as it was.</summary>
/// <param name="Rejected">Records that the brokers refused.</param>
/// <param name="Torn">Bytes of batches that their writers did not finish.</param>
/// <param name="Damaged">Bytes that are no record batch.</param>
/// <param name="Lost">Bytes that vanished before they were shipped.</param>
internal readonly record struct LedgerSums(long Rejected, long Torn, long Damaged, long Lost)
{
    public LedgerSums With(in LedgerEntry entry) => entry.Kind switch
    {
        LedgerKind.Rejected => this with { Rejected = Rejected + entry.Records },
        LedgerKind.Torn => this with { Torn = Torn + entry.Bytes },
        LedgerKind.Damaged => this with { Damaged = Damaged + entry.Bytes },
        LedgerKind.Lost => this with { Lost = Lost + entry.Bytes },
        _ => this,
    };
}

/// <summary>What the ledger says of a log, over all runs. Immutable.</summary>
/// <param name="Total">All of it.</param>
/// <param name="Unacknowledged">What came after the last acknowledgement.</param>
/// <param name="Incidents">Entries that nobody has acknowledged and that somebody should look at: a torn tail is none.</param>
internal sealed record LedgerCounts(LedgerSums Total, LedgerSums Unacknowledged, long Incidents)
{
    public static LedgerCounts None { get; } = new(default, default, 0);

    public LedgerCounts With(in LedgerEntry entry) => new(
        Total.With(entry),
        Unacknowledged.With(entry),
        Incidents + (entry.Kind is LedgerKind.Rejected or LedgerKind.Damaged or LedgerKind.Lost ? 1 : 0));

    public LedgerCounts Acknowledged() => new(Total, default, 0);
}

/// <summary>The counts of one log, as they are now. Thread-safe: replaced as a whole.</summary>
internal sealed class LedgerAccount
{
    private volatile LedgerCounts _counts = LedgerCounts.None;

    public LedgerCounts Counts { get => _counts; set => _counts = value; }
}

/// <summary>One thing that was not shipped as it was.</summary>
/// <param name="Kind">What became of it.</param>
/// <param name="Directory">The log's.</param>
/// <param name="Segment">Its name.</param>
/// <param name="Position">Where it begins.</param>
/// <param name="EndPosition">Where it ends, exclusive.</param>
/// <param name="Records">How many records, where that is known.</param>
/// <param name="Reason">Why.</param>
internal readonly record struct LedgerEntry(
    LedgerKind Kind, string Directory, string Segment, long Position, long EndPosition, long Records, string Reason)
{
    public long Bytes => EndPosition - Position;
}
