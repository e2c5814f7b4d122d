using System.Globalization;
using System.Text;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>The metrics in Prometheus' text format, version 0.0.4. Each is described in docs/OPERATIONS.md.</summary>
internal static class MetricsText
{
    private static readonly (string Name, string Type, string Help, Func<LogStatus, double> Value)[] PerLog =
    [
        (Lag, "gauge", "Bytes on disk that the brokers have not confirmed.", l => l.LagBytes),
        (Missing, "gauge", "Unshipped bytes of segments that are gone from the directory.", l => l.MissingBytes),
        ("kafkafeeder_in_flight_bytes", "gauge", "Bytes that are sent and not confirmed.", l => l.InFlightBytes),
        ("kafkafeeder_oldest_unshipped_timestamp_seconds", "gauge",
            "Timestamp of the oldest record on disk that is not confirmed; 0 if there is none.", l => l.OldestUnshipped / 1000.0),
        ("kafkafeeder_segments", "gauge", "Segments on disk.", l => l.Segments),
        ("kafkafeeder_shipped_records_total", "counter", "Records that the brokers have acknowledged in this run.", l => l.ShippedRecords),
        ("kafkafeeder_shipped_bytes_total", "counter", "Bytes of segments that the brokers have acknowledged in this run.",
            l => l.ShippedBytes),
        ("kafkafeeder_resent_records_total", "counter", "Records that were sent again in this run.", l => l.ResentRecords),
        ("kafkafeeder_possible_duplicates_total", "counter", "Records that may be in the topic twice, over all runs.",
            l => l.PossibleDuplicates),
        ("kafkafeeder_rejected_records_total", "counter", "Records that the brokers refused for good; they are in quarantine.",
            l => l.RejectedRecords),
        ("kafkafeeder_torn_bytes_total", "counter", "Bytes of batches that their writers did not finish.", l => l.TornBytes),
        ("kafkafeeder_damaged_bytes_total", "counter", "Bytes that are no record batch.", l => l.DamagedBytes),
        ("kafkafeeder_lost_bytes_total", "counter", "Bytes that vanished before they were shipped.", l => l.LostBytes),
        ("kafkafeeder_unacknowledged_incidents", "gauge", "Entries of the ledger (refused, damaged, lost) that nobody has acknowledged.",
            l => l.Ledger.Incidents),
        ("kafkafeeder_log_quarantine_bytes", "gauge", "What quarantine of the log takes on the disk.", l => l.QuarantineBytes),
        ("kafkafeeder_checkpoint_resets_total", "counter", "Times a checkpoint did not fit the files, or could not be read.",
            l => l.CheckpointResets),
        ("kafkafeeder_checkpoint_failures_total", "counter", "Times a checkpoint could not be saved.", l => l.CheckpointFailures),
        ("kafkafeeder_cleaned_segments_total", "counter", "Segments that were deleted after their retention.", l => l.CleanedSegments),
        ("kafkafeeder_log_up", "gauge", "1 if the log is shipped or idle, 0 if it is held, failed or retrying.",
            l => l.IsInTrouble || l.State == LogState.Stopped ? 0 : 1),
    ];

    /// <summary>What nobody knows before the first look at the log's files: 0 would say that all is shipped.</summary>
    private const string Lag = "kafkafeeder_lag_bytes";

    private const string Missing = "kafkafeeder_missing_bytes";

    /// <summary>Characters of a part: the text of many logs is long, and asked for every few seconds.</summary>
    private const int PartChars = 16 << 10;

    /// <summary>The text.</summary>
    public static string Of(FeederStatus status, IReadOnlyList<LogStatus> logs) => string.Concat(Parts(status, logs));

    /// <summary>The text in parts, each made when it is asked for.</summary>
    public static IEnumerable<string> Parts(FeederStatus status, IReadOnlyList<LogStatus> logs)
    {
        var text = new StringBuilder();
        Head(text, "kafkafeeder_build_info", "gauge", "1, with the version.");
        text.Append(CultureInfo.InvariantCulture, $"kafkafeeder_build_info{{version=\"{Build.Version}\"}} 1\n");
        Gauge(text, "kafkafeeder_start_time_seconds", "When this run began.", status.Started.ToUnixTimeMilliseconds() / 1000.0);
        Gauge(text, "kafkafeeder_configuration_faults", "What is wrong with the logs' configuration now.", status.Faults.Count);
        Unclaimed(text, status, "kafkafeeder_unclaimed_segments", "Segments that no kafkafeeder.yaml names, so nobody ships "
            + "them.", u => u.Files);
        Unclaimed(text, status, "kafkafeeder_unclaimed_bytes", "Their size.", u => u.Bytes);
        var quarantine = status.Quarantine;
        Gauge(text, "kafkafeeder_quarantine_bytes", "What quarantine takes on the disk, of all logs.", quarantine?.Bytes ?? 0);
        Gauge(text, "kafkafeeder_quarantine_limit_bytes", "What it may take: quarantine.max_total.", quarantine?.LimitBytes ?? 0);
        Gauge(
            text,
            "kafkafeeder_quarantine_full",
            "1 if something found no room in quarantine, and would find none now.",
            quarantine?.Full is null ? 0 : 1);
        foreach (var (name, type, help, value) in PerLog)
        {
            Head(text, name, type, help);
            foreach (var log in logs.Where(l => l.IsLookedAt || name is not (Lag or Missing)))
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{name}{{log=\"{Escape(log.Options.Component)}\",directory=\"{Escape(log.Directory)}\","
                        + $"topic=\"{Escape(log.Options.Topic)}\"}} {value(log)}\n");
                if (text.Length >= PartChars)
                {
                    yield return text.ToString();
                    text.Clear();
                }
            }
        }

        yield return text.ToString();
    }

    private static void Gauge(StringBuilder text, string name, string help, double value)
    {
        Head(text, name, "gauge", help);
        text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
    }

    private static void Unclaimed(StringBuilder text, FeederStatus status, string name, string help, Func<UnclaimedSegments, long> value)
    {
        Head(text, name, "gauge", help);
        foreach (var segments in status.Unclaimed)
        {
            var (component, directory) = (Escape(segments.Component), Escape(segments.Directory));
            text.Append(CultureInfo.InvariantCulture, $"{name}{{log=\"{component}\",directory=\"{directory}\"}} {value(segments)}\n");
        }
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

    private static string Escape(string value) =>
        value.Replace("\\", "\\\\", StringComparison.Ordinal)
            .Replace("\"", "\\\"", StringComparison.Ordinal)
            .Replace("\n", "\\n", StringComparison.Ordinal);
}
