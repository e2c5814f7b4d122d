using System.Text.Json;
using Confluent.Kafka;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary><c>hole-checker verify</c> as a process, on topics whose holes, duplicates and disorder are known.</summary>
public abstract class HoleCheckerTests(ClusterFixture fixture)
{
    private static readonly string Program = TestRun.ProgramPath("tools/hole-checker", "hole-checker");

    [Fact]
    public async Task A_topic_without_holes_is_exit_code_0()
    {
        var topic = await ProduceAsync("whole", partitions: 3, Numbered("r", 1, Enumerable.Range(1, 5000)));

        var run = await VerifyAsync(topic, "--expect", "5000");

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.EndsWith("no holes: 5,000 messages, 5,000 expected; 0 duplicates, 0 out of order\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Known_holes_duplicates_and_disorder_are_reported()
    {
        var first = Enumerable.Range(1, 1000).Where(n => n is not (17 or 18 or 500)).Append(20).Append(21).Append(18);
        var topic =
            await ProduceAsync("holes", partitions: 1, [.. Numbered("r", 1, first), .. Numbered("r", 2, [1, 2, 3]), "something else"]);

        var run = await VerifyAsync(topic, "--json");

        Assert.Equal((1, ""), (run.ExitCode, run.Errors));
        var report = JsonDocument.Parse(run.Output).RootElement;
        Assert.False(report.GetProperty("whole").GetBoolean());
        Assert.Equal(1, report.GetProperty("foreign").GetInt64());
        var producers = report.GetProperty("producers");
        Assert.Equal(2, producers.GetArrayLength());
        Assert.Equal("[[17,17],[500,500]]", JsonSerializer.Serialize(producers[0].GetProperty("holes")));
        Assert.Equal(
            (1000, 998, 1000, 2, 2, 1),
            (Number("received"), Number("distinct"), Number("highest"), Number("missing"), Number("duplicates"), Number("outOfOrder")));
        Assert.Equal(0, producers[1].GetProperty("missing").GetInt64());

        long Number(string name) => producers[0].GetProperty(name).GetInt64();
    }

    [Fact]
    public async Task Duplicates_are_exit_code_1_if_none_are_allowed()
    {
        var topic = await ProduceAsync("twice", partitions: 1, Numbered("r", 1, [1, 2, 3, 2]));

        Assert.Equal(0, (await VerifyAsync(topic, "--expect", "3")).ExitCode);
        var run = await VerifyAsync(topic, "--expect", "3", "--no-duplicates");

        Assert.Equal((1, ""), (run.ExitCode, run.Errors));
        Assert.Contains("partition 0 offset 3: run r producer 1 number 2\n", run.Output, StringComparison.Ordinal);
        Assert.EndsWith(
            "DUPLICATES: 1 duplicate, 0 out of order; no holes: 3 messages, 3 expected\n", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_waits_for_the_expected_number_and_exits_with_1()
    {
        var topic = await ProduceAsync("short", partitions: 1, Numbered("r", 1, Enumerable.Range(1, 10)));

        var run = await VerifyAsync(topic, "--expect", "12", "--idle-timeout", "1s");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("HOLES: 2 of 12 messages missing (2 of them after the last that came)", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_that_arrive_while_it_waits_are_read()
    {
        var topic = await ProduceAsync("late", partitions: 2, Numbered("r", 1, Enumerable.Range(1, 10)));

        var verifying = VerifyAsync(topic, "--expect", "20", "--idle-timeout", "60s");
        await ProduceToAsync(topic, Numbered("r", 1, Enumerable.Range(11, 10)));

        Assert.Equal(0, (await verifying).ExitCode);
    }

    [Fact]
    public async Task Numbers_of_other_programs_are_read_by_a_pattern()
    {
        var topic = await ProduceAsync("pattern", partitions: 1, ["web1 n=1", "web1 n=3", "web2 n=1"]);

        var run = await VerifyAsync(topic, "--pattern", @"^(?<producer>\w+) n=(?<seq>\d+)");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("producer web1: 2 received, 2 distinct, 1 missing", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_topic_without_numbers_is_reported_as_not_checked()
    {
        var topic = await ProduceAsync("numberless", partitions: 1, ["a", "b"]);

        var run = await VerifyAsync(topic);

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("holds no numbered message among its 2", OneLine(run.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_topic_is_reported_as_not_checked_and_is_not_created()
    {
        foreach (var attempt in new[] { 1, 2 })
        {
            var run = await VerifyAsync("no-such-topic");
            Assert.Equal((attempt, 2, ""), (attempt, run.ExitCode, run.Output));
            Assert.Contains("There is no topic no-such-topic", OneLine(run.Errors), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_unreachable_broker_is_reported_within_the_time_limit()
    {
        var run = await ProgramRun.RunAsync(
            Program, ["verify", "--bootstrap-server", "127.0.0.1:1", "--topic", "t", "--connect-timeout", "1s"], TimeSpan.FromSeconds(20));

        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains("No broker of 127.0.0.1:1 answered within 1 s", OneLine(run.Errors), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Records_come_back_as_they_were_sent()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync("contents");
        using (var producer = new ProducerBuilder<byte[]?, byte[]?>(cluster.Configure<ProducerConfig>()).Build())
        {
            await producer.ProduceAsync("contents", new Message<byte[]?, byte[]?> { Key = "k"u8.ToArray(), Value = "v"u8.ToArray() });
            await producer.ProduceAsync("contents", new Message<byte[]?, byte[]?> { Key = null, Value = [] });
            await producer.ProduceAsync("contents", new Message<byte[]?, byte[]?> { Key = [], Value = null });
        }

        var records = cluster.ReadTopic("contents", expected: 3);

        Assert.Equal([0L, 1, 2], records.Select(record => record.Offset));
        Assert.Equal(["k"u8.ToArray(), null, []], records.Select(record => record.Key));
        Assert.Equal(["v"u8.ToArray(), [], null], records.Select(record => record.Value));
    }

    protected static IEnumerable<string> Numbered(string run, int producer, IEnumerable<int> sequences) =>
        sequences.Select(sequence => $"{{\"@m\":\"run={run} producer={producer} seq={sequence}\"}}");

    protected static string OneLine(string text)
    {
        Assert.Equal(text.Length - 1, text.IndexOf('\n', StringComparison.Ordinal));
        return text;
    }

    private async Task<string> ProduceAsync(string topic, int partitions, IEnumerable<string> values)
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync(topic, partitions);
        await ProduceToAsync(topic, values);
        return topic;
    }

    /// <summary>In order, the partitions by turns.</summary>
    protected async Task ProduceToAsync(string topic, IEnumerable<string> values)
    {
        var cluster = await fixture.GetClusterAsync();
        var config = cluster.Configure<ProducerConfig>();
        config.Acks = Acks.All;
        config.MaxInFlight = 1;
        using var producer = new ProducerBuilder<Null, string>(config).Build();
        var failures = new List<Error>();
        foreach (var value in values)
        {
            producer.Produce(
                topic,
                new Message<Null, string> { Value = value },
                report => failures.AddRange(report.Error.IsError ? [report.Error] : []));
        }

        Assert.Equal(0, producer.Flush(TimeSpan.FromSeconds(30)));
        Assert.Empty(failures);
    }

    protected async Task<ProgramRun> VerifyAsync(string topic, params string[] more)
    {
        var cluster = await fixture.GetClusterAsync();
        return await ProgramRun.RunAsync(
            Program,
            [
                "verify", "--bootstrap-server", cluster.BootstrapServers, "--topic", topic,
                .. cluster.ClientProperties.SelectMany(property => new[] { "-X", $"{property.Key}={property.Value}" }), .. more,
            ],
            TimeSpan.FromSeconds(90));
    }
}

[Collection(ModernCluster.Name)]
public sealed class ModernHoleCheckerTests(ModernClusterFixture fixture) : HoleCheckerTests(fixture)
{
    /// <summary>The brokers do not deliver messages after it until it ends: that is not a loss.</summary>
    [Fact]
    public async Task An_open_transaction_of_somebody_else_is_not_counted_as_loss()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync("transaction", partitions: 1);
        await ProduceToAsync("transaction", Numbered("r", 1, Enumerable.Range(1, 10)));
        var config = cluster.Configure<ProducerConfig>();
        config.TransactionalId = "somebody-else";
        using var producer = new ProducerBuilder<Null, string>(config).Build();
        producer.InitTransactions(TimeSpan.FromSeconds(30));
        producer.BeginTransaction();
        await producer.ProduceAsync("transaction", new Message<Null, string> { Value = "foreign" });
        await ProduceToAsync("transaction", Numbered("r", 1, Enumerable.Range(11, 10)));

        var run = await VerifyAsync("transaction", "--expect", "20", "--idle-timeout", "2s");
        Assert.Equal((2, ""), (run.ExitCode, run.Output));
        Assert.Contains(
            "partition 0 holds records up to offset 20, but gives them out before offset 10 only. A transaction",
            OneLine(run.Errors),
            StringComparison.Ordinal);
        Assert.Equal(0, (await VerifyAsync("transaction", "--expect", "10", "--idle-timeout", "2s")).ExitCode);
        Assert.Equal(0, (await VerifyAsync("transaction", "--expect", "20", "-X", "isolation.level=read_uncommitted")).ExitCode);

        producer.CommitTransaction();
        Assert.Equal(0, (await VerifyAsync("transaction", "--expect", "20")).ExitCode);
    }

    /// <summary>
    /// The end of partition 0 was read before. Its broker keeps a duplicate back, since it is small, and is frozen then; the last number
    /// comes from another broker.
    /// </summary>
    [Fact]
    public async Task With_no_duplicates_it_reads_to_the_ends_as_of_when_all_numbers_came()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync("late-duplicate", partitions: 2, replication: 1);
        using var producer = new ProducerBuilder<Null, string>(cluster.Configure<ProducerConfig>()).Build();
        using var admin = new DependentAdminClientBuilder(producer.Handle).Build();
        var leaders = admin.GetMetadata("late-duplicate", TimeSpan.FromSeconds(10)).Topics.Single().Partitions;
        Assert.NotEqual(leaders[0].Leader, leaders[1].Leader);
        await ProduceAsync(partition: 0, number: 1);
        await ProduceAsync(partition: 1, number: 2);
        var verifying = VerifyAsync(
            "late-duplicate", "--expect", "3", "--no-duplicates", "--idle-timeout", "30s", "-X", "fetch.wait.max.ms=2000",
            "-X", "fetch.min.bytes=100000");
        await Task.Delay(TimeSpan.FromSeconds(7), TimeProvider.System); // both ends are read
        var node = leaders.Single(partition => partition.PartitionId == 0).Leader;
        await ProduceAsync(partition: 0, number: 1);
        await cluster.PauseAsync(node);
        await ProduceAsync(partition: 1, number: 3);
        await Task.WhenAny(verifying, Task.Delay(TimeSpan.FromSeconds(4), TimeProvider.System));
        await cluster.ResumeAsync(node);

        var run = await verifying;

        Assert.Equal((1, ""), (run.ExitCode, run.Errors));
        Assert.Contains("partition 0 offset 1: run r producer 1 number 1\n", run.Output, StringComparison.Ordinal);
        await cluster.WaitInSyncAsync();

        Task ProduceAsync(int partition, int number) => producer.ProduceAsync(
            new TopicPartition("late-duplicate", partition), new Message<Null, string> { Value = Numbered("r", 1, [number]).Single() });
    }

    /// <summary>Two of its three partitions can be read: that proves nothing about the third.</summary>
    [Fact]
    public async Task A_partition_without_a_leader_is_reported_as_not_checked()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync("leaderless", partitions: 3, replication: 1);
        await ProduceToAsync("leaderless", Numbered("r", 1, Enumerable.Range(1, 100)));
        await cluster.KillAsync(2);
        try
        {
            var run = await VerifyAsync("leaderless", "--idle-timeout", "3s");
            Assert.Equal((2, ""), (run.ExitCode, run.Output));
            Assert.Contains("was not read to its end: nothing more came from partition", OneLine(run.Errors), StringComparison.Ordinal);
        }
        finally
        {
            await cluster.StartNodeAsync(2);
            await cluster.WaitInSyncAsync();
        }

        Assert.Equal(0, (await VerifyAsync("leaderless", "--expect", "100")).ExitCode);
    }
}

[Collection(OldCluster.Name)]
public sealed class OldHoleCheckerTests(OldClusterFixture fixture) : HoleCheckerTests(fixture);
