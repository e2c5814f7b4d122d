namespace KafkaLog.Format.Segments;

/// <summary>Bytes of a segment that are not a record batch.</summary>
/// <param name="Position">The first damaged byte.</param>
/// <param name="EndPosition">The byte after the last: the next good batch, or the end of the file.</param>
/// <param name="IsTornTail">True if it is the start of a batch that its writer did not finish.</param>
/// <param name="Reason">What was expected and found.</param>
public sealed record SegmentDamage(long Position, long EndPosition, bool IsTornTail, string Reason)
{
    /// <summary>The damage in bytes.</summary>
    public long Bytes => EndPosition - Position;

    /// <summary>
    /// The same for a segment whose writer may not be gone (<see cref="WriterState.Unknown"/>): what looks like a torn tail
    /// may be half a batch of a living writer, or the remains of a whole one that was cut, so it must be kept.
    /// </summary>
    internal SegmentDamage WithUnknownWriter() => IsTornTail
        ? this with { IsTornTail = false, Reason = Reason + "; it is unknown whether its writer is gone, and its interval is over" }
        : this;
}
