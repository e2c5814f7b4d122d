namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>The daemon is killed in the middle of what it does.</summary>
internal sealed class KilledException : Exception;

/// <summary>A clock that kills the daemon when it looks at it for so many times: so it dies anywhere.</summary>
internal sealed class KillingTime(TimeProvider time) : TimeProvider
{
    private int _looks;

    public override long TimestampFrequency => time.TimestampFrequency;

    /// <summary>The daemon is killed at this look from now on; 0: it is not.</summary>
    public void KillAfter(int looks) => _looks = looks;

    /// <summary>Something happens that counts as a look at the clock.</summary>
    public void Look()
    {
        if (_looks > 0 && --_looks == 0)
        {
            throw new KilledException();
        }
    }

    public override DateTimeOffset GetUtcNow()
    {
        Look();
        return time.GetUtcNow();
    }

    public override long GetTimestamp()
    {
        Look();
        return time.GetTimestamp();
    }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
