using System.Runtime.InteropServices;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Signals;

/// <summary>
/// SIGHUP and SIGUSR1 (the original's): read every kafkafeeder.yaml anew. SIGUSR2: write the state of each log to the
/// log. SIGTERM and SIGINT are the host's.
/// </summary>
internal sealed class SignalLoop : IDisposable
{
    // Raw numbers, which PosixSignalRegistration takes: Linux on every architecture of .NET.
    public const int Usr1 = 10;
    public const int Usr2 = 12;

    private readonly Watcher _watcher;
    private readonly ShipperFleet _fleet;
    private readonly Supervisor _supervisor;
    private readonly ILogger _logger;
    private readonly List<PosixSignalRegistration> _registrations = [];

    public SignalLoop(Watcher watcher, ShipperFleet fleet, Supervisor supervisor, ILogger logger)
    {
        _watcher = watcher;
        _fleet = fleet;
        _supervisor = supervisor;
        _logger = logger;
    }

    /// <summary>Begins to listen.</summary>
    public void Start()
    {
        Register(PosixSignal.SIGHUP, () => Reload("SIGHUP"));
        Register((PosixSignal)Usr1, () => Reload("SIGUSR1"));
        Register((PosixSignal)Usr2, WriteState);
    }

    /// <summary>Writes the state of each log to the log.</summary>
    public void WriteState()
    {
        foreach (var log in _fleet.Statuses)
        {
            FeederLog.State(
                _logger,
                log.Options.Component,
                log.Directory,
                log.State,
                log.Position,
                log.IsLookedAt ? $"{log.LagBytes} bytes" : "unknown",
                log.InFlightBytes,
                log.ShippedRecords,
                log.PossibleDuplicates,
                log.RejectedRecords,
                log.Error ?? "no error");
        }
    }

    public void Dispose() => _registrations.ForEach(r => r.Dispose());

    private void Reload(string signal)
    {
        _supervisor.Reload(() =>
        {
            FeederLog.Reloading(_logger, signal);
            return _watcher.ScanNow(forgetParsed: true);
        });
    }

    private void Register(PosixSignal signal, Action action) => _registrations.Add(PosixSignalRegistration.Create(signal, context =>
    {
        context.Cancel = true; // not the default: to end the process
        action();
    }));
}
