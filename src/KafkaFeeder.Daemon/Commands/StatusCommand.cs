using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder status</c>: asks the running daemon; where none answers, shows what the checkpoints say.</summary>
internal static class StatusCommand
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static int Execute(string configuration, bool asJson)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        var problem = "";
        if (DaemonClient.TryGet(options, "/status.json", out var answer) && answer.IsWell)
        {
            if (TryTell(answer.Text, out var text, out var isTroubled))
            {
                Console.Out.Write(asJson ? answer.Text : text);
                return isTroubled ? ExitCode.Failed : ExitCode.Ok;
            }

            problem = DaemonAnswer.Strange(answer.Place, "its status has a format that this version does not know");
        }
        else
        {
            problem = answer.Text.Trim();
        }

        if (asJson)
        {
            var saved = new JsonObject { ["error"] = problem, ["checkpoints"] = new JsonArray([.. Checkpoints(options)]) };
            Console.WriteLine(saved.ToJsonString(Indented));
        }
        else
        {
            Console.Error.WriteLine($"{problem}\nWhat the checkpoints say:");
            ShowCheckpoints(options);
        }

        return ExitCode.NotRunning;
    }

    /// <summary>False for what is not the status of a daemon.</summary>
    private static bool TryTell(string answer, out string text, out bool isTroubled)
    {
        var lines = new StringWriter();
        try
        {
            isTroubled = Tell(answer, lines);
            text = lines.ToString();
            return true;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            isTroubled = false;
            text = "";
            return false;
        }
    }

    private static bool Tell(string answer, StringWriter lines)
    {
        using var json = JsonDocument.Parse(answer);
        var logs = json.RootElement.GetProperty("logs").EnumerateArray().ToList();
        var faults = json.RootElement.GetProperty("faults").EnumerateArray().Select(f => f.GetString()).ToList();
        var unclaimed = json.RootElement.TryGetProperty("unclaimed", out var segments)
            ? segments.EnumerateArray().Select(u => u.GetProperty("text").GetString()).ToList()
            : []; // a daemon of an earlier version
        Table(logs, lines);
        faults.ForEach(fault => lines.WriteLine($"configuration: {fault}"));
        unclaimed.ForEach(lines.WriteLine);
        if (json.RootElement.TryGetProperty("quarantine", out var quarantine) && quarantine.GetProperty("full").GetString() is { } full)
        {
            lines.WriteLine($"quarantine is full: {Quote.Plain(full, ConfigFault.MaxPathShown)}");
        }

        return faults.Count > 0 || unclaimed.Count > 0 || logs.Any(IsTroubled);
    }

    private static bool IsTroubled(JsonElement log) =>
        !log.TryGetProperty("needsAttention", out var needs) || needs.GetBoolean(); // a daemon of an earlier version does not say

    /// <summary>What nobody has acknowledged; 0 from a daemon of an earlier version.</summary>
    private static long Open(JsonElement log, string name) =>
        log.TryGetProperty("unacknowledged", out var open) ? open.GetProperty(name).GetInt64() : 0;

    private static void Table(List<JsonElement> logs, StringWriter lines)
    {
        lines.WriteLine($"{"LOG",-24} {"STATE",-9} {"LAG",12} {"SHIPPED",14} {"POSSIBLE DUPLICATES",19} "
            + $"{"REFUSED",8} {"DAMAGED",10} {"TORN",8} {"LOST",10}  POSITION");
        foreach (var log in logs)
        {
            string Text(string name) => log.GetProperty(name).GetString() ?? "";
            string Number(string name) => log.GetProperty(name) is { ValueKind: JsonValueKind.Number } number
                ? number.GetInt64().ToString("N0", CultureInfo.InvariantCulture)
                : "?"; // it was not examined yet
            string Size(string name) => Number(name) is "?" ? "?" : Number(name) + " B";

            lines.WriteLine(
                $"{Text("component"),-24} {Text("state"),-9} {Size("lagBytes"),12} {Number("shippedRecords"),14} "
                + $"{Number("possibleDuplicates"),19} "
                + $"{Number("rejectedRecords"),8} {Number("damagedBytes") + " B",10} {Number("tornBytes") + " B",8} "
                + $"{Number("lostBytes") + " B",10}  "
                + Text("position"));
            if (Open(log, "incidents") > 0)
            {
                lines.WriteLine(
                    $"  not acknowledged: {Words.Count(Open(log, "rejectedRecords"), "record", "records")} refused, "
                    + $"{Words.Bytes(Open(log, "damagedBytes"))} damaged, {Words.Bytes(Open(log, "lostBytes"))} lost. "
                    + "See ledger.jsonl, then: "
                    + $"kafkafeeder acknowledge -c conf.yaml --log {Text("component")}");
            }

            if (Text("error") is { Length: > 0 } error)
            {
                lines.WriteLine($"  {Quote.Plain(error, ConfigFault.MaxPathShown)}");
            }
        }
    }

    private static void ShowCheckpoints(FeederOptions options)
    {
        var lines = Checkpoints(options).ToList();
        lines.ForEach(line => Console.WriteLine(line["summary"]));
        if (lines.Count == 0)
        {
            Console.WriteLine("no checkpoints");
        }
    }

    /// <summary>What the checkpoints say, and what of them cannot be read.</summary>
    private static List<JsonNode> Checkpoints(FeederOptions options)
    {
        var lines = new List<JsonNode>();
        void Problem(string text) => lines.Add(new JsonObject { ["summary"] = text });
        try
        {
            if (FileFacts.IsThere(options.CheckpointDir))
            {
                lines.AddRange(CheckpointFiles.Load(options.CheckpointDir, Problem).Values.Select(log => Summary(log.Snapshot())));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Problem($"{e.Message.TrimEnd('.')}. Run this as the daemon's user, or as root.");
        }

        return lines;
    }

    private static JsonObject Summary(Checkpoint checkpoint)
    {
        var open = checkpoint.Segments.Where(s => !s.IsDone).OrderBy(s => s.Name, StringComparer.Ordinal).ToList();
        var rest = open.Count > 0 ? $", from {open[0].Name} position {open[0].Acknowledged.Position} on" : "";
        return new JsonObject
        {
            ["component"] = checkpoint.Component,
            ["directory"] = checkpoint.Directory,
            ["segmentsShipped"] = checkpoint.Segments.Count - open.Count,
            ["segmentsOpen"] = open.Count,
            ["possibleDuplicates"] = checkpoint.PossibleDuplicates,
            ["summary"] = $"{checkpoint.Component} in {Quote.Plain(checkpoint.Directory, ConfigFault.MaxPathShown)}: "
                + $"{Words.Count(checkpoint.Segments.Count - open.Count, "segment", "segments")} shipped, {open.Count} not{rest}; "
                + $"{Words.Count(checkpoint.PossibleDuplicates, "possible duplicate", "possible duplicates")} over all runs",
        };
    }
}
