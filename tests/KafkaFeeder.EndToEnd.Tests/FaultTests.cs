using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>Brokers that die, freeze, are away, refuse; configurations that are broken.</summary>
[Collection(ModernCluster.Name)]
public sealed class FaultTests(ModernClusterFixture fixture) : DaemonTestsBase(fixture)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Brokers_killed_and_frozen_one_after_the_other_cause_no_loss_and_no_duplicates()
    {
        const int Batches = 300;
        const int PerBatch = 500;
        var (cluster, topic) = await TopicAsync("brokers", partitions: 3);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders", interval: TimeSpan.FromSeconds(5));
        daemon.Start();
        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < Batches; i++)
            {
                Daemon.Append(writer, 1 + (i * PerBatch), PerBatch);
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        });
        foreach (var node in (int[])[1, 2, 3])
        {
            await cluster.KillAsync(node);
            await Task.Delay(TimeSpan.FromSeconds(3), TimeProvider.System);
            await cluster.StartNodeAsync(node);
            await cluster.WaitInSyncAsync();
        }

        await cluster.PauseAsync(1);
        await Task.Delay(TimeSpan.FromSeconds(12), TimeProvider.System);
        await cluster.ResumeAsync(1);
        await cluster.WaitInSyncAsync();

        await writing;
        await daemon.CaughtUpAsync("orders", Batches * PerBatch, Long);
        var announced = (long)(await daemon.MetricAsync("kafkafeeder_possible_duplicates_total", "orders"))!.Value;
        Assert.Equal(0, await daemon.StopAsync());
        var report = await VerifyAsync(cluster, topic, Batches * PerBatch);
        Assert.Equal(0, report.GetProperty("missing").GetInt64());
        Assert.True(
            report.GetProperty("duplicates").GetInt64() <= announced,
            $"{report.GetProperty("duplicates")} duplicates, {announced} announced:\n{daemon.Output}");
        Assert.True(announced > 0 || report.GetProperty("outOfOrder").GetInt64() == 0, $"out of order: {report}");
    }

    [Fact]
    public async Task With_all_brokers_away_for_a_minute_no_record_is_lost_and_memory_does_not_grow()
    {
        const int PerStep = 50_000;
        var minute = TimeSpan.FromSeconds(60);
        var (cluster, topic) = await TopicAsync("away", partitions: 3);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        await AllAsync(cluster.KillAsync);
        daemon.Start();
        var growth = await GrowthAsync(writer, 1);
        await AllAsync(cluster.StartNodeAsync);
        await daemon.CaughtUpAsync("orders", 6 * PerStep, Long);

        await AllAsync(cluster.KillAsync);
        growth = Math.Max(growth, await GrowthAsync(writer, 1 + (6 * PerStep)));
        await AllAsync(cluster.StartNodeAsync);
        await daemon.CaughtUpAsync("orders", 12 * PerStep, Long);
        await cluster.WaitInSyncAsync();

        Assert.Equal(0, await daemon.StopAsync());
        var report = await VerifyAsync(cluster, topic, 12 * PerStep);
        Assert.Equal(0, report.GetProperty("missing").GetInt64());
        TestContext.Current.SendDiagnosticMessage($"grew by {growth >> 20} MiB within a minute of all brokers away");
        Assert.True(growth < 64 << 20, $"resident memory grew by {growth >> 20} MiB while the backlog did");

        async Task AllAsync(Func<int, Task> what) => await Task.WhenAll(what(1), what(2), what(3));

        // From ten seconds on, when the bytes in flight have reached their limit, to the end of the minute.
        async Task<long> GrowthAsync(LogWriter to, int first)
        {
            long? before = null;
            for (var step = 0; step < 6; step++)
            {
                Daemon.Append(to, first + (step * PerStep), PerStep);
                await Task.Delay(minute / 6, TimeProvider.System);
                before ??= daemon.ResidentBytes;
            }

            return daemon.ResidentBytes - before!.Value;
        }
    }

    [Fact]
    public async Task A_refused_record_goes_to_quarantine_and_the_records_around_it_arrive()
    {
        var (cluster, topic) = await TopicAsync("refused", configs: new Dictionary<string, string> { ["max.message.bytes"] = "50000" });
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using (var writer = daemon.Writer("orders"))
        {
            for (var n = 1; n <= 500; n++)
            {
                writer.Append(
                    new NewRecord(
                        TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(),
                        Encoding.UTF8.GetBytes($"seq={n} {new string('x', n == 77 ? 60_000 : 50)}")));
            }
        }

        daemon.Start();
        await daemon.CaughtUpAsync("orders", 499, Long);
        Assert.Equal(
            Enumerable.Range(1, 500).Where(n => n != 77), cluster.ReadTopic(topic, expected: 499).Select(r => SequenceOf(r.Text)).Order());
        Assert.Equal(1, await daemon.MetricAsync("kafkafeeder_rejected_records_total", "orders"));
        Assert.Contains("offset 76: MessageTooLarge", daemon.Ledger(), StringComparison.Ordinal);
        Assert.Equal(0, await daemon.StopAsync());
        var rejected = Directory.GetFiles(Path.Combine(daemon.StateDir, "rejected"), "*.szn", SearchOption.AllDirectories).Single();
        using var reader = SegmentReader.Open(rejected);
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        Assert.Equal(77, SequenceOfFirst(reader));
    }

    [Fact]
    public async Task A_topic_that_takes_only_small_requests_gets_small_ones_and_nothing_goes_to_quarantine()
    {
        const int Records = 20_000;
        var (cluster, topic) =
            await TopicAsync("small-requests", configs: new Dictionary<string, string> { ["max.message.bytes"] = "20000" });
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using (var writer = daemon.Writer("orders"))
        {
            Daemon.Append(writer, 1, Records);
        }

        daemon.Start();
        await daemon.CaughtUpAsync("orders", Records, Long);
        Assert.Contains("smaller ones are sent", daemon.Output, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.MetricAsync("kafkafeeder_rejected_records_total", "orders"));
        Assert.Equal(0, await daemon.StopAsync());
        var report = await VerifyAsync(cluster, topic, Records);
        Assert.Equal((0, 0), (Number(report, "missing"), Number(report, "duplicates")));
    }

    [Fact]
    public async Task A_log_without_keys_is_held_by_a_compacted_topic_and_nothing_goes_to_quarantine()
    {
        var (cluster, topic) = await TopicAsync("compacted", configs: new Dictionary<string, string> { ["cleanup.policy"] = "compact" });
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using (var writer = daemon.Writer("orders"))
        {
            for (var n = 1; n <= 500; n++)
            {
                writer.Append(new NewRecord(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds(), Encoding.UTF8.GetBytes($"seq={n}")));
            }
        }

        daemon.Start();
        await daemon.UntilAsync(
            async () => (await daemon.CommandAsync("status")).Output.Contains(
                "in a row are refused", StringComparison.Ordinal), "the status says that the topic takes nothing", Long);
        Assert.Equal(0, await daemon.MetricAsync("kafkafeeder_rejected_records_total", "orders"));
        Assert.Empty(daemon.Ledger());
        Assert.Equal(0, await daemon.StopAsync());
    }

    /// <summary>
    /// With <c>ack: 1</c> there is no idempotent producer: an answer that is lost means that a request is sent again, and may be
    /// stored twice.
    /// </summary>
    [Fact]
    public async Task Without_idempotence_lost_answers_cause_no_more_duplicates_than_announced()
    {
        const int PerRound = 100_000;
        var (cluster, topic) = await TopicAsync("lost-answers");
        using var daemon = new Daemon(cluster);
        daemon.ConfigureFile($"topics:\n  orders: {{ topic: {topic}, broker: kafka, ack: 1 }}\n");
        using var writer = daemon.Writer("orders");
        daemon.Start();
        var records = 0;
        for (var round = 0; round < 40 && (await daemon.MetricAsync("kafkafeeder_possible_duplicates_total", "orders") ?? 0) == 0; round++)
        {
            Daemon.Append(writer, 1 + records, PerRound);
            records += PerRound;
            for (var i = 0; i < 3; i++)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(200 + (round * 7)), TimeProvider.System); // it connects again
                await daemon.BreakConnectionsAsync(); // at one of these moments a request is in flight
            }
        }

        await daemon.CaughtUpAsync("orders", records, Long);
        var announced = (long)(await daemon.MetricAsync("kafkafeeder_possible_duplicates_total", "orders"))!.Value;
        Assert.Equal(0, await daemon.StopAsync());
        var report = await VerifyAsync(cluster, topic, records);
        Assert.Equal(0, Number(report, "missing"));
        Assert.True(
            Number(report, "duplicates") <= announced,
            $"{Number(report, "duplicates")} duplicates, {announced} announced:\n{daemon.Output}");
        Assert.True(announced > 0, $"no answer was lost, so this proved nothing:\n{daemon.Output}");
    }

    [Fact]
    public async Task A_missing_topic_holds_only_its_own_log_until_it_exists()
    {
        var (cluster, topic) = await TopicAsync("present");
        using var daemon = new Daemon(cluster);
        daemon.ConfigureFile(
            $"topics:\n  orders: {{ topic: {topic}, broker: kafka }}\n  bills: {{ topic: daemon-absent, broker: kafka }}\n");
        using var orders = daemon.Writer("orders");
        using var bills = daemon.Writer("bills");
        Daemon.Append(bills, 1, 100);
        Daemon.Append(orders, 1, 100);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 100);
        await daemon.UntilAsync(
            async () => (await daemon.CommandAsync("status")).Output.Contains("UnknownTopic", StringComparison.OrdinalIgnoreCase),
            "the status names the missing topic",
            Long);
        Assert.Equal(1, (await daemon.CommandAsync("status")).ExitCode);
        await cluster.CreateTopicAsync("daemon-absent");
        await daemon.CaughtUpAsync("bills", 100, Long);
        Assert.Equal(100, cluster.ReadTopic("daemon-absent", expected: 100).Count);
    }

    [Fact]
    public async Task Each_broken_configuration_is_one_line_and_other_logs_continue()
    {
        var (cluster, topic) = await TopicAsync("config");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        daemon.ConfigureFile("topics:\n  a: { topic: [x, broker: kafka }\n", "broken");
        daemon.ConfigureFile($"topics:\n  b:\n    topic: {topic}\n    broker: kafka\n    retentoin: 1h\n", "unknown-key");
        daemon.ConfigureFile($"topics:\n  c:\n    topic: {topic}\n    broker: elsewhere\n", "no-group");
        daemon.ConfigureFile($"directory: {daemon.ConfPath}\ntopics:\n  d: {{ topic: {topic}, broker: kafka }}\n", "no-directory");
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 100);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 100);
        await daemon.UntilAsync(
            () => daemon.Output.Contains("conf.yaml", StringComparison.Ordinal) && daemon.Output.Contains("d: ", StringComparison.Ordinal),
            "the unusable directory is told");
        var lines = daemon.Output.Split('\n');
        Assert.Single(lines, l => l.Contains("broken/kafkafeeder.yaml:2", StringComparison.Ordinal));
        Assert.Single(lines, l => l.Contains("unknown-key/kafkafeeder.yaml:5: topics.b.retentoin", StringComparison.Ordinal));
        Assert.Single(lines, l => l.Contains("no-group/kafkafeeder.yaml:4: topics.c.broker", StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", daemon.Output, StringComparison.Ordinal);

        var check = await daemon.CommandAsync("check");
        Assert.Equal(1, check.ExitCode);
        Assert.Contains("unknown-key/kafkafeeder.yaml:5: topics.b.retentoin", check.Errors, StringComparison.Ordinal);

        daemon.ConfigureFile($"topics:\n  b: {{ topic: {topic}, broker: kafka }}\n", "unknown-key");
        using var repaired = daemon.Writer("b", "unknown-key");
        Daemon.Append(repaired, 1, 50, producer: 2);
        await daemon.CaughtUpAsync("b", 50);
    }

    [Fact]
    public async Task New_settings_change_only_their_own_log_and_cause_no_duplicates()
    {
        var (cluster, topic) = await TopicAsync("before");
        var (_, other) = await TopicAsync("after");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 1000);
        daemon.Configure("orders", other);
        daemon.Reload();
        await daemon.UntilAsync(() => daemon.Output.Contains("has new settings", StringComparison.Ordinal), "the new topic is taken");
        Daemon.Append(writer, 1001, 1000);
        await daemon.CaughtUpAsync("orders", 1000);
        Assert.Equal(Enumerable.Range(1, 1000), cluster.ReadTopic(topic, expected: 1000).Select(r => SequenceOf(r.Text)));
        Assert.Equal(Enumerable.Range(1001, 1000), cluster.ReadTopic(other, expected: 1000).Select(r => SequenceOf(r.Text)));
    }

    [Fact]
    public async Task Drain_ships_everything_and_a_second_daemon_is_refused()
    {
        var (cluster, topic) = await TopicAsync("drain");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        Assert.Equal(3, (await daemon.CommandAsync("status")).ExitCode);
        var drain = await daemon.CommandAsync("drain");
        Assert.True(drain.ExitCode == 0, drain.Errors);
        Assert.Equal(1000, cluster.ReadTopic(topic, expected: 1000).Count);

        daemon.Start();
        await daemon.CaughtUpAsync("orders", 0);
        var second = await daemon.CommandAsync("run");
        Assert.Equal(75, second.ExitCode);
        Assert.Contains("Another kafkafeeder uses", second.Errors, StringComparison.Ordinal);
        Assert.Equal(0, (await daemon.CommandAsync("status")).ExitCode);
        Assert.Equal((200, "ok\n"), await daemon.GetAsync("/healthz"));
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal(1000, cluster.ReadTopic(topic).Count);
    }

    [Fact]
    public async Task Drain_without_brokers_says_what_is_left()
    {
        var (cluster, _) = await TopicAsync("left");
        using var daemon = new Daemon(cluster, "127.0.0.1:1", "shipper: { drain_timeout: 1s }");
        daemon.Configure("orders", "daemon-left");
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 10);
        var drain = await daemon.CommandAsync("drain", "--timeout", "3");
        Assert.Equal(4, drain.ExitCode);
        Assert.Contains("left: orders", drain.Errors, StringComparison.Ordinal);
    }

    private static int SequenceOfFirst(SegmentReader reader)
    {
        var records = new RecordBatchDecoder().Decode(reader.Batch.Span);
        Assert.True(records.MoveNext());
        return SequenceOf(Encoding.UTF8.GetString(records.Current.Value));
    }

    private static long Number(System.Text.Json.JsonElement report, string name) => report.GetProperty(name).GetInt64();
}
