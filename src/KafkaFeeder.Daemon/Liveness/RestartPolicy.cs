namespace KafkaFeeder.Daemon.Liveness;

/// <summary>
/// How long to wait before a failed loop is started again: longer each time, since each attempt of a shipper may send records again.
/// A failure after a long run counts as the first one. Pure.
/// </summary>
/// <param name="longest">The longest wait.</param>
internal sealed class RestartPolicy(TimeSpan longest)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Lasting = TimeSpan.FromMinutes(30);

    /// <summary>After this many failures in a row a log is held: a person has to look at it.</summary>
    private const int FailuresBeforeHeld = 4;

    private int _failures;

    /// <summary>True after <see cref="FailuresBeforeHeld"/> failures in a row.</summary>
    public bool IsHeld => _failures >= FailuresBeforeHeld;

    /// <summary>The number of failures in a row.</summary>
    public int Failures => _failures;

    /// <summary>Counts a failure. Returns the wait before the next run.</summary>
    /// <param name="lasted">How long it ran.</param>
    public TimeSpan Failed(TimeSpan lasted)
    {
        _failures = lasted >= Lasting ? 1 : _failures + 1;
        var wait = First * Math.Pow(2, Math.Min(_failures - 1, 10));
        return wait < longest ? wait : longest;
    }
}
