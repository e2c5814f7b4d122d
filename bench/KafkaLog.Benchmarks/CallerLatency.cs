using System.Diagnostics;
using System.Globalization;
using KafkaLog.Format.Segments;
using Serilog;
using Serilog.Core;
using Serilog.Formatting.Json;

namespace KafkaLog.Benchmarks;

/// <summary>
/// How long the application waits in a logging call: each call is timed, by one thread and by four, and told as a table.
/// The rate is without the last flush; the sinks take turns, so that a noisy moment hits none alone.
/// </summary>
internal static class CallerLatency
{
    private const int Events = 400_000;
    private const int Rounds = 5;

    public static int Run()
    {
        (string Name, Func<Serilog.Configuration.LoggerSinkConfiguration, string, LoggerConfiguration> To)[] sinks =
        [
            ("Serilog.Sinks.File, JsonFormatter, buffered",
                (write, folder) =>
                    write.File(new JsonFormatter(), Path.Combine(folder, "log.json"), buffered: true, fileSizeLimitBytes: null)),
            ("Serilog.Sinks.File, JsonFormatter, unbuffered",
                (write, folder) =>
                    write.File(new JsonFormatter(), Path.Combine(folder, "log.json"), buffered: false, fileSizeLimitBytes: null)),
            ("KafkaLog, Buffered", (write, folder) => write.KafkaLog(folder, "bench", durability: Durability.Buffered)),
            ("KafkaLog, Flushed", (write, folder) => write.KafkaLog(folder, "bench", durability: Durability.Flushed)),
            ("KafkaLog, Flushed, mapped", (write, folder) => write.KafkaLog(folder, "bench", durability: Durability.Flushed, mapped: true)),
        ];
        Console.WriteLine("| sink | threads | events/s | p50 | p99 | p99.9 | p99.99 | longest |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var threads in (int[])[1, 4])
        {
            var ticks = sinks.Select(_ => new List<long[]>()).ToArray();
            var seconds = new double[sinks.Length];
            for (var round = 0; round <= Rounds; round++)
            {
                for (var n = 0; n < sinks.Length; n++)
                {
                    var (each, took) = Measure(sinks[n].To, threads);
                    if (round > 0) // the first warms up
                    {
                        ticks[n].AddRange(each);
                        seconds[n] += took;
                    }
                }
            }

            for (var n = 0; n < sinks.Length; n++)
            {
                var sorted = ticks[n].SelectMany(t => t).Order().ToArray();
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {sinks[n].Name} | {threads} | {sorted.Length / seconds[n] / 1e6:F2} M | {At(sorted, 0.5)} | {At(sorted, 0.99)} | "
                        + $"{At(sorted, 0.999)} | {At(sorted, 0.9999)} | {At(sorted, 1)} |"));
            }
        }

        return 0;
    }

    private static (long[][] Ticks, double Seconds) Measure(
        Func<Serilog.Configuration.LoggerSinkConfiguration, string, LoggerConfiguration> to, int threads)
    {
        var folder = Directory.CreateTempSubdirectory("kafkalog-bench-").FullName;
        var ticks = Enumerable.Range(0, threads).Select(_ => new long[Events / threads]).ToArray();
        GC.Collect();
        double seconds;
        using (var logger = to(new LoggerConfiguration().WriteTo, folder).CreateLogger())
        {
            var began = Stopwatch.GetTimestamp();
            var workers = ticks.Select(own => new Thread(() => Log(logger, own))).ToList();
            workers.ForEach(worker => worker.Start());
            workers.ForEach(worker => worker.Join());
            seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        }

        Directory.Delete(folder, recursive: true);
        return (ticks, seconds);
    }

    private static void Log(Logger logger, long[] ticks)
    {
        for (var n = 0; n < ticks.Length; n++)
        {
            var began = Stopwatch.GetTimestamp();
            logger.Information("Order {OrderId} of {Customer} paid {Amount} in {Elapsed} ms", n, "customer-4711", 12.50m, 3.25);
            ticks[n] = Stopwatch.GetTimestamp() - began;
        }
    }

    private static string At(long[] sorted, double quantile)
    {
        var microseconds = sorted[(int)Math.Min(sorted.Length - 1, sorted.Length * quantile)] * 1e6 / Stopwatch.Frequency;
        return string.Create(CultureInfo.InvariantCulture, $"{microseconds:F1} us");
    }
}
