using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using KafkaLog.Benchmarks;

// dotnet run -c Release --project bench/KafkaLog.Benchmarks [-- --filter *Sink* | latency]
if (args is ["latency"])
{
    return CallerLatency.Run();
}

var job = Job.Default
    .WithToolchain(InProcessEmitToolchain.Instance) // one build, by our own rules
    .WithWarmupCount(3)
    .WithIterationCount(10)
    .WithInvocationCount(1)
    .WithUnrollFactor(1);
var config = ManualConfig.CreateEmpty()
    .AddJob(job)
    .AddLogger(ConsoleLogger.Default)
    .AddColumn(TargetMethodColumn.Method, StatisticColumn.Mean, StatisticColumn.StdDev, new RateColumn())
    .AddColumnProvider(DefaultColumnProviders.Metrics)
    .AddDiagnoser(MemoryDiagnoser.Default)
    .AddExporter(MarkdownExporter.GitHub)
    .WithOptions(ConfigOptions.DisableOptimizationsValidator | ConfigOptions.JoinSummary);
if (args.Length == 0)
{
    args = ["--filter", "*"];
}

return BenchmarkSwitcher.FromAssembly(typeof(RateColumn).Assembly).Run(args, config).Any() ? 0 : 1;
