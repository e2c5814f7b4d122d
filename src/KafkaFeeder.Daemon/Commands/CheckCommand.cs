using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport.Client;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder check</c>: everything that can be known to be wrong before a record is shipped.</summary>
internal static class CheckCommand
{
    public static int Execute(string configuration, bool offline)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        var faults = new List<ConfigFault>();
        var files = ConfigurationScan.Find(options.LogDir, faults).ConvertAll(path => (path, ConfigLoader.LoadLogs(path)));
        var logs = new LogPlan(options.BrokerGroups.Keys.ToHashSet(), RealPath.Of).Make(files, faults);
        foreach (var log in logs.Where(l => !Directory.Exists(l.Directory)))
        {
            faults.Add(new ConfigFault(log.Options.SourceFile, log.Options.SourceLine, $"topics.{log.Options.Component}", $"has its segments in {log.Directory}, which does not exist."));
        }

        foreach (var warning in options.Warnings)
        {
            Console.WriteLine($"warning: {warning}");
        }

        var problems = faults.ConvertAll(f => f.ToString());
        if (!offline)
        {
            problems.AddRange(Librdkafka.TryLoad(out var missing) ? BrokerCheck.Ask(options, logs, Console.WriteLine) : [missing!]);
        }

        problems.ForEach(problem => Console.Error.WriteLine(problem));
        Console.WriteLine($"{files.Count} configuration files, {logs.Count} logs{(offline ? ", brokers not asked" : "")}: {(problems.Count == 0 ? "all well" : $"{problems.Count} problems")}");
        return problems.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
    }
}
