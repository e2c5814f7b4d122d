namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// Collects the managed heap after a certain amount of record allocations. Left to itself, the runtime lets garbage grow to many
/// times the live objects, and no setting at run time prevents that. Nearly all live objects are records in flight, so a collection
/// takes milliseconds.
/// </summary>
internal static class GarbageCollectionPacing
{
    /// <summary>Managed memory of a record in flight besides its bytes, in bytes.</summary>
    public const int RecordBytes = 300;

    // Measured on 2 cores: 12 MB costs no more CPU than the runtime's own collections, and halves the peak.
    private const long StepBytes = 12_000_000;

    private static long _allocated;

    /// <summary>Counts records of this many bytes that were allocated.</summary>
    public static void Allocated(long bytes)
    {
        if (Interlocked.Add(ref _allocated, bytes) > StepBytes)
        {
            Interlocked.Exchange(ref _allocated, 0);
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }
}
