using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class ConfigurationScanTests
{
    private readonly List<ConfigFault> _faults = [];

    [Fact]
    public void Files_are_found_at_every_depth_and_loops_of_links_end()
    {
        using var folder = new TempFolder();
        Put(folder.Path);
        Put(folder.File("a/b"));
        Directory.CreateSymbolicLink(folder.File("a/loop"), folder.Path);
        Directory.CreateSymbolicLink(folder.File("dangling"), folder.File("nothing"));
        Directory.CreateSymbolicLink(folder.File("self"), folder.File("self"));
        Assert.Equal(["a/b/kafkafeeder.yaml", "kafkafeeder.yaml"], Names(folder, Find(SomeConf.In(folder.Path))));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_link_out_of_log_dir_is_followed_only_to_where_conf_yaml_allows_it()
    {
        using var folder = new TempFolder();
        using var allowed = new TempFolder();
        using var elsewhere = new TempFolder();
        Put(allowed.File("app"));
        Put(elsewhere.Path);
        Directory.CreateSymbolicLink(folder.File("a"), allowed.File("app"));
        Directory.CreateSymbolicLink(folder.File("b"), elsewhere.Path);
        var conf = SomeConf.In(folder.Path);

        var found = Find(conf with { Watcher = conf.Watcher with { AllowDirectories = [allowed.Path] } });

        Assert.Equal([allowed.File("app/kafkafeeder.yaml")], found.Files);
        Assert.Equal($"{folder.File("b")}: is a link to a directory outside log_dir, so the logs there are not shipped; name that "
            + $"directory under watcher.allow_directories of conf.yaml if they should be.", Assert.Single(_faults).ToString());
    }

    [Fact]
    public void Old_versions_of_a_ConfigMap_are_not_found()
    {
        using var folder = new TempFolder();
        Put(folder.File("..2026_11_20"));
        Put(folder.File("..2026_11_21"));
        Directory.CreateSymbolicLink(folder.File("..data"), "..2026_11_21");
        File.CreateSymbolicLink(folder.File("kafkafeeder.yaml"), "..data/kafkafeeder.yaml");
        Assert.Equal([folder.File("kafkafeeder.yaml")], Find(SomeConf.In(folder.Path)).Files);
    }

    [Fact]
    public void Two_thousand_files_are_all_found()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 2000; i++)
        {
            Put(folder.File($"{i / 100}/{i}"));
        }

        Assert.Equal(2000, Find(SomeConf.In(folder.Path)).Files.Count);
    }

    [Fact]
    public void A_file_below_too_many_directories_is_a_fault()
    {
        using var folder = new TempFolder();
        Put(folder.File(string.Join('/', Enumerable.Repeat("d", 20))));
        Assert.Empty(Find(SomeConf.In(folder.Path)).Files);
        Assert.Contains("more than 16 directories below log_dir", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_state_directories_of_the_daemon_are_never_searched()
    {
        using var folder = new TempFolder();
        Put(folder.File("state/checkpoint/rejected/orders-0011"));
        Put(folder.File("state/journal"));
        Directory.CreateDirectory(folder.File("logs"));
        Directory.CreateSymbolicLink(folder.File("logs/theirs"), folder.File("state/checkpoint/rejected/orders-0011"));
        var conf = SomeConf.In(folder.Path) with
        {
            CheckpointDir = folder.File("state/checkpoint"),
            JournalDir = folder.File("state/journal"),
        };

        Assert.Empty(Find(conf with { Watcher = new WatcherOptions { AllowDirectories = ["/"] } }).Files);
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_branch_with_too_many_directories_is_cut_and_its_neighbour_is_searched()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 300; i++)
        {
            Directory.CreateDirectory(folder.File($"a/{i}"));
        }

        Put(folder.File("b/c/d/e"));

        var found = Find(SomeConf.In(folder.Path), new ScanLimits { DirectoriesOfBranch = 100, Directories = 150 });

        Assert.Equal([folder.File("b/c/d/e/kafkafeeder.yaml")], found.Files);
        Assert.Equal([$"{folder.File("a")}: more than 100 directories are below it: the rest is not searched, and keeps its "
            + $"settings."], _faults.Select(f => f.ToString()));
        Assert.True(found.IsUnseen(folder.File("a/299/x")));
        Assert.False(found.IsUnseen(folder.File("b/c")));
    }

    [Fact]
    public void The_limit_of_all_directories_cuts_the_largest_branch()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 100; i++)
        {
            Directory.CreateDirectory(folder.File($"a/{i}"));
        }

        Put(folder.File("b/c/d/e"));

        var found = Find(SomeConf.In(folder.Path), new ScanLimits { Directories = 20 });

        Assert.Equal([folder.File("b/c/d/e/kafkafeeder.yaml")], found.Files);
        Assert.False(found.IsUnseen(folder.File("b/c")));
        Assert.Equal(90, Enumerable.Range(0, 100).Count(i => found.IsUnseen(folder.File($"a/{i}"))), 10d);
    }

    [Fact]
    public void A_directory_that_cannot_be_listed_counts_as_not_seen_with_all_below_it()
    {
        using var folder = new TempFolder();
        Put(folder.File("a/b"));
        var conf = SomeConf.In(folder.Path);
        var territory = Territory.Of(conf, out _);

        // A list of names that is longer than may be looked at is one that cannot be read to its end.
        var found = ConfigurationScan.Find(territory, new ScanLimits { Names = 0 }, _faults, () => { });

        Assert.True(found.IsUnseen(folder.File("a/b")));
        Assert.Contains("keeps its settings", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Components_with_segments_are_found_in_their_directories()
    {
        using var folder = new TempFolder();
        folder.Write("a/20261124_100000_3600_UTC-orders.szn", "");
        folder.Write("a/20261124_110000_3600_UTC-orders.szn", "");
        folder.Write("a/20261124_110000_3600_UTC-bills.szn", "");
        folder.Write("a/no-segment.szn", "");
        folder.Write("a/notes.txt", "");

        var found = Find(SomeConf.In(folder.Path));

        Assert.Equal(folder.File("a"), Assert.Single(found.Components).Key);
        Assert.Equal(["bills", "orders"], found.Components[folder.File("a")].Order());
    }

    private ScanResult Find(FeederOptions conf, ScanLimits? limits = null) =>
        ConfigurationScan.Find(Territory.Of(conf, out _), limits ?? new ScanLimits(), _faults, () => { });

    private static IEnumerable<string> Names(TempFolder folder, ScanResult found) =>
        found.Files.Select(p => Path.GetRelativePath(folder.Path, p));

    private static void Put(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, ConfigurationScan.FileName), "topics: {}\n");
    }
}
