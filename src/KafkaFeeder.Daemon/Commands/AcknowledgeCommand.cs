using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>
/// <c>kafkafeeder acknowledge</c>: somebody has looked at what the ledger says. It is an entry of the ledger itself, so it
/// works with the daemon running, which notices it within seconds, and without.
/// </summary>
internal static class AcknowledgeCommand
{
    public static int Execute(string configuration, string? component)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        var path = new StateDirectory(options.CheckpointDir, options.JournalDir).LedgerPath;
        try
        {
            if (FileFacts.IsThere(path))
            {
                // Fails if this user may not write it.
                File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite).Dispose();
            }

            Show(new Ledger(path, TimeProvider.System, long.MaxValue).Acknowledge(component, User()), component);
            return ExitCode.Ok;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine($"{e.Message.TrimEnd('.')}. Nothing is acknowledged. Run this as the daemon's user, or as root.");
            return ExitCode.Failed;
        }
    }

    private static void Show(IReadOnlyList<KeyValuePair<(string Directory, string Component), LedgerCounts>> logs, string? component)
    {
        if (logs.Count == 0)
        {
            Console.WriteLine(component is null ? "Nothing to acknowledge." : $"Nothing to acknowledge for {Quote.Plain(component)}.");
        }

        foreach (var (log, counts) in logs)
        {
            var sums = counts.Unacknowledged;
            Console.WriteLine($"acknowledged: {log.Component} in {Quote.Plain(log.Directory, ConfigFault.MaxPathShown)}: "
                + $"{Words.Count(sums.Rejected, "record", "records")} refused, {Words.Bytes(sums.Damaged)} damaged, "
                + $"{Words.Bytes(sums.Torn)} torn, {Words.Bytes(sums.Lost)} lost");
        }
    }

    private static string User() => Environment.GetEnvironmentVariable("SUDO_USER") is { Length: > 0 } asked
        ? $"{Environment.UserName}, by sudo of {asked}"
        : Environment.UserName;
}
