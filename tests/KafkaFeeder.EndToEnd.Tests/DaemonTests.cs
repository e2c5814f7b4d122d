using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>The daemon as a process, on real brokers of both generations.</summary>
/// <param name="fixture">The brokers.</param>
/// <param name="generation">What they are called.</param>
/// <param name="isExact">True if they tell what they have, so that nothing is sent twice.</param>
public abstract class DaemonTests(ClusterFixture fixture, string generation, bool isExact) : DaemonTestsBase(fixture)
{
    private bool IsExact => isExact;

    [Fact]
    public async Task Records_arrive_unchanged_and_in_order_and_a_clean_stop_causes_no_duplicates()
    {
        var (cluster, topic) = await TopicAsync("arrive", partitions: 3);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders", maxSegmentBytes: 200_000);
        for (var producer = 1; producer <= 4; producer++)
        {
            Daemon.Append(writer, 1, 1000, producer);
        }

        daemon.Start();
        await daemon.CaughtUpAsync("orders", 4000);
        Assert.Equal(0, await daemon.StopAsync());

        for (var producer = 1; producer <= 4; producer++)
        {
            Daemon.Append(writer, 1001, 500, producer);
        }

        daemon.Start();
        await daemon.CaughtUpAsync("orders", 2000);
        Assert.Equal(0, await daemon.StopAsync());

        var records = cluster.ReadTopic(topic, expected: 6000);
        Assert.Equal(6000, records.Count);
        foreach (var producer in records.GroupBy(r => Encoding.UTF8.GetString(r.Key!)))
        {
            Assert.Single(producer.Select(r => r.Partition).Distinct());
            Assert.Equal(Enumerable.Range(1, 1500), producer.OrderBy(r => r.Offset).Select(r => SequenceOf(r.Text)));
        }

        Assert.DoesNotContain("possible duplicates: 1", daemon.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Killed_twenty_times_while_shipping_it_leaves_no_hole_and_no_more_duplicates_than_it_announces()
    {
        const int Kills = 20;
        const int Batches = 200;
        const int PerBatch = 2500;
        var (cluster, topic) = await TopicAsync("kills", partitions: 3);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders", interval: TimeSpan.FromSeconds(5), maxSegmentBytes: 8 << 20);
        var written = 0;
        var writing = Task.Run(async () =>
        {
            for (; written < Batches; written++)
            {
                Daemon.Append(writer, 1 + (written * PerBatch), PerBatch);
                await Task.Delay(TimeSpan.FromMilliseconds(150), TimeProvider.System);
            }
        });
        var random = new Random(4711);
        for (var kill = 0; kill < Kills; kill++)
        {
            daemon.Start();
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(200, 2500)), TimeProvider.System);
            await daemon.KillAsync();
        }

        daemon.Start();
        await writing;
        await daemon.UntilAsync(
            async () => await daemon.MetricAsync("kafkafeeder_lag_bytes", "orders") == 0, "all is shipped", TimeSpan.FromMinutes(2));
        var announced = (long)(await daemon.MetricAsync("kafkafeeder_possible_duplicates_total", "orders"))!.Value;
        Assert.Equal(0, await daemon.StopAsync());

        var report = await VerifyAsync(cluster, topic, Batches * PerBatch);
        Assert.Equal(0, report.GetProperty("missing").GetInt64());
        var found = report.GetProperty("duplicates").GetInt64();
        TestContext.Current.SendDiagnosticMessage($"{generation}: {Kills} kills, {found} duplicates, {announced} announced");
        Assert.True(found <= announced, $"{found} duplicates, {announced} were announced. The daemon said:\n{daemon.Output}");
        if (IsExact)
        {
            Assert.Equal((0, 0), (found, announced));
            Assert.Contains("after the acknowledged ones", daemon.Output, StringComparison.Ordinal); // else no kill caught anything
        }
        else
        {
            Assert.True(announced > 0, "no kill caught anything on its way: this proves nothing");
        }
    }

