using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Status;

/// <summary>Writes the state of each log to the daemon's log.</summary>
internal static class StateLines
{
    /// <summary>Writes one line per log.</summary>
    public static void Write(IReadOnlyList<LogStatus> logs, ILogger logger)
    {
        foreach (var log in logs)
        {
            FeederLog.State(
                logger,
                log.Options.Component,
                log.Directory,
                log.State.ToString().ToLowerInvariant(),
                log.Position.Length > 0 ? log.Position : "the end",
                log.IsLookedAt ? Words.Bytes(log.LagBytes) : "unknown",
                Words.Bytes(log.InFlightBytes),
                log.ShippedRecords,
                log.PossibleDuplicates,
                log.RejectedRecords,
                log.Error ?? "no error");
        }
    }
}
