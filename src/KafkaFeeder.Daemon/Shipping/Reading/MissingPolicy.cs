namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Decides when a segment that is missing from its directory counts as lost. If a directory is empty for a moment (a volume that is
/// unmounted or remounted), its segments must be neither lost nor forgotten. Pure.
/// </summary>
internal static class MissingPolicy
{
    /// <summary>How long a segment may be missing from a directory that is otherwise the same.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>How long it may be missing if all segments of the log disappeared at once, or the directory is another one.</summary>
    public static readonly TimeSpan PatienceWithDirectory = TimeSpan.FromMinutes(10);

    /// <summary>How long a segment that is gone is remembered, so that it is not shipped again if it comes back.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    /// <summary>How many such segments of a log are remembered for longer than a day. The oldest are forgotten first.</summary>
    public const int MaxRemembered = 1_000;

    private static readonly TimeSpan ShortMemory = TimeSpan.FromDays(1);

    /// <summary>True if a segment that is gone is to be forgotten.</summary>
    /// <param name="missingFor">How long it has been gone.</param>
    /// <param name="younger">How many segments of the log disappeared after it.</param>
    public static bool IsForgotten(TimeSpan missingFor, int younger) =>
        missingFor > Memory || (missingFor > ShortMemory && younger >= MaxRemembered);

    /// <summary>How long to wait before a missing segment counts as lost.</summary>
    /// <param name="isSameDirectory">False if the directory is another one than before, or was never seen in this run.</param>
    /// <param name="present">How many segments of the log exist.</param>
    /// <param name="missing">How many segments of the log are missing.</param>
    public static TimeSpan PatienceFor(bool isSameDirectory, int present, int missing) =>
        isSameDirectory && (present > 0 || missing <= 1) ? Patience : PatienceWithDirectory;
}