    [Fact]
    public async Task A_clean_stop_while_shipping_causes_no_duplicates()
    {
        const int Records = 300_000;
        var (cluster, topic) = await TopicAsync("stops", partitions: 3);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, Records);
        for (var stop = 0; stop < 3; stop++)
        {
            daemon.Start();
            await daemon.UntilAsync(
                async () => await daemon.MetricAsync("kafkafeeder_shipped_records_total", "orders") > 10_000, "something is shipped");
            Assert.Equal(0, await daemon.StopAsync());
        }

        daemon.Start();
        await daemon.UntilAsync(async () => await daemon.MetricAsync("kafkafeeder_lag_bytes", "orders") == 0, "all is shipped");
        Assert.Equal(0, await daemon.StopAsync());
        var report = await VerifyAsync(cluster, topic, Records);
        Assert.Equal((0, 0), (report.GetProperty("missing").GetInt64(), report.GetProperty("duplicates").GetInt64()));
    }

    [Fact]
    public async Task With_drain_on_stop_everything_written_before_the_stop_is_shipped()
    {
        const int Rounds = 5;
        const int PerRound = 40_000;
        var (cluster, topic) = await TopicAsync("drains", partitions: 3);
        using var daemon = new Daemon(cluster, "shipper: { drain_on_stop: true }");
        daemon.Configure("orders", topic);
        for (var round = 0; round < Rounds; round++)
        {
            daemon.Start();
            await daemon.UntilAsync(() => daemon.Output.Split("started: ").Length > round + 1, "it has started");
            using (var writer = daemon.Writer("orders"))
            {
                Daemon.Append(writer, 1 + (round * PerRound), PerRound); // and the application ends, as in a pod before its sidecar
            }

            Assert.Equal(0, await daemon.StopAsync());
            Assert.EndsWith("; bytes left to ship: 0", daemon.Output.TrimEnd(), StringComparison.Ordinal);
        }

        var report = await VerifyAsync(cluster, topic, Rounds * PerRound);
        Assert.Equal((0, 0), (report.GetProperty("missing").GetInt64(), report.GetProperty("duplicates").GetInt64()));
    }

    [Fact]
    public async Task A_torn_tail_is_reported_and_never_shipped_and_the_next_segment_follows()
    {
        var (cluster, topic) = await TopicAsync("torn");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using (var first = daemon.Writer("orders"))
        {
            Daemon.Append(first, 1, 100);
            Daemon.Append(first, 101, 100); // this batch will be torn
        }

        var segment = daemon.Segments().Single();
        using (var file = File.OpenWrite(segment))
        {
            file.SetLength(file.Length - 7);
        }

        using var second = daemon.Writer("orders");
        Daemon.Append(second, 201, 100);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 200);
        Assert.Contains("torn tail", daemon.Output, StringComparison.Ordinal);
        Assert.True(await daemon.MetricAsync("kafkafeeder_torn_bytes_total", "orders") > 0);
        Assert.Contains("\"kind\":\"torn\"", daemon.Ledger(), StringComparison.Ordinal);
        Assert.Equal(
            [.. Enumerable.Range(1, 100), .. Enumerable.Range(201, 100)],
            cluster.ReadTopic(topic, expected: 200).Select(r => SequenceOf(r.Text)));
    }

    [Fact]
    public async Task Only_segments_that_are_shipped_and_old_enough_are_deleted()
    {
        var (cluster, topic) = await TopicAsync("clean");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic, "retention: 2s");
        using (var old = daemon.Writer("orders"))
        {
            Daemon.Append(old, 1, 100);
        }

        using var live = daemon.Writer("orders");
        Daemon.Append(live, 101, 100);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 200);
        await daemon.UntilAsync(() => daemon.Segments().Length == 1, "the segment without a writer is deleted");
        await Task.Delay(TimeSpan.FromSeconds(4), TimeProvider.System);
        Assert.Single(daemon.Segments());
        Assert.Contains("Deleted ", daemon.Output, StringComparison.Ordinal);
    }
}

/// <summary>The tests for both generations, on a modern cluster.</summary>
[Collection(ModernCluster.Name)]
public sealed class ModernDaemonTests(ModernClusterFixture fixture) : DaemonTests(fixture, "modern", isExact: true);

/// <summary>The tests for both generations, on Kafka 0.9.</summary>
[Collection(OldCluster.Name)]
public sealed class OldDaemonTests(OldClusterFixture fixture) : DaemonTests(fixture, "old", isExact: false);
