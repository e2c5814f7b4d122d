namespace KafkaLog.Tool.Writing;

/// <summary>Decides when to try again after the disk has refused. Pure but for the clock.</summary>
internal sealed class RetryPace(TimeProvider time)
{
    /// <summary>How long a program goes on trying after it was told to stop.</summary>
    public static readonly TimeSpan StopLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private TimeSpan _afterSync = Second;
    private long? _stopped;

    /// <summary>How long to wait before the next attempt; null: give up.</summary>
    /// <param name="writesAgain">True if the attempt writes anew what lies in the file already: less and less often then, lest it
    /// fills the disk.</param>
    /// <param name="isStopping">True if the program was told to stop.</param>
    public TimeSpan? AfterFailure(bool writesAgain, bool isStopping)
    {
        if (isStopping)
        {
            _stopped ??= time.GetTimestamp();
            return time.GetElapsedTime(_stopped.Value) < StopLimit ? Second : null;
        }

        if (!writesAgain)
        {
            return Second;
        }

        var delay = _afterSync;
        _afterSync = _afterSync * 2 < Minute ? _afterSync * 2 : Minute;
        return delay;
    }

    /// <summary>It worked.</summary>
    public void Reset() => _afterSync = Second;
}
