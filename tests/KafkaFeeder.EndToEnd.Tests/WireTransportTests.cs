using System.Globalization;
using System.Text.RegularExpressions;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>The wire transport goes on exactly where it was, whatever happened to the brokers, the topic and the daemon.</summary>
[Collection(ModernCluster.Name)]
public sealed partial class WireTransportTests(ModernClusterFixture fixture) : DaemonTestsBase(fixture)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    /// <summary>What the leader says that it has is not acknowledged: if it dies, the records are not in the topic.</summary>
    [Fact]
    public async Task Records_that_only_a_dead_leader_had_are_sent_again_and_no_others()
    {
        var (cluster, topic) = await TopicAsync("only-leader");
        using var admin = new AdminClientBuilder(cluster.Configure<AdminClientConfig>()).Build();
        var metadata = admin.GetMetadata(topic, TimeSpan.FromSeconds(10));
        var leader = metadata.Topics.Single().Partitions.Single().Leader;
        var followers = new[] { 1, 2, 3 }.Where(node => node != leader).ToList();
        var address = metadata.Brokers.Single(broker => broker.BrokerId == leader);
        using var daemon = new Daemon(cluster, bootstrapServers: $"{address.Host}:{address.Port}");
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 1000);
        await Task.Delay(TimeSpan.FromSeconds(2), TimeProvider.System); // the checkpoint is saved

        await Task.WhenAll(followers.Select(cluster.PauseAsync));
        Daemon.Append(writer, 1001, 500);
        await daemon.UntilAsync(
            async () => await daemon.MetricAsync("kafkafeeder_in_flight_bytes", "orders") > 0, "a batch is on its way to the leader");
        await Task.Delay(TimeSpan.FromMilliseconds(500), TimeProvider.System); // it has it
        await daemon.KillAsync();
        daemon.Start();
        await daemon.UntilAsync(
            () => Regex.IsMatch(daemon.Output, "they have [0-9]+ records after the acknowledged ones"),
            "the leader says that it has the batch",
            Long);
        await cluster.KillAsync(leader);
        await Task.WhenAll(followers.Select(cluster.ResumeAsync));
        Daemon.Append(writer, 1501, 500);
        try
        {
            await daemon.CaughtUpAsync("orders", 1, Long);
        }
        finally
        {
            await cluster.StartNodeAsync(leader);
            await cluster.WaitInSyncAsync();
        }

        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal(Enumerable.Range(1, 2000), cluster.ReadTopic(topic, expected: 2000).Select(r => SequenceOf(r.Text)));
        AssertNoneAnnounced(daemon);
    }

    [Fact]
    public async Task Partitions_that_are_added_while_it_runs_and_while_it_is_down_cause_no_duplicates_and_no_disorder()
    {
        const int Producers = 8;
        var (cluster, topic) = await TopicAsync("added", partitions: 2);
        using var admin = new AdminClientBuilder(cluster.Configure<AdminClientConfig>()).Build();
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        daemon.Start();
        var writer = daemon.Writer("orders");
        var written = 0;
        await AppendAsync(isShipped: true);
        await AddAsync(4);
        await AppendAsync(isShipped: true); // the same file: the partitions that it began with
        await NewFileAsync();
        await AppendAsync(isShipped: true);

        await AppendAsync(isShipped: false);
        await daemon.KillAsync();
        await AddAsync(6);
        await AppendAsync(isShipped: false);
        await NewFileAsync();
        await AppendAsync(isShipped: false);
        daemon.Start();
        try
        {
            await daemon.CaughtUpAsync("orders", 0, TimeSpan.FromSeconds(40));
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException(e.Message + (await daemon.CommandAsync("status", "--json")).Output);
        }

        writer.Dispose();
        Assert.Equal(0, await daemon.StopAsync());

        var records = cluster.ReadTopic(topic, expected: written * Producers);
        AssertNoneAnnounced(daemon);
        Assert.Equal(written * Producers, records.Count);
        Assert.InRange(records.Max(r => r.Partition), 2, 5);
        foreach (var source in records.GroupBy(r => ProducerOf(r.Text)))
        {
            Assert.Equal(Enumerable.Range(1, written), source.Select(r => SequenceOf(r.Text)).Order());
            foreach (var partition in source.GroupBy(r => r.Partition))
            {
                Assert.Equal(partition.Select(r => SequenceOf(r.Text)).Order(), partition.Select(r => SequenceOf(r.Text)));
            }
        }

        async Task AppendAsync(bool isShipped)
        {
            for (var producer = 1; producer <= Producers; producer++)
            {
                Daemon.Append(writer, written + 1, 200, producer);
            }

            written += 200;
            if (isShipped)
            {
                await daemon.CaughtUpAsync("orders", written * Producers, Long);
            }
        }

        Task AddAsync(int partitions) =>
            admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = topic, IncreaseTo = partitions }]);

        async Task NewFileAsync()
        {
            var files = daemon.Segments().Length;
            writer.Dispose();
            await Task.Delay(TimeSpan.FromMilliseconds(1100), TimeProvider.System); // its name has the second
            writer = daemon.Writer("orders");
            Daemon.Append(writer, written + 1, 1);
            written++;
            for (var producer = 2; producer <= Producers; producer++)
            {
                Daemon.Append(writer, written, 1, producer);
            }

            Assert.Equal(files + 1, daemon.Segments().Length);
        }
    }

    [Fact]
    public async Task A_topic_that_is_deleted_and_made_anew_is_told_and_the_log_goes_on()
    {
        var (cluster, topic) = await TopicAsync("anew", partitions: 2);
        using var admin = new AdminClientBuilder(cluster.Configure<AdminClientConfig>()).Build();
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 1000);

        await admin.DeleteTopicsAsync([topic]);
        await Eventually.HoldsAsync(
            () => admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.TrueForAll(known => known.Topic != topic), what: "the topic is gone");
        Daemon.Append(writer, 1001, 500);
        await cluster.CreateTopicAsync(topic, partitions: 2);
        Daemon.Append(writer, 1501, 500);
        await daemon.CaughtUpAsync("orders", 2000, Long);
        Assert.Equal(0, await daemon.StopAsync());

        Assert.Equal(Enumerable.Range(1001, 1000), cluster.ReadTopic(topic, expected: 1000).Select(r => SequenceOf(r.Text)).Order());
        Assert.Contains($"topic {topic} is another one than before", daemon.Output, StringComparison.Ordinal);
        AssertNoneAnnounced(daemon);
    }

    /// <summary>
    /// Brokers forget a producer by the timestamps of its records, at the latest when they start again. Then the ends of the partitions
    /// show what is there.
    /// </summary>
    [Fact]
    public async Task Records_three_days_old_are_not_sent_twice_after_the_daemon_and_all_brokers_were_killed()
    {
        const int Records = 300_000;
        var (cluster, topic) = await TopicAsync("old-records", partitions: 2);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using (var writer = daemon.Writer("orders"))
        {
            Daemon.Append(writer, 1, Records, age: TimeSpan.FromDays(3));
        }

        daemon.Start();
        await daemon.UntilAsync(
            async () => await daemon.MetricAsync("kafkafeeder_shipped_records_total", "orders") > Records / 10, "it ships", Long);
        await Task.WhenAll(cluster.KillAsync(1), cluster.KillAsync(2), cluster.KillAsync(3), daemon.KillAsync());
        await Task.WhenAll(cluster.StartNodeAsync(1), cluster.StartNodeAsync(2), cluster.StartNodeAsync(3));
        Assert.True(cluster.ReadTopic(topic).Count < Records, "all was shipped before the kill, so this proved nothing");
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 1, Long);
        Assert.Equal(0, await daemon.StopAsync());

        Assert.Contains("the ends of the partitions were read", daemon.Output, StringComparison.Ordinal);
        var report = await VerifyAsync(cluster, topic, Records);
        Assert.Equal((0, 0), (report.GetProperty("missing").GetInt64(), report.GetProperty("duplicates").GetInt64()));
        AssertNoneAnnounced(daemon);
    }

    private static void AssertNoneAnnounced(Daemon daemon) =>
        Assert.DoesNotMatch("possible duplicates: [1-9]|client library", daemon.Output);

    private static int ProducerOf(string text) => int.Parse(Producer().Match(text).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex("producer=([0-9]+)")]
    private static partial Regex Producer();
}
