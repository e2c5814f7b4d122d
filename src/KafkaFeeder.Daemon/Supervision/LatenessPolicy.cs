namespace KafkaFeeder.Daemon.Supervision;

/// <summary>A loop, and when it was or is to turn: in the past while a turn goes on, in the future while it sleeps.</summary>
internal readonly record struct LoopState(string Name, TimeSpan Due);

/// <summary>A loop that hangs, and for how long.</summary>
internal readonly record struct LateLoop(string Name, TimeSpan By);

/// <summary>
/// Decides which loops hang: those that are due, and have not turned for longer than the limit. What a loop does in its
/// turns is no matter: one that tries brokers in vain turns too. Pure.
/// </summary>
internal static class LatenessPolicy
{
    /// <summary>The loops that hang, the latest first.</summary>
    public static IReadOnlyList<LateLoop> Late(IEnumerable<LoopState> loops, TimeSpan now, TimeSpan limit) =>
    [
        .. loops.Select(l => new LateLoop(l.Name, now - l.Due)).Where(l => l.By > limit).OrderByDescending(l => l.By).ThenBy(l => l.Name, StringComparer.Ordinal),
    ];
}
