namespace KafkaFeeder.Daemon.Telemetry;

/// <summary>Limits how often the same kind of event is logged: once in <see cref="Interval"/>. Not thread-safe.</summary>
internal sealed class RepeatLimit(TimeProvider time)
{
    /// <summary>The shortest time between two events.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private long? _takenAt;

    /// <summary>True if it may be logged now. Then the interval starts.</summary>
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
