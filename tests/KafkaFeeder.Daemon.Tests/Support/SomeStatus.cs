using KafkaFeeder.Daemon.Status;

namespace KafkaFeeder.Daemon.Tests.Support;

internal static class SomeStatus
{
    /// <summary>The same log, in this state.</summary>
    public static LogStatus In(this LogStatus log, LogState state, string? error = null)
    {
        log.Became(state, error);
        return log;
    }
}
