using System.Globalization;
using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>What the daemon sends to a service manager from start to stop, over a real socket.</summary>
[Collection(ModernCluster.Name)]
public sealed class ServiceManagerTests(ModernClusterFixture fixture) : DaemonTestsBase(fixture)
{
    [Fact]
    public async Task The_service_manager_is_notified_from_start_to_stop_and_unreachable_brokers_do_not_count_as_stalled()
    {
        var (cluster, topic) = await TopicAsync("systemd");
        using var manager = new ServiceManager(TimeSpan.FromSeconds(8));
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);

        daemon.Start(manager.Environment);
        await daemon.UntilAsync(() => manager.Count("READY=1") == 1, "it is ready");
        await daemon.UntilAsync(() => manager.Status == "STATUS=1 log, all shipped", "all is shipped, and said to be");

        foreach (var node in (int[])[1, 2, 3])
        {
            await cluster.KillAsync(node);
        }

        Daemon.Append(writer, 1001, 1000);
        await daemon.UntilAsync(
            () => manager.Status.Contains("; orders retrying: ", StringComparison.Ordinal), "it says that it cannot ship");
        var before = manager.Count("WATCHDOG=1");
        await daemon.UntilAsync(() => manager.Count("WATCHDOG=1") >= before + 6, "the watchdog is fed for three times its limit");
        Assert.Contains("lag 1", manager.Status, StringComparison.Ordinal);
        Assert.InRange(manager.LongestSilence(), TimeSpan.Zero, manager.Watchdog);
        foreach (var node in (int[])[1, 2, 3])
        {
            await cluster.StartNodeAsync(node);
        }

        await daemon.UntilAsync(() => manager.Status == "STATUS=1 log, all shipped", "all is shipped again", TimeSpan.FromMinutes(2));

        var from = Microseconds();
        daemon.Reload();
        await daemon.UntilAsync(() => manager.Count("READY=1") == 2, "it has reloaded");
        var reloading = manager.Messages.Single(m => m.Text.StartsWith("RELOADING=1\n", StringComparison.Ordinal));
        Assert.InRange(long.Parse(reloading.Text.Split("\nMONOTONIC_USEC=")[1], CultureInfo.InvariantCulture), from, Microseconds());
        Assert.True(reloading.At < manager.Messages.Last(m => m.Text == "READY=1").At);

        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal(1, manager.Count("STOPPING=1\nEXTEND_TIMEOUT_USEC=45000000"));
        Assert.DoesNotContain(
            manager.Messages.SkipWhile(m => !m.Text.StartsWith("STOPPING=1", StringComparison.Ordinal)), m => m.Text == "READY=1");
        await cluster.WaitInSyncAsync();
    }

    /// <summary>
    /// The loops write to the log, and the log is a pipe that nobody reads: when it is full, the watcher blocks in the middle
    /// of a turn, in the kernel, as it would on a disk that does not answer.
    /// </summary>
    [Fact]
    public async Task The_watchdog_is_not_notified_while_a_loop_is_stalled_and_is_again_when_it_continues()
    {
        const int MoreThanAPipeHolds = 100; // lines of a kilobyte; not more are logged after one search
        var longName = string.Join('/', Enumerable.Repeat(new string('d', 200), 4));
        var (cluster, topic) = await TopicAsync("hangs");
        using var manager = new ServiceManager(TimeSpan.FromSeconds(4));
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        daemon.Start(manager.Environment, isHeard: false);
        await daemon.UntilAsync(
            () => manager.Count("READY=1") == 1 && manager.Count("WATCHDOG=1") > 1, "it is ready and the watchdog is fed");

        var faults = new StringBuilder("topics:\n");
        for (var i = 0; i < MoreThanAPipeHolds; i++)
        {
            faults.Append(
                CultureInfo.InvariantCulture, $"  component-{i}: {{ topic: t, broker: a-group-that-conf-yaml-does-not-have-{i} }}\n");
        }

        daemon.ConfigureFile(faults.ToString(), longName);
        daemon.Reload();
        await daemon.UntilAsync(
            () => manager.Status.StartsWith("STATUS=stalled: the watcher, no progress for ", StringComparison.Ordinal),
            "it says that the watcher is stalled");
        var fed = manager.Count("WATCHDOG=1");
        await Task.Delay(manager.Watchdog * 3, TimeProvider.System);
        Assert.Equal(fed, manager.Count("WATCHDOG=1"));
        Assert.True(manager.LongestSilence() > manager.Watchdog);
        Assert.Equal(1, manager.Count("READY=1"));

        daemon.Hear();
        await daemon.UntilAsync(() => manager.Count("WATCHDOG=1") > fed + 1 && manager.Count("READY=1") == 2, "it goes on");
        await daemon.UntilAsync(
            () => manager.Status.EndsWith($"{MoreThanAPipeHolds} faults in kafkafeeder.yaml files", StringComparison.Ordinal),
            "it says how it goes");
        Assert.Contains("Stalled: the watcher has made no progress for ", daemon.Output, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
    }

    private static long Microseconds() =>
        (long)((Int128)TimeProvider.System.GetTimestamp() * 1_000_000 / TimeProvider.System.TimestampFrequency);
}
