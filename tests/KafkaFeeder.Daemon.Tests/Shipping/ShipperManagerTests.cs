using System.Text;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

/// <summary>Shippers on their real loops: one fails, is removed, is put back, or gets new settings.</summary>
public sealed class ShipperManagerTests : IAsyncDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private readonly TempFolder _folder = new();
    private readonly string _logs;
    private readonly StateDirectory _state;
    private readonly CheckpointStore _checkpoints;
    private readonly Brokers _brokers = new();
    private readonly List<ShipperManager> _managers = [];

    public ShipperManagerTests()
    {
        _logs = Directory.CreateDirectory(_folder.File("logs")).FullName;
        _state = new StateDirectory(_folder.File("checkpoint"), _folder.File("journal"));
        _state.Create();
        _checkpoints = CheckpointStore.Open(_state.CheckpointDirectory, _ => { });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var manager in _managers)
        {
            await manager.StopAsync();
        }

        _checkpoints.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_shipper_that_fails_saves_acknowledgements_and_does_not_restart_at_once()
    {
        Segment("1", "2", "3");
        _brokers.ThrowsAt = "3";
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => manager.Logs.All[0].State == LogState.Failed);
        Assert.Contains("as the test says", manager.Logs.All[0].Error, StringComparison.Ordinal);
        Assert.Equal(2, _checkpoints.Of(_logs, "orders").Snapshot().Segments.Single().Acknowledged.Records);
        Assert.Equal(["1", "2"], _brokers.Topic);
    }

    [Fact]
    public async Task A_failed_shipper_starts_again_after_the_time_that_it_reports()
    {
        var time = new ManualTime();
        Segment("1");
        _brokers.ThrowsAt = "1";
        var manager = Manager(time: time);
        manager.Apply([Planned()]);
        foreach (var (failures, wait) in ((string, int)[])[("1 time", 5), ("2 times", 10), ("3 times", 20)])
        {
            await Eventually.HoldsAsync(
                () => manager.Logs.All[0].Error?.Contains(
                    $"failed {failures} in a row, next try in {wait} s", StringComparison.Ordinal) == true);
            await Eventually.HoldsAsync(() => time.Next == TimeSpan.FromSeconds(wait)); // it waits
            var opened = _brokers.Opened;
            time.Advance(TimeSpan.FromSeconds(wait) - TimeSpan.FromMilliseconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System); // it would have started by now
            Assert.Equal(opened, _brokers.Opened);
            time.Advance(TimeSpan.FromMilliseconds(1));
            await Eventually.HoldsAsync(() => _brokers.Opened == opened + 1);
        }
    }

    [Fact]
    public async Task A_memory_limit_too_small_for_the_segments_is_reported_when_they_are_counted()
    {
        var lines = new LogLines();
        var manager = Manager(logger: lines, memoryLimit: InFlightBudget.NeededFor(1, segments: 2) - 1);
        manager.Apply([Planned()]);
        Segment("1");
        Segment("2");
        await Eventually.HoldsAsync(() => manager.Logs.All[0].Segments == 2);
        Assert.Empty(lines.Of(207)); // nobody has checked since
        manager.Apply([Planned()]);
        manager.Apply([Planned()]);
        Assert.Matches("1 log with 2 segments need [0-9]+MiB:", Assert.Single(lines.Of(207)));
    }

    [Fact]
    public async Task A_memory_limit_too_small_for_any_segments_is_reported_only_when_they_are_counted()
    {
        Segment("1");
        var lines = new LogLines();
        var manager = Manager(logger: lines, memoryLimit: InFlightBudget.NeededFor(1, segments: 0) - 1);
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => manager.Logs.All[0].IsLookedAt);
        manager.Apply([Planned()]);
        Assert.Contains("1 log with 1 segment need", Assert.Single(lines.Of(207)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Losses_of_an_earlier_run_are_in_the_status()
    {
        new Ledger(_state.LedgerPath, TimeProvider.System).Add(
            LedgerKind.Lost, _logs, "20261121_100000_3600_UTC-orders.szn", 0, 50, 0, "gone");
        var manager = Manager();
        manager.Apply([Planned()]);
        Assert.Equal((50, true), (manager.Logs.All[0].LostBytes, manager.Logs.All[0].HasIncidents));
        await manager.StopAsync();
    }

    [Fact]
    public async Task A_log_that_is_removed_and_put_back_waits_for_its_old_shipper()
    {
        Segment("1", "2", "3");
        _brokers.Answers = false;
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => _brokers.InFlight == 3);
        manager.Apply([]);
        manager.Apply([Planned()]);
        Assert.Equal(1, _brokers.Opened); // the first still waits for its acknowledgements
        _brokers.Answers = true;
        await Eventually.HoldsAsync(() => manager.Logs.All[0].State == LogState.Idle && _brokers.Opened == 2);
        Assert.Equal(["1", "2", "3"], _brokers.Topic);
        Assert.Null(manager.Logs.All[0].LastError); // it did not even try, which would have failed on the lock of the log
    }

    /// <summary>The log is no longer configured then. Its open files can still be shipped.</summary>
    [Fact]
    public async Task A_log_deleted_with_its_configuration_is_shipped_from_its_open_file()
    {
        string[] values = [.. Enumerable.Range(1, 4).Select(i => new string((char)('0' + i), 200_000))];
        Segment(values);
        _brokers.Answers = false;
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => _brokers.InFlight > 0);
        Assert.InRange(_brokers.InFlight, 1, 3);
        Directory.Delete(_logs, recursive: true);
        manager.Apply([]);
        await Eventually.HoldsAsync(() => manager.Logs.All[0].RemovedBytes > 0);
        manager.Apply([]);
        Assert.Single(manager.Logs.All);
        _brokers.Answers = true;
        await Eventually.HoldsAsync(() => _brokers.Topic.Count == 4);
        Assert.Equal(values, _brokers.Topic);
        await Eventually.HoldsAsync(() => manager.Logs.All[0].RemovedSegments == 0);
        manager.Apply([]);
        manager.Apply([]);
        Assert.Empty(manager.Logs.All);
    }

    /// <summary>All of it is shipped, and its writer goes on writing to a file without a name.</summary>
    [Fact]
    public async Task A_log_whose_directory_is_gone_is_read_as_long_as_its_file_has_a_writer()
    {
        var name = SomeLog.Segment(_logs);
        var content = File.ReadAllBytes(name);
        File.Delete(name);
        using var open = new FileStream(name, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => manager.Logs.All[0].Segments == 1);
        Directory.Delete(_logs, recursive: true);
        for (var i = 0; i < 4; i++)
        {
            manager.Apply([]);
            await Eventually.HoldsAsync(() => manager.Logs.All[0].RemovedSegments == 1);
        }

        open.Write(content);
        open.Flush();
        await Eventually.HoldsAsync(() => _brokers.Topic.Count > 0);
        Assert.Equal(ShippingRig.ValuesOf(SomeLog.Segment(Directory.CreateDirectory(_folder.File("same")).FullName))[0], _brokers.Topic[0]);
    }

    [Fact]
    public async Task A_stop_waits_for_a_shipper_whose_log_was_removed()
    {
        Segment("1");
        _brokers.Answers = false;
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => _brokers.InFlight == 1);
        manager.Apply([]);
        var stopping = manager.StopAsync();
        Assert.False(stopping.IsCompleted);
        _brokers.Answers = true;
        await stopping.WaitAsync(Limit);
        Assert.True(Assert.Single(_checkpoints.Of(_logs, "orders").Snapshot().Segments).Acknowledged.Records == 1);
    }

    [Fact]
    public async Task A_new_retention_takes_effect_without_a_restart()
    {
        Segment("1", "2", "3");
        _brokers.Answers = false;
        var manager = Manager();
        manager.Apply([Planned()]);
        await Eventually.HoldsAsync(() => _brokers.InFlight == 3);
        for (var hours = 1; hours < 5; hours++)
        {
            var retention = TimeSpan.FromHours(hours);
            manager.Apply([Planned(l => l with { Retention = retention })]);
            Assert.Equal(retention, manager.Logs.All[0].Options.Retention);
        }

        _brokers.Answers = true;
        await Eventually.HoldsAsync(() => manager.Logs.All[0].State == LogState.Idle);
        Assert.Equal(["1", "2", "3"], _brokers.Topic);
        Assert.Equal(1, _brokers.Opened);
    }

    [Fact]
    public async Task Two_daemons_with_separate_checkpoints_do_not_both_ship_a_log()
    {
        Segment("1", "2");
        var first = Manager();
        first.Apply([Planned()]);
        await Eventually.HoldsAsync(() => first.Logs.All[0].State == LogState.Idle);

        var state = new StateDirectory(_folder.File("checkpoint2"), _folder.File("journal2"));
        state.Create();
        using var checkpoints = CheckpointStore.Open(state.CheckpointDirectory, _ => { });
        var second = Manager(state, checkpoints);
        second.Apply([Planned()]);
        await Eventually.HoldsAsync(() => second.Logs.All[0].State == LogState.Failed);
        Assert.Contains("another kafkafeeder ships orders", second.Logs.All[0].Error, StringComparison.Ordinal);
        Assert.Equal(["1", "2"], _brokers.Topic);
        await second.StopAsync();
    }

    [Fact]
    public void The_list_of_logs_can_be_read_while_a_line_is_logged()
    {
        var lines = new LogLines();
        var manager = Manager(logger: lines);
        var mayLook = new List<bool>();
        lines.OnLine = id =>
        {
            if (id is 203 or 204 or 205) // added, changed, removed
            {
                mayLook.Add(Task.Run(() => manager.Logs.All.Count).Wait(TimeSpan.FromSeconds(5)));
            }
        };
        manager.Apply([Planned()]);
        manager.Apply([Planned(log => log with { Topic = "another" })]);
        manager.Apply([]);
        Assert.Equal([true, true, true], mayLook);
    }

    private ShipperManager Manager(
        StateDirectory? state = null, CheckpointStore? checkpoints = null, TimeProvider? time = null, ILogger? logger = null,
        long memoryLimit = 1L << 30)
    {
        var options = new FeederOptions
        {
            SourceFile = "conf.yaml",
            LogDir = _logs,
            CheckpointDir = _folder.File("checkpoint"),
            JournalDir = _folder.File("journal"),
            BrokerGroups = new Dictionary<string, BrokerGroupOptions>(),
            Shipper = new ShipperOptions
            {
                CheckpointInterval = TimeSpan.FromHours(1), // nothing is saved in between
                MemoryLimitBytes = memoryLimit,
            },
        };
        var manager = new ShipperManager(
            options,
            state ?? _state,
            checkpoints ?? _checkpoints,
            _brokers,
            new Ledger((state ?? _state).LedgerPath, TimeProvider.System),
            new LogRegistry(),
            new Loops(TimeProvider.System),
            logger ?? NullLogger.Instance,
            time ?? TimeProvider.System);
        _managers.Add(manager);
        return manager;
    }

    private PlannedLog Planned(Func<LogOptions, LogOptions>? change = null)
    {
        var options = SomeLog.In(_logs);
        return new PlannedLog(_logs, change is null ? options : change(options), FileFacts.Of(_logs));
    }

    /// <summary>Writes a finished segment with a batch for each value.</summary>
    private void Segment(params string[] values)
    {
        using var writer = new LogWriter(new LogWriterOptions { Directory = _logs, Component = "orders", Interval = TimeSpan.FromDays(1) });
        foreach (var value in values)
        {
            writer.Append(new NewRecord(1_000, Encoding.UTF8.GetBytes(value)), Durability.Flushed);
        }
    }

    /// <summary>Brokers that acknowledge at once, or later from another thread, or fail at a record.</summary>
    private sealed class Brokers : ITransportPool
    {
        private readonly Lock _lock = new();
        private readonly List<(string Value, Action Acknowledge)> _waiting = [];
        private readonly List<string> _topic = [];
        private bool _answers = true;

        public string? ThrowsAt { get; set; }

        public int Opened { get; private set; }

        public bool Answers
        {
            get => _answers;
            set
            {
                lock (_lock)
                {
                    _answers = value;
                    if (value)
                    {
                        _waiting.ForEach(w => Store(w.Value, w.Acknowledge));
                        _waiting.Clear();
                    }
                }
            }
        }

        public int InFlight
        {
            get
            {
                lock (_lock)
                {
                    return _waiting.Count;
                }
            }
        }

        public IReadOnlyList<string> Topic
        {
            get
            {
                lock (_lock)
                {
                    return [.. _topic];
                }
            }
        }

        public IBatchTransport Open(LogOptions log, string savedState, bool mayHaveSent)
        {
            Opened++;
            return new Connection(this);
        }

        private void Take(string value, Action acknowledge)
        {
            if (value == ThrowsAt)
            {
                throw new InvalidOperationException("as the test says");
            }

            lock (_lock)
            {
                if (_answers)
                {
                    Store(value, acknowledge);
                }
                else
                {
                    _waiting.Add((value, acknowledge));
                }
            }
        }

        private void Store(string value, Action acknowledge)
        {
            _topic.Add(value);
            acknowledge();
        }

        private sealed class Connection(Brokers brokers) : IBatchTransport
        {
            public bool KeepsOrder => true;

            public string Description => "the test's";

            public bool BrokersAnswer => true;

            public string? LastError => null;

            public long Send(in SendRequest request, Action<BatchOutcome> onOutcome)
            {
                var records = new RecordBatchDecoder().Decode(request.Stored);
                Assert.True(records.MoveNext());
                brokers.Take(
                    Encoding.UTF8.GetString(records.Current.Value), () => onOutcome(new BatchOutcome(OutcomeKind.Acknowledged)));
                return request.Stored.Length;
            }

            public string StateAt(IEnumerable<BatchPlace> pending, IReadOnlyCollection<string> finished) => "";

            public void SendNow()
            {
            }

            public void Dispose()
            {
            }
        }
    }
}
