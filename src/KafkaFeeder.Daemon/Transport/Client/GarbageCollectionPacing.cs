namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// Collects the managed heap by what records allocate, and not when the runtime thinks it time: it would let garbage
/// grow to many times what is alive, and no setting that can be made while running keeps it from that. Nearly all that
/// is alive are the records on the way, so a collection takes milliseconds.
/// </summary>
internal static class GarbageCollectionPacing
{
    /// <summary>Managed bytes that a record on the way takes beside its own.</summary>
    public const int RecordBytes = 300;

    // Measured on 2 cores: 12 MB costs no more CPU than leaving it to the runtime and halves the peak.
    private const long StepBytes = 12_000_000;

    private static long _allocated;

    /// <summary>Records of so many bytes were allocated.</summary>
    public static void Allocated(long bytes)
    {
        if (Interlocked.Add(ref _allocated, bytes) > StepBytes)
        {
            Interlocked.Exchange(ref _allocated, 0);
            GC.Collect(2, GCCollectionMode.Forced, blocking: true, compacting: false);
        }
    }
}
