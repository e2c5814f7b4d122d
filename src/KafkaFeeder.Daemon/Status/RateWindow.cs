namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// Computes the rate over the last complete seconds. Amounts are summed per second, so the cost does not depend on how often they are
/// added. Times must not go back. Pure; not thread-safe.
/// </summary>
internal sealed class RateWindow
{
    /// <summary>Length of the window in seconds: long enough for a steady number, short enough to show changes.</summary>
    public const int Seconds = 15;

    private readonly (long Second, long Amount)[] _slots = new (long, long)[Seconds + 1];

    public void Add(TimeSpan now, long amount)
    {
        var second = SecondOf(now);
        ref var slot = ref _slots[second % _slots.Length];
        slot = (second, amount + (slot.Second == second ? slot.Amount : 0));
    }

    /// <summary>The average amount per second over the window; the current second is not included.</summary>
    public double At(TimeSpan now)
    {
        var current = SecondOf(now);
        return _slots.Where(s => s.Second < current && s.Second >= current - Seconds).Sum(s => (double)s.Amount) / Seconds;
    }

    private static long SecondOf(TimeSpan time) => (long)time.TotalSeconds;
}
