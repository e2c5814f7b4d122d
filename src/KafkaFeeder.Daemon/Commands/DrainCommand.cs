using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace KafkaFeeder.Daemon.Commands;

/// <summary><c>kafkafeeder drain</c>: the same loops as the daemon, until nothing is left.</summary>
internal static class DrainCommand
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(200);

    /// <summary>For acknowledgements and saves when the time is over.</summary>
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(1);

    public static int Execute(string configuration, bool verbose, TimeSpan timeout)
    {
        using var startup = Startup.TryPrepare(configuration, verbose, Adapt, out var exitCode);
        if (startup is null)
        {
            return exitCode;
        }

        using var host = startup.CreateHost(out var feeder);
        var stopped = host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
        host.Start();
        var isDone = WaitAsync(feeder, timeout, stopped).GetAwaiter().GetResult();
        var left = Left(feeder);
        host.StopAsync().GetAwaiter().GetResult();
        if (isDone && left.Count == 0)
        {
            return ExitCode.Ok;
        }

        left.ForEach(Console.Error.WriteLine);
        return ExitCode.Left;
    }

    /// <summary>
    /// The time for shipping is the command's own; what is not acknowledged when it is over is sent again next time.
    /// </summary>
    private static FeederOptions Adapt(FeederOptions options) => options with
    {
        Status = new StatusOptions { Listen = null },
        Shipper = options.Shipper with
        {
            DrainOnStop = false,
            DrainTimeout = options.Shipper.DrainTimeout < StopPatience ? options.Shipper.DrainTimeout : StopPatience,
        },
    };

    /// <summary>True when every log is shipped to its end, false when the time is over or a signal comes.</summary>
    private static async Task<bool> WaitAsync(Feeder feeder, TimeSpan timeout, CancellationToken stopped)
    {
        var time = TimeProvider.System;
        var began = time.GetTimestamp();
        while (true)
        {
            if (feeder.Status.IsReady && feeder.Status.Logs.All.All(l => l.State == LogState.Idle))
            {
                return true;
            }

            if (stopped.IsCancellationRequested || time.GetElapsedTime(began) > timeout)
            {
                return false;
            }

            await Pause.ForAsync(LookInterval, time, stopped).ConfigureAwait(false);
        }
    }

    /// <summary>What is not shipped, a line each: logs, and what could not become one.</summary>
    private static List<string> Left(Feeder feeder) =>
    [
        .. feeder.Status.IsReady ? (string[])[] : ["left: the search for logs did not finish"],
        .. feeder.Status.Faults.Select(f => $"left: {f}"),
        .. feeder.Status.Unclaimed.Select(u => $"left: {u}"),
        .. feeder.Status.Logs.All.Where(l => l.State != LogState.Idle || l.LagBytes > 0 || l.Error is not null).Select(Line),
    ];

    private static string Line(LogStatus log)
    {
        var directory = Quote.Plain(log.Directory, ConfigFault.MaxPathShown);
        var reason = log.Error is null ? "" : ": " + Quote.Plain(log.Error, ConfigFault.MaxPathShown);
        var from = log.Position.Length > 0 ? $", from {log.Position} on" : "";
        var rest = log.IsLookedAt ? $"{Words.Bytes(log.LagBytes)} not shipped{from}" : "not examined yet";
        return $"left: {log.Options.Component} in {directory}: {rest}{reason}";
    }
}
