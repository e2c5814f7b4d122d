namespace KafkaLog.Format.Segments;

/// <summary>
/// Decides when nothing more will be written to a segment. Pure. If its writer is known to be gone: at once. If nothing is
/// known (<see cref="WriterState.Unknown"/>): when its interval is over. Start and interval are in its name, and a writer
/// begins another file then. A torn batch in such a file may be the work of a living writer, so it must be kept, like damage.
/// </summary>
internal static class SegmentFinality
{
    /// <summary>
    /// How far clocks may differ, and how long a last write may take. Longer than any cache of NFS attributes lasts (60 s).
    /// </summary>
    public static readonly TimeSpan Slack = TimeSpan.FromMinutes(2);

    /// <summary>How long the file must be left unwritten.</summary>
    public static readonly TimeSpan Quiet = TimeSpan.FromMinutes(1);

    /// <summary>An interval in a name counts as no longer than this; ours are a day at most.</summary>
    public static readonly TimeSpan MaxInterval = TimeSpan.FromDays(7);

    /// <summary>Whether nothing more will be written to a segment.</summary>
    /// <param name="writer">What <see cref="SegmentLock.Probe"/> says.</param>
    /// <param name="name">Its name; null if it does not have that of a segment.</param>
    /// <param name="modified">When it was written to last.</param>
    /// <param name="now">The current time.</param>
    public static bool IsFinal(WriterState writer, SegmentName? name, DateTimeOffset modified, DateTimeOffset now) => writer switch
    {
        WriterState.Alive => false,
        WriterState.Gone => true,
        _ => now >= FinalAt(name, modified),
    };

    /// <summary>
    /// When a segment whose writer may not be gone is final, if nothing more is written to it: <see cref="Slack"/> after its
    /// interval is over. If its last modification is before the start in its name (the clock was wrong), the interval counts
    /// from there. In any case not before <see cref="Quiet"/> after its last modification.
    /// </summary>
    public static DateTimeOffset FinalAt(SegmentName? name, DateTimeOffset modified)
    {
        var quiet = Later(modified, Quiet);
        if (name is null)
        {
            return quiet;
        }

        var start = name.Start is { } named && named < modified ? named : modified;
        var over = Later(start, (name.Interval < MaxInterval ? name.Interval : MaxInterval) + Slack);
        return over > quiet ? over : quiet;
    }

    private static DateTimeOffset Later(DateTimeOffset time, TimeSpan by) =>
        time < DateTimeOffset.MaxValue - by ? time + by : DateTimeOffset.MaxValue;
}
