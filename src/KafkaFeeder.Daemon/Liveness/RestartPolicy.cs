namespace KafkaFeeder.Daemon.Liveness;

/// <summary>
/// How long to wait before a loop that failed is started again: longer each time, since each try of a shipper may send again what the
/// last one could not account for. A run that lasted counts as a success. Pure.
/// </summary>
/// <param name="longest">The longest wait.</param>
internal sealed class RestartPolicy(TimeSpan longest)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Lasting = TimeSpan.FromMinutes(30);

    /// <summary>After so many failures in a row a log is held: somebody has to look.</summary>
    private const int FailuresBeforeHeld = 4;

    private int _failures;

    /// <summary>True if it has failed so often that more of the same will not help.</summary>
    public bool IsHeld => _failures >= FailuresBeforeHeld;

    /// <summary>How often it failed, one after the other.</summary>
    public int Failures => _failures;

    /// <summary>A run has failed. The wait before the next.</summary>
    /// <param name="lasted">How long it ran.</param>
    public TimeSpan Failed(TimeSpan lasted)
    {
        _failures = lasted >= Lasting ? 1 : _failures + 1;
        var wait = First * Math.Pow(2, Math.Min(_failures - 1, 10));
        return wait < longest ? wait : longest;
    }
}
