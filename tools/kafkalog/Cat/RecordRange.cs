namespace KafkaLog.Tool.Cat;

/// <summary>A range of records, by offset or time. Pure.</summary>
/// <param name="From">The first, inclusive; null: from the beginning.</param>
/// <param name="To">Where it ends, exclusive; null: at the end.</param>
internal sealed record RecordRange(RangeBound? From, RangeBound? To)
{
    /// <summary>True if the record is in the range. One without a timestamp (null) is in no range of time.</summary>
    public bool Contains(long offset, long? timestamp) =>
        (From is not { } from || (from.IsTime ? timestamp >= from.Number : offset >= from.Number))
        && (To is not { } to || (to.IsTime ? timestamp < to.Number : offset < to.Number));

    /// <summary>True if no record after <paramref name="offset"/> is in the range: offsets ascend in a file; times need not.</summary>
    public bool IsOver(long offset) => To is { IsTime: false } to && offset >= to.Number;

    /// <summary>
    /// True if no record before <paramref name="nextOffset"/>, with no timestamp above <paramref name="maxTimestamp"/>, can be
    /// in the range: its batch need not be decompressed.
    /// </summary>
    public bool IsBefore(long nextOffset, long maxTimestamp) =>
        From is { } from && (from.IsTime ? maxTimestamp < from.Number : nextOffset <= from.Number);
}
