using System.Text;
using System.Text.Json;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>The status of the daemon and all logs as JSON: what <c>kafkafeeder status</c> shows.</summary>
internal static class StatusJson
{
    private static readonly JsonWriterOptions Options = new() { Indented = true };

    public static string Of(FeederStatus status, IReadOnlyList<LogStatus> logs)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("version", Build.Version);
            json.WriteString("started", status.Started);
            json.WriteBoolean("ready", status.IsReady);
            json.WriteStartArray("faults");
            foreach (var fault in status.Faults)
            {
                json.WriteStringValue(fault.ToString());
            }

            json.WriteEndArray();
            json.WriteStartArray("unclaimed");
            foreach (var unclaimed in status.Unclaimed)
            {
                Write(json, unclaimed);
            }

            json.WriteEndArray();
            json.WriteStartObject("quarantine");
            json.WriteNumber("bytes", status.Quarantine?.Bytes ?? 0);
            json.WriteNumber("limitBytes", status.Quarantine?.LimitBytes ?? 0);
            json.WriteString("full", status.Quarantine?.Full);
            json.WriteEndObject();
            json.WriteStartArray("logs");
            foreach (var log in logs)
            {
                Write(json, log);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void Write(Utf8JsonWriter json, UnclaimedSegments unclaimed)
    {
        json.WriteStartObject();
        json.WriteString("directory", unclaimed.Directory);
        json.WriteString("component", unclaimed.Component);
        json.WriteNumber("files", unclaimed.Files);
        json.WriteNumber("bytes", unclaimed.Bytes);
        json.WriteString("meant", unclaimed.Meant);
        json.WriteString("text", unclaimed.ToString());
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, LogStatus log)
    {
        json.WriteStartObject();
        json.WriteString("component", log.Options.Component);
        json.WriteString("directory", log.Directory);
        json.WriteString("topic", log.Options.Topic);
        json.WriteString("broker", log.Options.Broker);
        json.WriteString("transport", log.Transport);
        json.WriteString("state", log.State.ToString().ToLowerInvariant());
        json.WriteBoolean("needsAttention", log.NeedsAttention);
        json.WriteString("error", log.Error);
        WriteHistory(json, log.History);
        json.WriteString("position", log.Position);
        WriteOfFiles(json, log, "segments", log.Segments);
        WriteOfFiles(json, log, "lagBytes", log.LagBytes);
        WriteOfFiles(json, log, "missingBytes", log.MissingBytes);
        json.WriteNumber("inFlightBytes", log.InFlightBytes);
        WriteOfFiles(json, log, "oldestUnshipped", log.OldestUnshipped);
        json.WriteNumber("shippedRecords", log.ShippedRecords);
        json.WriteNumber("shippedBytes", log.ShippedBytes);
        json.WriteNumber("bytesPerSecond", Math.Round(log.BytesPerSecond));
        json.WriteNumber("resentRecords", log.ResentRecords);
        json.WriteNumber("possibleDuplicates", log.PossibleDuplicates);
        json.WriteNumber("rejectedRecords", log.RejectedRecords);
        json.WriteNumber("tornBytes", log.TornBytes);
        json.WriteNumber("damagedBytes", log.DamagedBytes);
        json.WriteNumber("lostBytes", log.LostBytes);
        json.WriteNumber("cleanedSegments", log.CleanedSegments);
        json.WriteNumber("quarantineBytes", log.QuarantineBytes);
        var (open, incidents) = (log.Ledger.Unacknowledged, log.Ledger.Incidents);
        json.WriteStartObject("unacknowledged");
        json.WriteNumber("incidents", incidents);
        json.WriteNumber("rejectedRecords", open.Rejected);
        json.WriteNumber("tornBytes", open.Torn);
        json.WriteNumber("damagedBytes", open.Damaged);
        json.WriteNumber("lostBytes", open.Lost);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteHistory(Utf8JsonWriter json, StateHistory history)
    {
        json.WriteStartArray("history");
        foreach (var change in history.Changes)
        {
            json.WriteStartObject();
            json.WriteString("at", change.At);
            json.WriteString("state", change.State.ToString().ToLowerInvariant());
            json.WriteString("error", change.Error);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>Writes a number that is unknown before the first check of the log's files: 0 would mean that all is shipped.</summary>
    private static void WriteOfFiles(Utf8JsonWriter json, LogStatus log, string name, long value)
    {
        if (log.IsLookedAt)
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
