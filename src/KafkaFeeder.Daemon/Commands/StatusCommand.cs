using System.Globalization;
using System.Net;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder status</c>: asks the running daemon; where none answers, shows what the checkpoints say.</summary>
internal static class StatusCommand
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    public static int Execute(string configuration, bool asJson)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        try
        {
            if (options.Status.AskAt is { } endpoint)
            {
                return Show(Ask(endpoint), asJson);
            }

            Console.Error.WriteLine($"{options.SourceFile}: status.listen is off, so a running daemon cannot be asked. What the checkpoints say:");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or JsonException)
        {
            Console.Error.WriteLine($"No daemon answers at {options.Status.Listen} ({e.Message}). What the checkpoints say:");
        }

        ShowCheckpoints(options);
        return ExitCode.NotRunning;
    }

    private static string Ask(IPEndPoint endpoint)
    {
        using var client = new HttpClient { Timeout = Patience };
        return client.GetStringAsync(new Uri($"http://{endpoint}/status.json")).GetAwaiter().GetResult();
    }

    private static int Show(string answer, bool asJson)
    {
        using var json = JsonDocument.Parse(answer);
        var logs = json.RootElement.GetProperty("logs").EnumerateArray().ToList();
        var faults = json.RootElement.GetProperty("faults").EnumerateArray().Select(f => f.GetString()).ToList();
        if (asJson)
        {
            Console.Out.Write(answer);
        }
        else
        {
            Table(logs);
            faults.ForEach(fault => Console.WriteLine($"configuration: {fault}"));
        }

        return faults.Count > 0 || logs.Any(IsTroubled) ? ExitCode.Failed : ExitCode.Ok;
    }

    private static bool IsTroubled(JsonElement log) =>
        log.GetProperty("state").GetString() is "held" or "failed" or "retrying" || log.GetProperty("lostBytes").GetInt64() > 0;

    private static void Table(List<JsonElement> logs)
    {
        Console.WriteLine($"{"LOG",-24} {"STATE",-9} {"LAG",12} {"SHIPPED",14} {"MAYBE TWICE",11} {"REJECTED",8}  POSITION");
        foreach (var log in logs)
        {
            string Text(string name) => log.GetProperty(name).GetString() ?? "";
            string Number(string name) => log.GetProperty(name).GetInt64().ToString("N0", CultureInfo.InvariantCulture);

            Console.WriteLine($"{Text("component"),-24} {Text("state"),-9} {Number("lagBytes") + " B",12} {Number("shippedRecords"),14} {Number("possibleDuplicates"),11} {Number("rejectedRecords"),8}  {Text("position")}");
            if (Text("error") is { Length: > 0 } error)
            {
                Console.WriteLine($"  {error}");
            }
        }
    }

    private static void ShowCheckpoints(FeederOptions options)
    {
        if (!Directory.Exists(options.CheckpointDir))
        {
            Console.WriteLine("no checkpoints");
            return;
        }

        try
        {
            foreach (var log in CheckpointFiles.Load(options.CheckpointDir, Console.WriteLine).Values)
            {
                Show(log.Snapshot());
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.WriteLine(e.Message);
        }
    }

    private static void Show(Checkpoint checkpoint)
    {
        var open = checkpoint.Segments.Where(s => !s.IsDone).OrderBy(s => s.Name, StringComparer.Ordinal).ToList();
        var from = open.Count > 0 ? $", from {open[0].Name} position {open[0].Watermark.Position} on" : "";
        Console.WriteLine(
            $"{checkpoint.Component} in {checkpoint.Directory}: {checkpoint.Segments.Count - open.Count} segments shipped, {open.Count} open{from}; possible duplicates so far {checkpoint.PossibleDuplicates}");
    }
}
