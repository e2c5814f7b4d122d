namespace KafkaLog.Format.Segments;

/// <summary>Bytes of a segment that are not a record batch.</summary>
/// <param name="Position">The first damaged byte.</param>
/// <param name="EndPosition">The byte behind the last: the next good batch, or the end of the file.</param>
/// <param name="IsTornTail">True if it is the start of a batch that its writer did not finish.</param>
/// <param name="Reason">What was expected and found.</param>
public sealed record SegmentDamage(long Position, long EndPosition, bool IsTornTail, string Reason)
{
    /// <summary>The damage in bytes.</summary>
    public long Bytes => EndPosition - Position;
}
