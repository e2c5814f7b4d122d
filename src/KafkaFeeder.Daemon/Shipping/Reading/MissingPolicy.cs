namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Decides when a segment that is not in its directory any more counts as gone. A directory that is empty for a moment (an
/// unmounted or remounted volume) must not make what is in it lost, nor forgotten. Pure.
/// </summary>
internal static class MissingPolicy
{
    /// <summary>How long a name may be missing from a directory that otherwise is the same.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>How long, if all of the log's segments went at once, or the directory is another one than before.</summary>
    public static readonly TimeSpan PatienceWithDirectory = TimeSpan.FromMinutes(10);

    /// <summary>How long a segment that is gone is remembered, so that it is not shipped again if it comes back.</summary>
    public static readonly TimeSpan Memory = TimeSpan.FromDays(7);

    /// <summary>The most segments that are remembered so for longer than a day, for each log; the oldest are forgotten first.</summary>
    public const int MaxRemembered = 1_000;

    private static readonly TimeSpan ShortMemory = TimeSpan.FromDays(1);

    /// <summary>Whether a segment that is gone is forgotten.</summary>
    /// <param name="missingFor">How long it has been gone.</param>
    /// <param name="younger">How many segments of the log went after it.</param>
    public static bool IsForgotten(TimeSpan missingFor, int younger) =>
        missingFor > Memory || (missingFor > ShortMemory && younger >= MaxRemembered);

    /// <summary>The time to wait before what is missing counts as gone.</summary>
    /// <param name="isSameDirectory">False if the directory is another one than before, or was never seen in this run.</param>
    /// <param name="present">The log's segments that are there.</param>
    /// <param name="missing">Those that should be and are not.</param>
    public static TimeSpan PatienceFor(bool isSameDirectory, int present, int missing) =>
        isSameDirectory && (present > 0 || missing <= 1) ? Patience : PatienceWithDirectory;
}
