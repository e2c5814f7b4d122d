using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Serilog;
using Serilog.Events;
using ILogger = Microsoft.Extensions.Logging.ILogger;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>The start of the commands run and drain: configuration, client library, state directory, log, host.</summary>
internal sealed class Startup : IDisposable
{
    private readonly StateLock _lock;
    private readonly ILoggerFactory _loggers;
    private readonly CheckpointStore _checkpoints;

    private Startup(FeederOptions options, StateDirectory state, StateLock stateLock, ILoggerFactory loggers)
    {
        Options = options;
        State = state;
        _lock = stateLock;
        _loggers = loggers;
        Logger = loggers.CreateLogger("KafkaFeeder");
        _checkpoints = CheckpointStore.Open(state.CheckpointDirectory, problem => FeederLog.CheckpointUnreadable(Logger, problem));
    }

    public FeederOptions Options { get; }

    public StateDirectory State { get; }

    public ILogger Logger { get; }

    /// <summary>Reads conf.yaml; null if it has faults, which are written to standard error.</summary>
    public static FeederOptions? LoadOptions(string path)
    {
        var faults = new List<ConfigFault>();
        var options = ConfigLoader.Load(path, faults);
        faults.ForEach(fault => Console.Error.WriteLine(fault));
        return options;
    }

    /// <summary>Prepares everything that the loops need. Errors are written to standard error.</summary>
    /// <returns>Null with an exit code after an error.</returns>
    public static Startup? TryPrepare(string configuration, bool verbose, Func<FeederOptions, FeederOptions> adapt, out int exitCode)
    {
        exitCode = ExitCode.Usage;
        if (LoadOptions(configuration) is not { } loaded)
        {
            return null;
        }

        exitCode = ExitCode.Failed;
        var options = adapt(loaded);
        MemoryPolicy.Apply();
        ThreadPolicy.Apply();
        if (!Librdkafka.TryLoad(out var problem))
        {
            Console.Error.WriteLine(problem);
            return null;
        }

        var state = new StateDirectory(options.CheckpointDir, options.JournalDir);
        try
        {
            state.Create();
            if (!state.IsSafe(out var unsafeState))
            {
                Console.Error.WriteLine($"{options.SourceFile}: {unsafeState}");
                return null;
            }

            if (StateLock.TryTake(state.LockPath) is not { } stateLock)
            {
                Console.Error.WriteLine(
                    $"Another kafkafeeder uses {options.CheckpointDir}: two of them would ship everything twice. Stop it first, or give "
                        + "this one a checkpoint_dir of its own.");
                exitCode = ExitCode.Busy;
                return null;
            }

            exitCode = ExitCode.Ok;
            return new Startup(options, state, stateLock, CreateLoggers(options, verbose));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            Console.Error.WriteLine($"{options.SourceFile}: checkpoint_dir, journal_dir and logging.dir must be writable: {e.Message}");
            return null;
        }
    }

    /// <summary>Creates the host that runs the loops. It stops on SIGTERM and SIGINT.</summary>
    public IHost CreateHost(out Feeder feeder)
    {
        var created = new Feeder(Options, State, _checkpoints, Logger, TimeProvider.System);
        feeder = created;
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = Options.Shipper.StopLimit);
        builder.Services.Configure<ConsoleLifetimeOptions>(console => console.SuppressStatusMessages = true);
        builder.Services.AddSingleton(_loggers);
        builder.Services.AddSingleton<IHostedService>(_ => created);
        return builder.Build();
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _loggers.Dispose();
        _lock.Dispose();
    }

    private static ILoggerFactory CreateLoggers(FeederOptions options, bool verbose)
    {
        var serilog = new LoggerConfiguration()
            .MinimumLevel.Is(verbose ? LogEventLevel.Debug : LogEventLevel.Information)
            .MinimumLevel.Override("Microsoft", LogEventLevel.Warning)
            .Enrich.With(new EscapingEnricher())
            .WriteTo.Console(
                outputTemplate: "{Timestamp:yyyy-MM-ddTHH:mm:ss.fffzzz} [{Level:u3}] {Message:lj}{NewLine}{Exception}",
                formatProvider: System.Globalization.CultureInfo.InvariantCulture,
                standardErrorFromLevel: LogEventLevel.Verbose);
        if (options.Logging is { } own)
        {
            serilog = serilog.WriteTo.KafkaLog(own.Dir, own.Component, intervalSeconds: (int)own.Interval.TotalSeconds);
        }

        return LoggerFactory.Create(logging => logging
            .SetMinimumLevel(verbose ? LogLevel.Debug : LogLevel.Information)
            .AddSerilog(serilog.CreateLogger(), dispose: true));
    }
}
