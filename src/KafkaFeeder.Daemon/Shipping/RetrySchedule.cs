using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>How long to wait before the next attempt. The number of attempts has no limit; the wait has one. Pure.</summary>
internal sealed class RetrySchedule
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);

    private int _failures;

    /// <summary>Something was acknowledged: the next failure starts with the shortest wait.</summary>
    public void Succeeded() => _failures = 0;

    /// <summary>The wait before the next attempt: doubled each time, up to a limit for the kind of failure.</summary>
    public TimeSpan Failed(OutcomeKind kind)
    {
        var longest = LongestFor(kind);
        var wait = First * Math.Pow(2, Math.Min(_failures++, 20));
        return wait < longest ? wait : longest;
    }

    private static TimeSpan LongestFor(OutcomeKind kind) => kind switch
    {
        OutcomeKind.Held => TimeSpan.FromSeconds(15),
        OutcomeKind.Fatal => TimeSpan.FromSeconds(60),
        _ => TimeSpan.FromSeconds(5),
    };
}
