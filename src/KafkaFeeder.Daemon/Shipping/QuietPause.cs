namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// How long a log that has nothing to do waits before it looks again. Each look costs some system calls, so all quiet logs
/// together look fifty times a second, as long as no log waits for more than a few seconds. Pure.
/// </summary>
internal static class QuietPause
{
    private static readonly TimeSpan OfFewLogs = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OfManyLogs = TimeSpan.FromMilliseconds(2500);
    private static readonly TimeSpan ForEachLog = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Grid = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest pause of each log where there are so many.</summary>
    public static TimeSpan LongestFor(int logs) =>
        TimeSpan.FromTicks(Math.Clamp(ForEachLog.Ticks * logs, OfFewLogs.Ticks, OfManyLogs.Ticks));

    /// <summary>
    /// A pause that ends on a grid of time that all logs share, so that many look after one waking of the process. Short
    /// pauses, of a log that has just had something to do, stay as they are.
    /// </summary>
    /// <param name="pause">As long as it would be.</param>
    /// <param name="now">Time since any origin that the logs share.</param>
    public static TimeSpan OnGrid(TimeSpan pause, TimeSpan now)
    {
        if (pause < OfFewLogs)
        {
            return pause;
        }

        var grid = pause > OfFewLogs && pause < OfManyLogs ? 2 * Grid : Grid; // very many logs are a crowd at each place of it
        var over = (now + pause).Ticks % grid.Ticks;
        return over == 0 ? pause : pause + grid - TimeSpan.FromTicks(over);
    }
}
