namespace KafkaFeeder.Daemon.Liveness;

/// <summary>What a stalled loop means for the daemon.</summary>
internal enum LoopKind
{
    /// <summary>A loop that works for all logs and may stall because of one of them: the watcher, the cleaner.</summary>
    Other,

    /// <summary>The loop of one log: it stalls if the file system of the log does not answer.</summary>
    Log,

    /// <summary>Without it no log makes progress: the checkpoint store.</summary>
    Vital,
}

/// <summary>A loop, and when it is due: its last progress while it works, the end of its pause while it waits.</summary>
internal readonly record struct LoopState(string Name, TimeSpan Due, LoopKind Kind = LoopKind.Other);

/// <summary>A stalled loop, and for how long it has made no progress.</summary>
internal readonly record struct LateLoop(string Name, TimeSpan By);

/// <summary>
/// Decides which loops are stalled: those that are due and have made no progress for longer than the limit. Only rounds count, not
/// success: a loop that retries unreachable brokers makes progress. Pure.
/// </summary>
internal static class LatenessPolicy
{
    /// <summary>A loop without progress for longer than this is stalled, if no watchdog time is set.</summary>
    public static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(5);

    /// <summary>
    /// True if the daemon as a whole is stalled, so that a restart may help: a loop that all logs need is stalled, or the loops of all
    /// logs are. If one file system does not answer, repeated restarts would only stop the other logs.
    /// </summary>
    public static bool IsStalled(IEnumerable<LoopState> loops, TimeSpan now, TimeSpan limit)
    {
        var (logs, lateLogs) = (0, 0);
        foreach (var loop in loops)
        {
            var isLate = now - loop.Due > limit;
            if (isLate && loop.Kind == LoopKind.Vital)
            {
                return true;
            }

            logs += loop.Kind == LoopKind.Log ? 1 : 0;
            lateLogs += isLate && loop.Kind == LoopKind.Log ? 1 : 0;
        }

        return logs > 0 && lateLogs == logs;
    }

    /// <summary>The stalled loops, the longest first.</summary>
    public static IReadOnlyList<LateLoop> Late(IEnumerable<LoopState> loops, TimeSpan now, TimeSpan limit) =>
    [
        .. loops.Select(l => new LateLoop(l.Name, now - l.Due)).Where(l => l.By > limit).OrderByDescending(l => l.By).ThenBy(
            l => l.Name, StringComparer.Ordinal),
    ];
}
