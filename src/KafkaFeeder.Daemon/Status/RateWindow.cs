namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// How much a second, over the last seconds that are over. Amounts are kept by second, so it costs the same however often
/// they come. Times may not go back. Not thread-safe. Pure.
/// </summary>
internal sealed class RateWindow
{
    /// <summary>Long enough to be read, short enough to see a change.</summary>
    public const int Seconds = 15;

    private readonly (long Second, long Amount)[] _slots = new (long, long)[Seconds + 1];

    public void Add(TimeSpan now, long amount)
    {
        var second = SecondOf(now);
        ref var slot = ref _slots[second % _slots.Length];
        slot = (second, amount + (slot.Second == second ? slot.Amount : 0));
    }

    /// <summary>A second, on average over the window; what came in the second that goes on is not in it yet.</summary>
    public double At(TimeSpan now)
    {
        var current = SecondOf(now);
        return _slots.Where(s => s.Second < current && s.Second >= current - Seconds).Sum(s => (double)s.Amount) / Seconds;
    }

    private static long SecondOf(TimeSpan time) => (long)time.TotalSeconds;
}
