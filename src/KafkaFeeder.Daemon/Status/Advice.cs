using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>Something about a log that somebody should know, and what to do about it.</summary>
/// <param name="IsRed">A record is not where it should be, or a person is needed.</param>
/// <param name="What">What was found.</param>
/// <param name="Do">What to do.</param>
internal readonly record struct Finding(bool IsRed, string What, string Do);

/// <summary>
/// What to do about a log's trouble, by its state and counters, never by the words of an error. It agrees with what
/// docs/OPERATIONS.md says about the log events. Pure.
/// </summary>
internal static class Advice
{
    public static IReadOnlyList<Finding> On(LogStatus log, DateTimeOffset now) =>
    [
        .. Lost(log),
        .. Trouble(log, now),
        .. SetAside(log),
        .. AcknowledgementsAskedFor(log),
    ];

    private static IEnumerable<Finding> Lost(LogStatus log)
    {
        if (log.LostBytes > 0)
        {
            yield return Of(
                log,
                log.Ledger.Unacknowledged.Lost,
                $"LOST: {Words.Bytes(log.LostBytes)} vanished before they were shipped",
                "Find out who deletes or cuts segments: only the cleaner should. Each loss is in ledger.jsonl, by segment and position.");
        }
    }

    /// <summary>Red as long as some of it was not acknowledged.</summary>
    private static Finding Of(LogStatus log, long open, string what, string action) => open == 0
        ? new(false, what + ", acknowledged", "Nothing: a person has acknowledged it.")
        : new(true, what, $"{action} Then: kafkafeeder acknowledge -c conf.yaml --log {log.Options.Component}");

    private static IEnumerable<Finding> Trouble(LogStatus log, DateTimeOffset now)
    {
        var error = log.Error ?? "no reason is known";
        switch (log.State)
        {
            case LogState.Held:
                yield return new(
                    true,
                    $"Held: {error}",
                    "Repair what the reason names: the topic, rights or credentials at the brokers; a refused record (on_reject: hold); a "
                        + "full quarantine (move files away, or raise quarantine.max_*). It is retried, and continues after the repair; "
                        + "nothing is lost meanwhile.");
                break;
            case LogState.Failed:
                yield return new(
                    true,
                    $"Failed: {error}",
                    "Repair what it names: rights, a mount, a full or broken disk. It is retried; nothing is sent until then.");
                break;
            case LogState.Retrying:
                yield return new(
                    false,
                    $"Retrying: {error}",
                    "Wait for the brokers: the backlog is on disk. If they are up, check the network between this host and them. If the "
                        + "error names segments: bring them back, or repair their rights; if they were removed while being read, do not "
                        + "stop kafkafeeder before they are shipped.");
                break;
            default:
                if (log.LastError is { } last)
                {
                    yield return new(false, $"Last error, {Words.Age(now - last.At)} ago: {last.Text}", "Nothing: it is over.");
                }

                break;
        }
    }

    private static IEnumerable<Finding> SetAside(LogStatus log)
    {
        if (log.RejectedRecords > 0)
        {
            yield return Of(
                log,
                log.Ledger.Unacknowledged.Rejected,
                $"Quarantine: {Words.Count(log.RejectedRecords, "record", "records")} refused by the brokers for good",
                "They are kept in checkpoint_dir/rejected. The reason is in ledger.jsonl; often it is max.message.bytes of the topic.");
        }

        if (log.DamagedBytes > 0)
        {
            yield return Of(
                log,
                log.Ledger.Unacknowledged.Damaged,
                $"Quarantine: {Words.Bytes(log.DamagedBytes)} that are not a record batch",
                "Check the disk, and who else writes to these files. A copy is in checkpoint_dir/rejected, unless quarantine was full.");
        }

        if (log.TornBytes > 0)
        {
            yield return new(
                false,
                $"{Words.Bytes(log.TornBytes)} of batches that their writers did not finish",
                "Nothing, unless somebody cuts segments or copies them in place: the writer of such a batch died before it had written "
                    + "all of it. If the rest comes after all, the batch is shipped.");
        }

        if (log.CheckpointResets > 0)
        {
            yield return new(
                false,
                $"A checkpoint did not fit the files, {Words.Count(log.CheckpointResets, "time", "times")}",
                "Find out what replaces or cuts files in the log's directory, or in checkpoint_dir: events 303 and 305.");
        }

        if (log.PossibleDuplicates > 0)
        {
            yield return new(
                false,
                $"{Words.Count(log.PossibleDuplicates, "record", "records")} may be in the topic twice, over all runs",
                "If consumers cannot take duplicates: event 301 says which offsets to check.");
        }
    }

    private static IEnumerable<Finding> AcknowledgementsAskedFor(LogStatus log)
    {
        if (log.Options.Ack != AckLevel.AllInSync)
        {
            yield return new(
                false,
                $"ack: {(int)log.Options.Ack}",
                "The brokers may lose what they have acknowledged. ack: -1 in kafkafeeder.yaml waits for all in-sync replicas.");
        }
    }
}
