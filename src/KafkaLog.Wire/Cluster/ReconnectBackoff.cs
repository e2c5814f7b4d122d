namespace KafkaLog.Wire.Cluster;

/// <summary>
/// How long to wait before a broker is connected to again: 100 ms after the first failure, twice as long after each further one, at
/// most 10 s, each a random fifth more or less, so that many clients do not come back at once. Pure; not thread-safe.
/// </summary>
/// <param name="random">Gives numbers from 0 (inclusive) to 1 (exclusive).</param>
internal sealed class ReconnectBackoff(Func<double> random)
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private const double Jitter = 0.2;
    private const int MostDoublings = 7; // 100 ms * 2^7 is more than the longest

    private int _failures;

    /// <summary>It could not be connected, or the connection was lost.</summary>
    /// <returns>How long to wait.</returns>
    public TimeSpan Failed()
    {
        var wait = First * Math.Pow(2, Math.Min(_failures++, MostDoublings));
        wait = wait < Longest ? wait : Longest;
        return wait * (1 - Jitter + (2 * Jitter * random()));
    }

    /// <summary>A request was answered: the next failure is the first again. That it was connected is not enough.</summary>
    public void Answered() => _failures = 0;
}
