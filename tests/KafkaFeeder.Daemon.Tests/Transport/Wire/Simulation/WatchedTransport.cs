using System.Text;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>A transport, and what it said: its findings, and the values that it called acknowledged.</summary>
/// <param name="inner">The transport.</param>
/// <param name="onFinding">Called with each finding.</param>
/// <param name="onAcknowledged">Called with the values of each batch that is acknowledged.</param>
internal sealed class WatchedTransport(IBatchTransport inner, Action<ResumeFinding> onFinding, Action<IReadOnlyList<string>> onAcknowledged)
    : IBatchTransport
{
    public bool KeepsOrder => inner.KeepsOrder;

    public string Description => inner.Description;

    public bool BrokersAnswer => inner.BrokersAnswer;

    public string? LastError => inner.LastError;

    public bool HasNewState => inner.HasNewState;

    /// <summary>Called with what is asked of the transport; null: nobody wants to know.</summary>
    public Action<string>? Trace { get; init; }

    public bool IsReadyFor(StoredBatch batch) => inner.IsReadyFor(batch);

    public ResumeFinding? TakeFinding()
    {
        var finding = inner.TakeFinding();
        if (finding is not null)
        {
            Trace?.Invoke($"transport: {finding}");
            onFinding(finding);
        }

        return finding;
    }

    public long Send(in SendRequest request, Action<BatchOutcome> onOutcome)
    {
        var (batch, skipped) = (request.Batch, request.Skipped?.ToArray());
        var values = ValuesOf(request.Stored);
        Trace?.Invoke(
            $"shipper: sends {batch.FileName}:{batch.Position} [{values[0]}..{values[^1]}]{(request.IsIsolated ? " one by one" : "")}");
        return inner.Send(request, outcome =>
        {
            Trace?.Invoke($"transport: {batch.FileName}:{batch.Position} [{values[0]}..{values[^1]}] -> {outcome.Kind} {outcome.Error}");
            var all = outcome.Kind == OutcomeKind.Acknowledged;
            onAcknowledged([.. values.Where((_, i) => skipped?[i] is not true && (all || outcome.Acknowledged?[i] is true))]);
            onOutcome(outcome);
        });
    }

    public void SendNow() => inner.SendNow();

    public void StateSaved() => inner.StateSaved();

    public void FileChanged(string fileName) => inner.FileChanged(fileName);

    public void Dropped(StoredBatch batch) => inner.Dropped(batch);

    public string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished)
    {
        var state = inner.StateAt(afterAcknowledged, finished);
        Trace?.Invoke($"shipper: saves {state}");
        return state;
    }

    public void Dispose() => inner.Dispose();

    private static List<string> ValuesOf(ReadOnlySpan<byte> stored)
    {
        var values = new List<string>();
        var records = new RecordBatchDecoder().Decode(stored);
        while (records.MoveNext())
        {
            values.Add(Encoding.UTF8.GetString(records.Current.Value));
        }

        return values;
    }
}
