using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport.Wire;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Choosing;

/// <summary>
/// The wire transport, until the brokers turn out not to tell what they have: then the client library. Used by the thread of the log.
/// </summary>
/// <param name="wire">The wire transport.</param>
/// <param name="openClient">Opens the other one.</param>
/// <param name="log">The settings of the log.</param>
/// <param name="logger">Logs the change.</param>
internal sealed class AutomaticTransport(WireTransport wire, Func<IBatchTransport> openClient, LogOptions log, ILogger logger)
    : IBatchTransport
{
    private IBatchTransport _inner = wire;

    public bool KeepsOrder => _inner.KeepsOrder;

    public string Description => _inner.Description;

    public bool BrokersAnswer => _inner.BrokersAnswer;

    public string? LastError => _inner.LastError;

    public bool HasNewState => _inner.HasNewState;

    public bool IsReadyFor(StoredBatch batch) => _inner.IsReadyFor(batch);

    public ResumeFinding? TakeFinding()
    {
        var finding = _inner.TakeFinding();
        if (_inner == wire && wire.CannotAsk is { } why)
        {
            FeederLog.TransportChosen(logger, log.Component, "the client library", why);
            _inner = openClient();
            wire.Dispose();
            return finding ?? new ResumeFinding(IsExact: false, why);
        }

        return finding;
    }

    public long Send(in SendRequest request, Action<BatchOutcome> onOutcome) => _inner.Send(request, onOutcome);

    public void SendNow() => _inner.SendNow();

    public void Dropped(StoredBatch batch) => _inner.Dropped(batch);

    public void BytesSkipped(string fileName) => _inner.BytesSkipped(fileName);

    public void FileChanged(string fileName) => _inner.FileChanged(fileName);

    public string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished) =>
        _inner.StateAt(afterAcknowledged, finished);

    public void StateSaved() => _inner.StateSaved();

    public void Dispose() => _inner.Dispose();
}
