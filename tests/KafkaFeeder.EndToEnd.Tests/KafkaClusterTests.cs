using Confluent.Kafka;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>Tests of the cluster that the other tests use.</summary>
public abstract class KafkaClusterTests(ClusterFixture fixture)
{
    [Fact]
    public async Task A_produced_record_is_acknowledged_and_read_back()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync("round-trip", partitions: 2);

        using var producer = new ProducerBuilder<Null, string>(cluster.Configure<ProducerConfig>()).Build();
        var delivered = await producer.ProduceAsync("round-trip", new Message<Null, string> { Value = "hello" });
        Assert.Equal(PersistenceStatus.Persisted, delivered.Status);

        Assert.Equal(["hello"], cluster.ReadTopic("round-trip", expected: 1).Select(record => record.Text));
    }

    [Fact]
    public async Task A_broker_can_be_killed_and_started_again()
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.PauseAsync(1);
        await cluster.ResumeAsync(1);
        await cluster.KillAsync(1);
        await cluster.StartNodeAsync(1);
        await cluster.StopAsync(1);
        await cluster.StartNodeAsync(1);
        await cluster.WaitInSyncAsync();
        await cluster.CreateTopicAsync("after-the-restarts");

        using var producer = new ProducerBuilder<Null, string>(cluster.Configure<ProducerConfig>()).Build();
        var delivered = await producer.ProduceAsync("after-the-restarts", new Message<Null, string> { Value = "back" });
        Assert.Equal(PersistenceStatus.Persisted, delivered.Status);
    }
}

[Collection(ModernCluster.Name)]
public sealed class ModernKafkaClusterTests(ModernClusterFixture fixture) : KafkaClusterTests(fixture);

[Collection(OldCluster.Name)]
public sealed class OldKafkaClusterTests(OldClusterFixture fixture) : KafkaClusterTests(fixture);
