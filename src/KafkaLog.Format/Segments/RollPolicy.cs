namespace KafkaLog.Format.Segments;

/// <summary>Decides when a segment ends. Pure: clock and sizes in, yes or no out.</summary>
internal sealed record RollPolicy
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    /// <summary>Creates a policy.</summary>
    /// <param name="interval">How long a segment lasts: whole seconds that divide an hour or a day.</param>
    /// <param name="fileSizeLimitBytes">The size that a segment may reach; a single larger batch still gets a segment of its own.</param>
    /// <exception cref="ArgumentOutOfRangeException">The interval does not divide, or the size is not positive.</exception>
    public RollPolicy(TimeSpan interval, long fileSizeLimitBytes)
    {
        if (!IsValidInterval(interval))
        {
            throw new ArgumentOutOfRangeException(
                nameof(interval),
                $"The roll interval is {interval}; it must be whole seconds that divide an hour (3600) or a day (86400).");
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(fileSizeLimitBytes);
        Interval = interval;
        FileSizeLimitBytes = fileSizeLimitBytes;
    }

    /// <summary>How long a segment lasts; the boundaries are multiples of it from midnight UTC.</summary>
    public TimeSpan Interval { get; }

    /// <summary>The size that a segment may reach, in bytes.</summary>
    public long FileSizeLimitBytes { get; }

    /// <summary>True for whole seconds that divide an hour or a day.</summary>
    public static bool IsValidInterval(TimeSpan interval) =>
        interval > TimeSpan.Zero && interval <= Day && interval.Ticks % TimeSpan.TicksPerSecond == 0 && Day.Ticks % interval.Ticks == 0;

    /// <summary>The boundary after <paramref name="now"/>: the exclusive end of the interval that it is in.</summary>
    public DateTimeOffset NextBoundary(DateTimeOffset now)
    {
        var ticks = now.UtcTicks;
        return new DateTimeOffset(ticks - (ticks % Interval.Ticks) + Interval.Ticks, TimeSpan.Zero);
    }

    /// <summary>
    /// True if the segment that was opened at <paramref name="opened"/> is over at <paramref name="now"/>. A clock that
    /// was set back to before the segment's interval ends it too: its name would be wrong.
    /// </summary>
    public bool IsOver(DateTimeOffset opened, DateTimeOffset now)
    {
        var end = NextBoundary(opened);
        return now >= end || now < end - Interval;
    }

    /// <summary>True if a batch of <paramref name="batchBytes"/> does not fit after <paramref name="position"/>.</summary>
    public bool IsFull(long position, long batchBytes) => position > 0 && position + batchBytes > FileSizeLimitBytes;
}
