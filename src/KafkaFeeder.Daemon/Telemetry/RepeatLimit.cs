namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>The same trouble is logged no more often than once in <see cref="Interval"/>. Not thread-safe.</summary>
internal sealed class RepeatLimit(TimeProvider time)
{
    /// <summary>Between two lines about the same.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long? _takenAt;

    /// <summary>Whether it may be logged now; the interval begins if so.</summary>
    public bool TryTake()
    {
        if (_takenAt is { } at && time.GetElapsedTime(at) < Interval)
        {
            return false;
        }

        _takenAt = time.GetTimestamp();
        return true;
    }
}
