using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class WatcherTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly CheckpointStore _checkpoints;
    private readonly Watcher _watcher;
    private FoundLogs? _found;

    public WatcherTests()
    {
        var options = new FeederOptions
        {
            SourceFile = "conf.yaml",
            LogDir = Directory.CreateDirectory(_folder.File("logs")).FullName,
            CheckpointDir = _folder.File("checkpoint"),
            JournalDir = _folder.File("journal"),
            Watcher = new WatcherOptions { AllowDirectories = [_folder.Path] },
            BrokerGroups =
                new Dictionary<string, BrokerGroupOptions> { ["kafka"] =
                    new() { Name = "kafka", Brokers = ["localhost:1"], Properties = [] } },
        };
        var state = new StateDirectory(options.CheckpointDir, options.JournalDir);
        state.Create();
        _checkpoints = CheckpointStore.Open(state.CheckpointDirectory, _ => { }, commitsInline: true);
        _watcher = new Watcher(options, new PlannedDirectories(), _checkpoints, found => _found = found, NullLogger.Instance, _time);
    }

    public void Dispose()
    {
        _checkpoints.Dispose();
        _folder.Dispose();
    }

    /// <summary>The kafkafeeder.yaml is gone with its directory, as is usual, so no log is left to report its missing segments.</summary>
    [Fact]
    public async Task Unshipped_segments_of_a_missing_directory_are_reported_until_it_is_back()
    {
        var directory = Path.Combine(_folder.File("logs"), "orders");
        SegmentCheckpoint At(string name, long position, bool isDone = false) =>
            new(name.AsSegment(), new AcknowledgedPosition(position, 0, 1, null, 0, 1), 500, isDone, null);
        await _checkpoints.SaveAsync(_checkpoints.Of(directory, "orders"), new CheckpointChange
        {
            Segments =
            [
                At("20261124_100000_3600_UTC-orders.szn", 500, isDone: true),
                At("20261124_110000_3600_UTC-orders.szn", 100),
                At("20261124_120000_3600_UTC-orders.szn", 0),
            ],
        });
        await _checkpoints.SaveAsync(
            _checkpoints.Of(directory, "old"),
            new CheckpointChange { Segments = [At("20261124_100000_3600_UTC-old.szn", 500, isDone: true)] });

        _watcher.RunOnce(() => { });
        var left = Assert.Single(_found!.Unclaimed);
        Assert.Equal((directory, "orders", 2, 900, true), (left.Directory, left.Component, left.Files, left.Bytes, left.IsLeft));

        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "kafkafeeder.yaml"), "topics:\n  orders: { topic: t, broker: kafka }\n");
        _watcher.RunOnce(() => { });
        Assert.Empty(_found!.Faults);
        Assert.Empty(_found!.Unclaimed);
    }

    /// <summary>
    /// As the kubelet does it: a new directory, then one link is replaced. The file may have the same time and length.
    /// </summary>
    [Fact]
    public void A_new_version_of_a_ConfigMap_is_read_without_a_signal()
    {
        var logs = _folder.File("logs");
        Version("..v1", "one");
        Directory.CreateSymbolicLink(Path.Combine(logs, "..data"), "..v1");
        File.CreateSymbolicLink(Path.Combine(logs, "kafkafeeder.yaml"), "..data/kafkafeeder.yaml");
        _watcher.RunOnce(() => { });
        Assert.Equal("one", Assert.Single(_found!.Logs).Options.Topic);

        Version("..v2", "two");
        Directory.Delete(Path.Combine(logs, "..data"));
        Directory.CreateSymbolicLink(Path.Combine(logs, "..data"), "..v2");
        Directory.Delete(Path.Combine(logs, "..v1"), recursive: true);
        _watcher.RunOnce(() => { });
        Assert.Equal("two", Assert.Single(_found!.Logs).Options.Topic);
        Assert.Empty(_found!.Faults);
    }

    [Fact]
    public void A_requested_scan_completes_with_the_next_scan_and_a_later_request_is_a_new_one()
    {
        var first = _watcher.ScanNow(forgetParsed: true);
        Assert.False(first.IsCompleted);
        _watcher.RunOnce(() => { });
        Assert.True(first.IsCompleted);
        Assert.False(_watcher.ScanNow(forgetParsed: true).IsCompleted);
    }

    [Fact]
    public void Each_directory_of_a_scan_reports_progress()
    {
        var steps = 0;
        Directory.CreateDirectory(_folder.File("logs/a/b"));
        _watcher.RunOnce(() => steps++);
        Assert.Equal(3, steps);
    }

    private void Version(string name, string topic)
    {
        var path = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder.File("logs"), name)).FullName, "kafkafeeder.yaml");
        File.WriteAllText(path, $"topics:\n  orders: {{ topic: {topic}, broker: kafka, directory: {_folder.Path} }}\n");
        File.SetLastWriteTimeUtc(path, new DateTime(2026, 11, 21, 10, 0, 0, DateTimeKind.Utc));
    }
}
