using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Wire;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using Microsoft.Extensions.Logging.Abstractions;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>A log on a real disk, the real shipper and wire transport, and a simulated cluster. One thread does everything.</summary>
internal sealed class WireRig : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly StateDirectory _state;
    private readonly SimulatedCluster _cluster;
    private readonly KillingTime _time;
    private readonly InFlightBudget _budget = new((_, _) => 64 << 20);
    private readonly List<Task<Task>> _begun = [];
    private CheckpointStore? _store;
    private SimulatedClient? _client;
    private WireGroup? _group;
    private WatchedTransport? _transport;
    private Shipper? _shipper;

    public WireRig(ManualTime time, SimulatedCluster cluster)
    {
        Time = time;
        _cluster = cluster;
        _time = new KillingTime(time);
        Logs = _folder.File("logs");
        Directory.CreateDirectory(Logs);
        Log = SomeLog.In(Logs);
        _state = new StateDirectory(_folder.File("checkpoint"), _folder.File("journal"));
        _state.Create();
        Status = new LogStatus(Log, Logs, Time);
    }

    public ManualTime Time { get; }

    /// <summary>The directory of the segments.</summary>
    public string Logs { get; }

    public LogOptions Log { get; set; }

    public ShipperOptions Options { get; set; } = new();

    /// <summary>The status of the current run.</summary>
    public LogStatus Status { get; private set; }

    /// <summary>How records are compressed that are not stored compressed; null: they are not.</summary>
    public ICompressionCodec? Codec { get; set; }

    /// <summary>See <see cref="WireGroup.BatchBytes"/>.</summary>
    public int BatchBytes { get; set; } = 512 << 10;

    /// <summary>See <see cref="WireGroup.StretchBytes"/>.</summary>
    public int StretchBytes { get; set; } = 1 << 20;

    /// <summary>Called with a line for each step; null: nobody wants to know.</summary>
    public Action<string>? Trace { get; init; }

    /// <summary>What the transports found out.</summary>
    public List<ResumeFinding> Findings { get; } = [];

    /// <summary>Values that were called acknowledged and that not all in-sync replicas had.</summary>
    public List<string> FalselyAcknowledged { get; } = [];

    /// <summary>Begins a run, as the daemon does at its start.</summary>
    public void Start()
    {
        Trace?.Invoke("daemon: starts");
        var ledger = new Ledger(_state.LedgerPath, _time);
        Status = new LogStatus(Log, Logs, _time, ledger.AccountOf(Logs, Log.Component));
        _store = CheckpointStore.Open(
            _state.CheckpointDirectory, problem => throw new InvalidOperationException(problem), commitsInline: true);
        var keeper = CheckpointKeeper.OpenAsync(
            _store, _state, Logs, Log.Component, Options.CheckpointInterval, NullLogger.Instance, _time, findsOut: true)
            .GetAwaiter().GetResult();
        Trace?.Invoke($"daemon: has {keeper.TransportState}, may have sent: {keeper.MayHaveSent}");
        _client = new SimulatedClient(_cluster) { OnAppend = _time.Look };
        var health = new BrokerHealth("simulated", text => text, NullLogger.Instance, _time);
        _group = new WireGroup(_client, health, "simulated", NullLogger.Instance)
        {
            Codec = Codec,
            BatchBytes = BatchBytes,
            StretchBytes = StretchBytes,
            Begin = Begin,
        };
        var wire = new WireTransport(_group, Log, keeper.TransportState, keeper.MayHaveSent, _time);
        _transport = new WatchedTransport(wire, Findings.Add, Acknowledged) { Trace = Trace };
        var space = new QuarantineSpace(_state.RejectedRoot, new QuarantineOptions(), NullLogger.Instance, _time, _ => 1L << 40);
        var book = new LossRecorder(
            ledger, new Quarantine(RejectedDirectory, Log.Component, space), Logs, Log.Component, NullLogger.Instance, _time);
        var set = new SegmentSet(new DirectoryListing(Logs, _time), Log.Component);
        IBatchSource Open(Action<FileReset> onReset) => new LogCursor(Logs, set, keeper.TakeStart(), book, _time, onReset);
        _shipper = new Shipper(Options, _transport, _budget, keeper, Open, book, Status, NullLogger.Instance, _time);
    }

    /// <summary>One turn of the shipper. The daemon is killed in it after so many looks at the clock; 0: it is not.</summary>
    /// <returns>False if it was killed.</returns>
    public bool Turn(int killAfter = 0)
    {
        try
        {
            _time.KillAfter(killAfter);
            _shipper!.RunOnce();
            return true;
        }
        catch (KilledException)
        {
            return false;
        }
        finally
        {
            _time.KillAfter(0);
        }
    }

    /// <summary>Runs what the transport wants to run on another thread.</summary>
    public void RunBegun()
    {
        foreach (var begun in _begun.ToList())
        {
            _begun.Remove(begun);
            begun.RunSynchronously(TaskScheduler.Default);
        }
    }

    /// <summary>Ends the run as by SIGKILL: nothing is saved, and no outcome is handled any more.</summary>
    public void Kill()
    {
        Trace?.Invoke("daemon: is killed");
        _begun.Clear();
        _client?.Kill();
        _shipper?.Dispose();
        _transport?.Dispose();
        _group?.Dispose();
        _store?.Dispose();
        (_client, _shipper, _transport, _group, _store) = (null, null, null, null, null);
    }

    /// <summary>True if the checkpoint on disk says of all files that they are shipped.</summary>
    public bool IsDone()
    {
        var saved = CheckpointFiles.Load(_state.CheckpointDirectory, _ => { }).GetValueOrDefault((Logs, Log.Component))?.Snapshot();
        return saved is not null && Status.LagBytes == 0 && saved.Segments.All(s => s.IsDone);
    }

    /// <summary>The values in quarantine.</summary>
    public List<string> Quarantined() => !Directory.Exists(RejectedDirectory) ? []
        : [.. Directory.GetFiles(RejectedDirectory, "*.szn").Order(StringComparer.Ordinal).SelectMany(ShippingRig.ValuesOf)];

    public void Dispose()
    {
        if (_client is not null)
        {
            Kill();
        }

        _folder.Dispose();
    }

    private string RejectedDirectory => _state.RejectedDirectory(Logs, Log.Component);

    private void Acknowledged(IReadOnlyList<string> values)
    {
        FalselyAcknowledged.AddRange(values.Where(v =>
            !_cluster.Deleted.Append(_cluster.Topic).SelectMany(t => t.Partitions).Any(p => p.Committed.Contains(v))));
    }

    private Task Begin(Func<Task> work)
    {
        var begun = new Task<Task>(work);
        _begun.Add(begun);
        return begun.Unwrap();
    }
}
