using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Discovery;

public sealed class ConfigurationScanTests
{
    private readonly List<ConfigFault> _faults = [];

    [Fact]
    public void Files_are_found_at_every_depth_and_through_links_and_loops_end()
    {
        using var folder = new TempFolder();
        using var elsewhere = new TempFolder();
        Put(folder.Path);
        Put(folder.File("a/b"));
        Put(elsewhere.Path);
        Directory.CreateSymbolicLink(folder.File("z-link"), elsewhere.Path);
        Directory.CreateSymbolicLink(folder.File("a/loop"), folder.Path);
        Directory.CreateSymbolicLink(folder.File("dangling"), folder.File("nothing"));
        Assert.Equal(["a/b/kafkafeeder.yaml", "kafkafeeder.yaml", "z-link/kafkafeeder.yaml"], ConfigurationScan.Find(folder.Path, _faults).Select(p => Path.GetRelativePath(folder.Path, p)).Order(StringComparer.Ordinal));
        Assert.Empty(_faults);
    }

    [Fact]
    public void A_ConfigMap_is_one_file_however_many_versions_lie_beside_it()
    {
        using var folder = new TempFolder();
        Put(folder.File("..2026_11_20"));
        Put(folder.File("..2026_11_21"));
        Directory.CreateSymbolicLink(folder.File("..data"), "..2026_11_21");
        File.CreateSymbolicLink(folder.File("kafkafeeder.yaml"), "..data/kafkafeeder.yaml");
        Assert.Equal([folder.File("kafkafeeder.yaml")], ConfigurationScan.Find(folder.Path, _faults));
    }

    [Fact]
    public void Two_thousand_of_them_are_all_found()
    {
        using var folder = new TempFolder();
        for (var i = 0; i < 2000; i++)
        {
            Put(folder.File($"{i / 100}/{i}"));
        }

        Assert.Equal(2000, ConfigurationScan.Find(folder.Path, _faults).Count);
    }

    [Fact]
    public void What_lies_too_deep_is_told()
    {
        using var folder = new TempFolder();
        Put(folder.File(string.Join('/', Enumerable.Repeat("d", 20))));
        Assert.Empty(ConfigurationScan.Find(folder.Path, _faults));
        Assert.Contains("more than 16 directories below log_dir", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_log_dir_that_is_not_there_is_told()
    {
        Assert.Empty(ConfigurationScan.Find("/nonexistent/logs", _faults));
        Assert.Contains("does not exist", Assert.Single(_faults).ToString(), StringComparison.Ordinal);
    }

    private static void Put(string directory)
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, ConfigurationScan.FileName), "topics: {}\n");
    }
}
