using BenchmarkDotNet.Attributes;
using KafkaLog.Format.Segments;
using Serilog;
using Serilog.Core;
using Serilog.Formatting.Json;

namespace KafkaLog.Benchmarks;

/// <summary>Events with four properties through Serilog, by one thread, until the last is in the file.</summary>
public class SinkBenchmarks
{
    private const int Events = 200_000;

    private string _directory = "";
    private Logger _logger = null!;

    [IterationSetup(Target = nameof(SinksFileBufferedJson))]
    public void OpenFile() =>
        Open(write => write.File(new JsonFormatter(), Path.Combine(_directory, "log.json"), buffered: true, fileSizeLimitBytes: null));

    [IterationSetup(Target = nameof(SinksFileUnbufferedJson))]
    public void OpenUnbufferedFile() =>
        Open(write => write.File(new JsonFormatter(), Path.Combine(_directory, "log.json"), buffered: false, fileSizeLimitBytes: null));

    [IterationSetup(Target = nameof(KafkaLogBuffered))]
    public void OpenBuffered() => Open(write => write.KafkaLog(_directory, "bench", durability: Durability.Buffered));

    [IterationSetup(Target = nameof(KafkaLogFlushed))]
    public void OpenFlushed() => Open(write => write.KafkaLog(_directory, "bench", durability: Durability.Flushed));

    [IterationSetup(Target = nameof(KafkaLogFlushedMapped))]
    public void OpenMapped() => Open(write => write.KafkaLog(_directory, "bench", durability: Durability.Flushed, mapped: true));

    [IterationCleanup]
    public void Delete() => Directory.Delete(_directory, recursive: true);

    /// <summary>Serilog.Sinks.File, buffered: what is in its buffer is lost with the process.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Events)]
    public void SinksFileBufferedJson() => Log();

    /// <summary>Serilog.Sinks.File as it is by default: every event survives the process.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public void SinksFileUnbufferedJson() => Log();

    /// <summary>Our sink at the safety of the first: up to 100 ms in memory.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public void KafkaLogBuffered() => Log();

    /// <summary>Our sink's default: every event survives the process.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public void KafkaLogFlushed() => Log();

    /// <summary>The same safety by a memory mapping.</summary>
    [Benchmark(OperationsPerInvoke = Events)]
    public void KafkaLogFlushedMapped() => Log();

    private void Open(Func<Serilog.Configuration.LoggerSinkConfiguration, LoggerConfiguration> to)
    {
        _directory = Directory.CreateTempSubdirectory("kafkalog-bench-").FullName;
        _logger = to(new LoggerConfiguration().WriteTo).CreateLogger();
    }

    private void Log()
    {
        for (var n = 0; n < Events; n++)
        {
            _logger.Information("Order {OrderId} of {Customer} paid {Amount} in {Elapsed} ms", n, "customer-4711", 12.50m, 3.25);
        }

        _logger.Dispose();
    }
}
