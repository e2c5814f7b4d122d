using KafkaFeeder.CommandLine;
using KafkaFeeder.Daemon.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>
/// <c>kafkafeeder health</c>: what <c>/healthz</c> of the running daemon says, for container engines. It exits with 0 or 1:
/// engines know no other code.
/// </summary>
internal static class HealthCommand
{
    public static int Execute(string configuration)
    {
        if (Startup.LoadOptions(configuration) is not { } options)
        {
            return ExitCode.Failed;
        }

        if (!DaemonClient.TryGet(options, "/healthz", out var answer))
        {
            Console.Error.WriteLine(answer.Text);
            return ExitCode.Failed;
        }

        try
        {
            Console.Out.Write(answer.Text);
        }
        catch (OutputException e)
        {
            Console.Error.WriteLine(e.Message);
        }

        return answer.IsWell ? ExitCode.Ok : ExitCode.Failed;
    }
}
