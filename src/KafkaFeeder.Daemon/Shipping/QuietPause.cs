namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// How long a log that has nothing to do waits before it looks again. Each look costs some system calls, so all quiet logs
/// together look a hundred times a second, as long as no log waits for more than a few seconds. Pure.
/// </summary>
internal static class QuietPause
{
    private static readonly TimeSpan OfFewLogs = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OfManyLogs = TimeSpan.FromMilliseconds(2500);
    private static readonly TimeSpan ForEachLog = TimeSpan.FromMilliseconds(10);

    /// <summary>The longest pause of each log where there are so many.</summary>
    public static TimeSpan LongestFor(int logs) =>
        TimeSpan.FromTicks(Math.Clamp(ForEachLog.Ticks * logs, OfFewLogs.Ticks, OfManyLogs.Ticks));
}
