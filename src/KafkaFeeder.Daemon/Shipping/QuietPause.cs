namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// How long an idle log waits before it polls again. Each poll costs some system calls, so all idle logs together poll fifty times a
/// second. But no log waits for more than a few seconds. Pure.
/// </summary>
internal static class QuietPause
{
    private static readonly TimeSpan OfFewLogs = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan OfManyLogs = TimeSpan.FromMilliseconds(2500);
    private static readonly TimeSpan ForEachLog = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan Grid = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest pause of a log, given the number of logs.</summary>
    public static TimeSpan LongestFor(int logs) =>
        TimeSpan.FromTicks(Math.Clamp(ForEachLog.Ticks * logs, OfFewLogs.Ticks, OfManyLogs.Ticks));

    /// <summary>
    /// Extends a pause to the next point of a time grid that all logs share, so that the process wakes once for many logs. Short pauses,
    /// of a log that was busy until now, are not changed.
    /// </summary>
    /// <param name="pause">The pause.</param>
    /// <param name="now">Time since an origin that all logs share.</param>
    public static TimeSpan OnGrid(TimeSpan pause, TimeSpan now)
    {
        if (pause < OfFewLogs)
        {
            return pause;
        }

        var grid = pause > OfFewLogs && pause < OfManyLogs ? 2 * Grid : Grid; // with very many logs, many share each point anyway
        var over = (now + pause).Ticks % grid.Ticks;
        return over == 0 ? pause : pause + grid - TimeSpan.FromTicks(over);
    }
}
