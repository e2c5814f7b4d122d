using System.Globalization;
using System.Text;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// The whole daemon in a line, for <c>systemctl status</c>: <c>3 logs, lag 1.2 MB, oldest 4 s; orders held: unknown
/// topic</c>. Logs that need attention are in it by name. Pure.
/// </summary>
internal static class StatusSentence
{
    private const int MaxNamed = 2;

    /// <param name="isReady">Whether the first search for logs is done.</param>
    /// <param name="isStopping">Whether it only waits for acknowledgements.</param>
    /// <param name="logs">All of them.</param>
    /// <param name="faults">How many in the logs' configuration.</param>
    /// <param name="late">The loops that are stalled.</param>
    /// <param name="now">The time.</param>
    public static string Of(
        bool isReady, bool isStopping, IReadOnlyList<LogStatus> logs, int faults, IReadOnlyList<LateLoop> late, DateTimeOffset now)
    {
        var text = new StringBuilder();
        foreach (var loop in late.Take(MaxNamed))
        {
            text.Append(CultureInfo.InvariantCulture, $"stalled: {loop.Name}, no progress for {Words.Age(loop.By)}; ");
        }

        text.Append(
            isStopping ? $"stopping, {Words.Bytes(logs.Sum(l => l.InFlightBytes))} in flight, {Lag(logs, now)}"
            : !isReady ? "starting: searching for logs"
            : logs.Count == 0 ? "no log is configured yet"
            : $"{logs.Count} {(logs.Count == 1 ? "log" : "logs")}, {Lag(logs, now)}");
        var troubled = logs.Where(l => l.NeedsAttention).ToList();
        foreach (var log in troubled.Take(MaxNamed))
        {
            text.Append(CultureInfo.InvariantCulture, $"; {log.Options.Component} {State(log)}");
        }

        if (troubled.Count > MaxNamed)
        {
            text.Append(CultureInfo.InvariantCulture, $"; {troubled.Count - MaxNamed} more need attention");
        }

        if (faults > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"; {faults} {(faults == 1 ? "fault" : "faults")} in kafkafeeder.yaml files");
        }

        return text.ToString();
    }

    private static string Lag(IReadOnlyList<LogStatus> logs, DateTimeOffset now)
    {
        var lag = logs.Sum(l => l.LagBytes);
        var unknown = logs.Count(l => !l.IsLookedAt);
        if (lag == 0)
        {
            return unknown == 0 ? "all shipped" : $"{unknown} not examined yet";
        }

        var oldest = logs.Select(l => l.OldestUnshipped).Where(t => t > 0).DefaultIfEmpty(0).Min();
        return $"lag {Words.Bytes(lag)}"
            + (oldest > 0 ? $", oldest {Words.Age(now - DateTimeOffset.FromUnixTimeMilliseconds(oldest))}" : "")
            + (unknown > 0 ? $", {unknown} not examined yet" : "");
    }

    private static string State(LogStatus log)
    {
        var open = log.Ledger.Unacknowledged;
        List<string> parts = [];
        Add(open.Lost > 0, $"has LOST {Words.Bytes(open.Lost)}");
        Add(open.Rejected > 0, $"has {Words.Count(open.Rejected, "record", "records")} refused");
        Add(open.Damaged > 0, $"has {Words.Bytes(open.Damaged)} damaged");
        Add(
            log.IsInTrouble,
            $"{log.State.ToString().ToLowerInvariant()}: {log.Error ?? "no reason is known"}");
        return parts.Count > 0 ? string.Join(", ", parts) : "has an entry in the ledger that nobody has acknowledged";

        void Add(bool isSo, string text)
        {
            if (isSo)
            {
                parts.Add(text);
            }
        }
    }
}
