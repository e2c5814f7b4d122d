using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>Something about a log that somebody should know, and what to do about it.</summary>
/// <param name="IsRed">A record is not where it should be, or a person is needed.</param>
/// <param name="What">What is so.</param>
/// <param name="Do">What to do.</param>
internal readonly record struct Finding(bool IsRed, string What, string Do);

/// <summary>
/// What to do about a log's trouble, by its state and counters, never by the words of an error. The same as
/// docs/OPERATIONS.md says of the log events. Pure.
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
        ? new(false, what + ", acknowledged", "Nothing: somebody has looked at it.")
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
                    "Repair the topic, the rights or the credentials at the brokers. It is tried again every 15 s, and goes on by itself; "
                        + "nothing is lost meanwhile.");
                break;
            case LogState.Failed:
                yield return new(
                    true,
                    $"Failed: {error}",
                    "Repair what it names: rights, a mount, a full or broken disk. It is tried again by itself; nothing is sent before.");
                break;
            case LogState.Retrying:
                yield return new(
                    false,
                    $"Retrying: {error}",
                    "Wait for the brokers: the backlog lies on disk. If they are well, look at the network from here to them. If it "
                        + "names segments: bring them back, or repair their rights; if they were removed while being read, do not stop "
                        + "kafkafeeder before they are shipped.");
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
                $"Quarantine: {Words.Count(log.RejectedRecords, "record", "records")} refused by the brokers for ever",
                "They lie whole below checkpoint_dir/rejected. The reason is in ledger.jsonl; often it is max.message.bytes of the topic.");
        }

        if (log.DamagedBytes > 0)
        {
            yield return Of(
                log,
                log.Ledger.Unacknowledged.Damaged,
                $"Quarantine: {Words.Bytes(log.DamagedBytes)} that are no record batch",
                "Check the disk, and who else writes to these files. A copy lies below checkpoint_dir/rejected.");
        }

        if (log.TornBytes > 0)
        {
            yield return new(
                false,
                $"{Words.Bytes(log.TornBytes)} of batches that their writers did not finish",
                "Nothing, unless somebody cuts segments or copies them in place: the rest of such a batch was not written before its "
                    + "writer died. If it comes after all, it is shipped.");
        }

        if (log.CheckpointResets > 0)
        {
            yield return new(
                false,
                $"A checkpoint did not fit the files, or could not be read, {Words.Count(log.CheckpointResets, "time", "times")}",
                "See what replaces or cuts files in the log's directory, or in checkpoint_dir: events 303 and 305.");
        }

        if (log.PossibleDuplicates > 0)
        {
            yield return new(
                false,
                $"{Words.Count(log.PossibleDuplicates, "record", "records")} may have arrived twice, over all runs",
                "Consumers that cannot bear it: event 301 says which offsets.");
        }
    }

    private static IEnumerable<Finding> AcknowledgementsAskedFor(LogStatus log)
    {
        if (log.Options.Ack != AckLevel.AllInSync)
        {
            yield return new(
                false,
                $"ack: {(int)log.Options.Ack}",
                "The brokers may lose what they have confirmed. ack: -1 in kafkafeeder.yaml waits for all in-sync replicas.");
        }
    }
}
