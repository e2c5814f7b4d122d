namespace KafkaFeeder.Daemon.Liveness;

/// <summary>What it means if a loop hangs.</summary>
internal enum LoopKind
{
    /// <summary>One that works on what all logs share, and may hang because of one: the watcher, the cleaner.</summary>
    Other,

    /// <summary>A log's own: it hangs with the file system that the log is on.</summary>
    Log,

    /// <summary>Without it no log gets on: the checkpoint store.</summary>
    Vital,
}

/// <summary>A loop, and when it was or is to turn: in the past while a turn goes on, in the future while it sleeps.</summary>
internal readonly record struct LoopState(string Name, TimeSpan Due, LoopKind Kind = LoopKind.Other);

/// <summary>A loop that hangs, and for how long.</summary>
internal readonly record struct LateLoop(string Name, TimeSpan By);

/// <summary>
/// Decides which loops hang: those that are due, and have not turned for longer than the limit. What a loop does in its
/// turns is no matter: one that tries brokers in vain turns too. Pure.
/// </summary>
internal static class LatenessPolicy
{
    /// <summary>A loop that has made no progress for so long hangs, where no watchdog says otherwise.</summary>
    public static readonly TimeSpan DefaultLimit = TimeSpan.FromMinutes(5);

    /// <summary>
    /// Whether a restart may help: a loop hangs that all logs need, or all logs hang. One log on a file system that does not
    /// answer is no reason to stop the others, again and again.
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

    /// <summary>The loops that hang, the latest first.</summary>
    public static IReadOnlyList<LateLoop> Late(IEnumerable<LoopState> loops, TimeSpan now, TimeSpan limit) =>
    [
        .. loops.Select(l => new LateLoop(l.Name, now - l.Due)).Where(l => l.By > limit).OrderByDescending(l => l.By).ThenBy(
            l => l.Name, StringComparer.Ordinal),
    ];
}
