namespace KafkaLog.Wire.Connections;

/// <summary>How long a timer is set: it counts whole milliseconds, and takes -1 forever.</summary>
internal static class TimerLength
{
    /// <summary>Rounded up, so that the time has passed when the timer fires; at least 1 ms.</summary>
    public static TimeSpan Of(TimeSpan time) => TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(time.TotalMilliseconds)));
}
