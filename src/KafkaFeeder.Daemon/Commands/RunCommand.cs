using KafkaFeeder.Daemon.Hosting;
using Microsoft.Extensions.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder run</c></summary>
internal static class RunCommand
{
    public static int Execute(string configuration, bool verbose)
    {
        using var startup = Startup.TryPrepare(configuration, verbose, options => options, out var exitCode);
        if (startup is null)
        {
            return exitCode;
        }

        using var host = startup.CreateHost(out _);
        host.Run();
        return ExitCode.Ok;
    }
}
