using KafkaFeeder.Daemon.Control;
using KafkaFeeder.Daemon.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder reload</c>: as SIGHUP, but it waits and reports the faults.</summary>
internal static class ReloadCommand
{
    /// <summary>Long, because searching a large tree on a slow disk takes long.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    public static int Execute(string configuration)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Usage;
        }

        if (!DaemonClient.TryRun(options, DaemonCommand.Reload, out var answer, Patience))
        {
            Console.Error.WriteLine(answer.Text);
            return ExitCode.NotRunning;
        }

        (answer.IsWell ? Console.Out : Console.Error).Write(answer.Text);
        return answer.IsWell ? ExitCode.Ok : ExitCode.Failed;
    }
}
