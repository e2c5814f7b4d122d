using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder drain</c>: the same loops as the daemon, until nothing is left.</summary>
internal static class DrainCommand
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(200);

    public static int Execute(string configuration, bool verbose, TimeSpan timeout)
    {
        using var startup = Startup.TryPrepare(configuration, verbose, options => options with { Status = new StatusOptions { Listen = null }, Shipper = options.Shipper with { DrainOnStop = false } }, out var exitCode);
        if (startup is null)
        {
            return exitCode;
        }

        using var host = startup.CreateHost(out var feeder);
        var stopped = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        host.Start();
        var left = WaitAsync(feeder, timeout, stopped).GetAwaiter().GetResult();
        host.StopAsync().GetAwaiter().GetResult();
        if (left.Count == 0)
        {
            return ExitCode.Ok;
        }

        foreach (var log in feeder.Fleet.Statuses.Where(l => l.LagBytes > 0 || l.Error is not null))
        {
            Console.Error.WriteLine($"left: {log.Options.Component} in {log.Directory}: {log.LagBytes} bytes behind {log.Position}{(log.Error is null ? "" : ": " + log.Error)}");
        }

        return ExitCode.Left;
    }

    /// <summary>Returns the logs that are not shipped to their end when all are, or when the time is over.</summary>
    private static async Task<IReadOnlyList<LogStatus>> WaitAsync(Feeder feeder, TimeSpan timeout, CancellationToken stopped)
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        while (true)
        {
            var left = feeder.Fleet.Statuses.Where(l => l.State != LogState.Idle).ToList();
            if (feeder.Status.IsReady && left.Count == 0)
            {
                return left;
            }

            if (stopped.IsCancellationRequested || time.GetElapsedTime(began) > timeout)
            {
                return left.Count > 0 ? left : feeder.Fleet.Statuses;
            }

            await Pause.ForAsync(LookInterval, time, stopped).ConfigureAwait(false);
        }
    }
}
