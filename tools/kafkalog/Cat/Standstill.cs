namespace KafkaLog.Tool.Cat;

/// <summary>
/// Decides when a follower checks bytes that do not become a batch: after 2 s, and then less and less often, down to once a minute,
/// unless more bytes come. A batch that is complete within 2 s is never checked.
/// </summary>
internal sealed class Standstill(TimeProvider time)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastWait = TimeSpan.FromMinutes(1);

    private long _position = -1;
    private long _bytes;
    private long _since;
    private TimeSpan _wait;

    /// <summary>True if it is time to check.</summary>
    /// <param name="position">The first byte that was not read.</param>
    /// <param name="bytes">The file's size.</param>
    public bool IsDue(long position, long bytes)
    {
        if (position != _position || bytes <= position)
        {
            (_position, _bytes, _since, _wait) = (position, bytes, time.GetTimestamp(), FirstWait);
            return false;
        }

        if (bytes != _bytes)
        {
            (_bytes, _wait) = (bytes, FirstWait);
        }

        if (time.GetElapsedTime(_since) < _wait)
        {
            return false;
        }

        _since = time.GetTimestamp();
        _wait = _wait * 2 < LastWait ? _wait * 2 : LastWait;
        return true;
    }
}
