using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Retention;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Signals;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Transport.Client;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Hosting;

/// <summary>
/// All loops together, as one hosted service: watcher, cleaner, signals, a shipper for each log, the status server.
/// Stopping goes from the front to the back: no new logs, no deletions, then the shippers, then the producers.
/// </summary>
internal sealed class Feeder : IHostedService, IAsyncDisposable
{
    private readonly FeederOptions _options;
    private readonly ILogger _logger;
    private readonly ClientTransportPool _transports;
    private readonly Watcher _watcher;
    private readonly SegmentCleaner _cleaner;
    private readonly SignalLoop _signals;
    private readonly StatusServer _server;
    private readonly CancellationTokenSource _stopping = new();
    private Task _loops = Task.CompletedTask;

    public Feeder(FeederOptions options, StateDirectory state, ILogger logger, TimeProvider time)
    {
        _options = options;
        _logger = logger;
        Status = new FeederStatus(time);
        _transports = new ClientTransportPool(options.BrokerGroups, logger, time);
        Fleet = new ShipperFleet(options, state, _transports, new Ledger(state.LedgerPath, time), logger, time);
        _watcher = new Watcher(options, Fleet, Status, logger, time);
        _cleaner = new SegmentCleaner(options, Fleet, logger, time);
        _signals = new SignalLoop(_watcher, Fleet, logger);
        _server = new StatusServer(options, Status, Fleet);
    }

    public FeederStatus Status { get; }

    public ShipperFleet Fleet { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _server.StartAsync(cancellationToken).ConfigureAwait(false);
        FeederLog.Started(_logger, Build.Version, _options.SourceFile, $"librdkafka {Confluent.Kafka.Library.VersionString}, status {_server.Address ?? "off"}");
        foreach (var warning in _options.Warnings)
        {
            FeederLog.ConfigurationWarning(_logger, warning.ToString());
        }

        _signals.Start();
        _loops = Task.WhenAll(
            Task.Run(() => KeepRunningAsync("The watcher", _watcher.RunAsync), CancellationToken.None),
            Task.Run(() => KeepRunningAsync("The cleaner", _cleaner.RunAsync), CancellationToken.None));
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        FeederLog.Stopping(_logger, _options.Shipper.DrainTimeout);
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _loops.ConfigureAwait(false);
        await Fleet.StopAsync().ConfigureAwait(false);
        FeederLog.Stopped(_logger, Fleet.Statuses.Count, Fleet.Statuses.Sum(s => s.LagBytes));
    }

    public async ValueTask DisposeAsync()
    {
        _signals.Dispose();
        await _server.DisposeAsync().ConfigureAwait(false);
        await _transports.DisposeAsync().ConfigureAwait(false);
        _stopping.Dispose();
    }

    private async Task KeepRunningAsync(string name, Func<CancellationToken, Task> loop)
    {
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await loop(_stopping.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                // A loop that ends is a daemon that looks alive and does nothing: say it, and go on.
                FeederLog.LoopFailed(_logger, name, e is IOException or UnauthorizedAccessException ? e.Message : e.ToString());
                await Pause.ForAsync(TimeSpan.FromSeconds(5), TimeProvider.System, _stopping.Token).ConfigureAwait(false);
            }
        }
    }
}
