namespace KafkaLog.Format.Segments;

/// <summary>
/// When a disk that refuses writes is tried again: the first few times at once, since an error may be a single one, then
/// after 100 ms, and so on up to a second. Without I/O. Guarded by the writer's file lock.
/// </summary>
internal sealed class WriteBackoff(TimeProvider time)
{
    private const int FreeFailures = 3;
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private int _failures;
    private long _failedAt;
    private TimeSpan _pause;
    private long _waited;

    /// <summary>How long to wait before the next try; null: try now.</summary>
    public TimeSpan? Remaining =>
        _failures > FreeFailures && _pause - time.GetElapsedTime(_failedAt) is var remaining && remaining > TimeSpan.Zero
            ? remaining
            : null;

    /// <summary>A write failed.</summary>
    public void Failed()
    {
        _failures++;
        _failedAt = time.GetTimestamp();
        _pause = _failures <= FreeFailures + 1 ? First : _pause * 2 < Longest ? _pause * 2 : Longest;
    }

    /// <summary>A write of queued records succeeded. Returns, with the last one after failures, how many had waited; otherwise 0.</summary>
    public long Succeeded(int records, bool isLast)
    {
        if (_failures == 0)
        {
            return 0;
        }

        _waited += records;
        _pause = TimeSpan.Zero;
        if (!isLast)
        {
            return 0;
        }

        var waited = _waited;
        _failures = 0;
        _waited = 0;
        return waited;
    }
}
