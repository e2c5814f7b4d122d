namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>Sums of records and bytes that were not shipped as they were.</summary>
/// <param name="Rejected">Records that the brokers refused.</param>
/// <param name="Torn">Bytes of batches that their writers did not finish.</param>
/// <param name="Damaged">Bytes that are not a record batch.</param>
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

/// <summary>The counts of a log in the ledger, over all runs. Immutable.</summary>
/// <param name="Total">The sums of all entries.</param>
/// <param name="Unacknowledged">The sums of entries after the last <c>kafkafeeder acknowledge</c>.</param>
/// <param name="Incidents">The number of those entries that a person should look at. A torn tail is not one of them.</param>
internal sealed record LedgerCounts(LedgerSums Total, LedgerSums Unacknowledged, long Incidents)
{
    public static LedgerCounts None { get; } = new(default, default, 0);

    public LedgerCounts With(in LedgerEntry entry) => new(
        Total.With(entry),
        Unacknowledged.With(entry),
        Incidents + (entry.Kind is LedgerKind.Rejected or LedgerKind.Damaged or LedgerKind.Lost ? 1 : 0));

    public LedgerCounts Acknowledged() => new(Total, default, 0);
}

/// <summary>The current counts of one log. Thread-safe: they are replaced as a whole.</summary>
internal sealed class LedgerAccount
{
    private volatile LedgerCounts _counts = LedgerCounts.None;

    public LedgerCounts Counts { get => _counts; set => _counts = value; }
}

/// <summary>An entry of the ledger: something that was not shipped as it was.</summary>
/// <param name="Kind">What happened.</param>
/// <param name="Directory">The directory of the log.</param>
/// <param name="Segment">The file name of the segment.</param>
/// <param name="Position">The position of the first byte.</param>
/// <param name="EndPosition">The position after the last byte.</param>
/// <param name="Records">The number of records; 0 if it is not known.</param>
/// <param name="Reason">Why.</param>
internal readonly record struct LedgerEntry(
    LedgerKind Kind, string Directory, string Segment, long Position, long EndPosition, long Records, string Reason)
{
    public long Bytes => EndPosition - Position;
}
