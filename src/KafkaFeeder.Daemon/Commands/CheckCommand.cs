using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport.Client;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder check</c>: finds everything that can be found to be wrong before a record is shipped.</summary>
internal static class CheckCommand
{
    /// <summary>The most characters of a line: messages of brokers can be long.</summary>
    private const int MaxShown = 16 * 1024;

    public static int Execute(string configuration, bool offline, bool show)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        var found = new LogFinder(options, Authority.Of(options), new ScanLimits()).Find(() => { });
        foreach (var warning in options.Warnings)
        {
            Console.WriteLine($"warning: {warning}");
        }

        if (show)
        {
            Show(options, found);
        }

        List<string> problems = [.. found.Faults.Select(f => f.ToString()), .. found.Unclaimed.Select(u => u.ToString())];
        try
        {
            problems.AddRange(new StateDirectory(options.CheckpointDir, options.JournalDir).ProblemsOfDaemon()
                .Select(problem => $"{options.SourceFile}: {problem}"));
            problems.AddRange(Left(options, found));
        }
        catch (UnauthorizedAccessException e)
        {
            Console.WriteLine($"warning: {e.Message.TrimEnd('.')}. To check it, run this as the daemon's user, or as root.");
        }

        if (!offline)
        {
            problems.AddRange(
                Librdkafka.TryLoad(out var missing)
                    ? BrokerCheck.Ask(options, [.. found.Logs.Select(l => l.Options)], Console.WriteLine)
                    : [missing!]);
        }

        problems.ForEach(problem => Console.Error.WriteLine(Quote.Plain(problem, MaxShown)));
        Console.WriteLine($"{Words.Count(found.Files, "kafkafeeder.yaml file", "kafkafeeder.yaml files")}, "
            + $"{Words.Count(found.Logs.Count, "log", "logs")}{(offline ? ", brokers not asked" : "")}: "
            + $"{(problems.Count == 0 ? "all well" : Words.Count(problems.Count, "problem", "problems"))}");
        return problems.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
    }

    /// <summary>Prints every setting with its value; each log is a section, because logs have settings of the same names.</summary>
    private static void Show(FeederOptions options, FoundLogs found)
    {
        Write($"# {options.SourceFile}", EffectiveConfiguration.Of(options));
        foreach (var log in found.Logs)
        {
            Write($"# log {log.Options.Component} in {log.Directory}", EffectiveConfiguration.Of(log.Options));
        }

        static void Write(string title, IEnumerable<KeyValuePair<string, string>> settings)
        {
            Console.WriteLine(Quote.Plain(title, MaxShown));
            foreach (var (key, value) in settings)
            {
                Console.WriteLine(Quote.Plain($"{key}: {value}", MaxShown));
            }
        }
    }

    /// <summary>Unshipped segments, by the checkpoints, of logs that no kafkafeeder.yaml names any more.</summary>
    private static IEnumerable<string> Left(FeederOptions options, FoundLogs found)
    {
        try
        {
            return !Directory.Exists(options.CheckpointDir) ? []
                : [.. UnclaimedSegments.LeftOf(CheckpointFiles.Load(options.CheckpointDir, _ => { }).Values, found.Logs, found.Unclaimed)
                    .Select(u => u.ToString())];
        }
        catch (IOException e)
        {
            return [$"the checkpoints cannot be read: {e.Message}"];
        }
    }
}
