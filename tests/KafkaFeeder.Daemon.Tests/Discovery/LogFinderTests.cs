using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

/// <summary>From directories on a disk to logs, faults and unclaimed segments.</summary>
public sealed class LogFinderTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FeederOptions _conf;
    private readonly LogFinder _finder;

    public LogFinderTests()
    {
        Directory.CreateDirectory(_folder.File("logs"));
        _conf = SomeConf.In(_folder.File("logs"));
        _finder = new LogFinder(_conf, Authority.Of(_conf), new ScanLimits());
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_misspelt_component_leaves_unclaimed_segments_and_the_closest_entry_is_suggested()
    {
        _folder.Write("logs/a/kafkafeeder.yaml", "topics: { order: { topic: t, broker: kafka }, bills: { topic: t, broker: kafka } }\n");
        Segment("a", 10, "orders", 1000);
        Segment("a", 11, "orders", 500);
        Segment("a", 10, "bills", 100);

        Assert.Equal(
            [$"unclaimed segments: 2 files, 1.5 kB of component orders in {_folder.File("logs/a")} (did you mean order?)"],
            _finder.Find(() => { }).Unclaimed.Select(u => u.ToString()));
    }

    [Fact]
    public void Segments_without_a_valid_entry_are_unclaimed()
    {
        Segment("none", 10, "x", 1);
        Segment("removed", 10, "y", 1);
        Segment("broken", 10, "z", 1);
        var removed = _folder.Write("logs/removed/kafkafeeder.yaml", "topics: { y: { topic: t, broker: kafka } }\n");
        _folder.Write("logs/broken/kafkafeeder.yaml", "topics: { z: { topic: t } }\n");
        Assert.Equal(["z", "x"], _finder.Find(() => { }).Unclaimed.Select(u => u.Component));

        File.WriteAllText(removed, "topics: { other: { topic: t, broker: kafka } }\n");
        Assert.Equal(["z", "x", "y"], _finder.Find(() => { }).Unclaimed.Select(u => u.Component));
    }

    [Fact]
    public void A_missing_log_dir_keeps_the_logs_and_is_a_fault()
    {
        _folder.Write("logs/a/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka } }\n");
        Assert.Single(_finder.Find(() => { }).Logs);
        Directory.Move(_folder.File("logs"), _folder.File("moved"));

        var found = _finder.Find(() => { });

        Assert.Single(found.Logs);
        Assert.Equal($"{_folder.File("logs")}: this log_dir does not exist; logs below it are found when it "
            + $"does.", Assert.Single(found.Faults).ToString());
    }

    [Fact]
    public void Many_faults_in_one_directory_do_not_hide_those_in_another()
    {
        for (var file = 0; file < 30; file++)
        {
            _folder.Write(
                $"logs/a/{file}/kafkafeeder.yaml", "topics:\n" + string.Concat(Enumerable.Range(0, 50).Select(i => $"  c{i}: {{ }}\n")));
        }

        _folder.Write("logs/b/kafkafeeder.yaml", "topics: { orders: { topic: t } }\n");

        var faults = _finder.Find(() => { }).Faults;

        Assert.InRange(faults.Count, 3, FaultDigest.MaxOfBranch + 3);
        Assert.Single(faults, f => f.File == _folder.File("logs/b/kafkafeeder.yaml"));
        Assert.Contains(faults, f => f.ToString() == $"{_folder.File("logs/a")}: there are more faults in and below this directory than "
            + $"are listed; repair those first.");
    }

    private void Segment(string directory, int hour, string component, int bytes) =>
        _folder.Write($"logs/{directory}/20261124_{hour}0000_3600_UTC-{component}.szn", new string('x', bytes));
}
