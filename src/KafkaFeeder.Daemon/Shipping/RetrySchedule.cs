using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>How long to wait before the next try. Without a limit on the number of tries, with one on how often. Pure.</summary>
internal sealed class RetrySchedule
{
    private static readonly TimeSpan First = TimeSpan.FromMilliseconds(100);

    private int _failures;

    /// <summary>Something was acknowledged: the next failure is a first one.</summary>
    public void Succeeded() => _failures = 0;

    /// <summary>The wait before the next try: doubled each time, up to what the kind of failure asks for.</summary>
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
