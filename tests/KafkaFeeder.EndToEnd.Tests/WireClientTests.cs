using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>
/// The Kafka client for stored batches on three real brokers, request by request: what exact resume relies on. With KAFKALOG_RECORD
/// set to a folder, what goes over each connection is written there.
/// </summary>
[Collection(ModernCluster.Name)]
public sealed class WireClientTests(ModernClusterFixture fixture) : IAsyncDisposable
{
    private readonly List<BrokerConnection> _connections = [];

    [Fact]
    public async Task A_stored_batch_is_appended_once_and_its_sequence_is_known_to_the_leader()
    {
        var (cluster, topic) = await TopicAsync("wire");
        var leader = await LeaderAsync(cluster, topic);
        var producer = await leader.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);
        while (producer.Error == KafkaError.CoordinatorLoadInProgress)
        {
            await Task.Delay(200); // for a while after the cluster started
            producer = await leader.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);
        }

        Assert.Equal(KafkaError.None, producer.Error);
        var batch = BatchOf(10);

        var first = await ProduceAsync(leader, topic, producer.ProducerId, 0, batch);
        Assert.Equal((KafkaError.None, 0), (first.Error, first.BaseOffset));
        var second = await ProduceAsync(leader, topic, producer.ProducerId, 10, batch);
        Assert.Equal((KafkaError.None, 10), (second.Error, second.BaseOffset));
        var again = await ProduceAsync(leader, topic, producer.ProducerId, 0, batch); // as after a lost response
        Assert.Equal((KafkaError.None, 0), (again.Error, again.BaseOffset));
        var gap = await ProduceAsync(leader, topic, producer.ProducerId, 30, batch);
        Assert.Equal(KafkaError.OutOfOrderSequenceNumber, gap.Error);

        // A new connection goes on with the same id, and the leader knows the last sequence.
        var other = await LeaderAsync(cluster, topic);
        var known = await other.SendAsync<DescribeProducersRequest, DescribeProducersResponse>(new(topic, [0]));
        var state = Assert.Single(Assert.Single(known.Partitions).Producers);
        Assert.Equal((producer.ProducerId, 0, 19, 1_009), (state.ProducerId, state.ProducerEpoch, state.LastSequence, state.LastTimestamp));
        var third = await ProduceAsync(other, topic, producer.ProducerId, 20, batch);
        Assert.Equal((KafkaError.None, 20), (third.Error, third.BaseOffset));

        var end = await other.SendAsync<ListOffsetsRequest, ListOffsetsResponse>(new(topic, [0], ListOffsetsRequest.HighWatermark));
        Assert.Equal(new PartitionOffset(0, KafkaError.None, 30), Assert.Single(end.Offsets));
        var fetched = await other.SendAsync<FetchRequest, FetchResponse>(new(topic, 0, 10, 1 << 20));
        Assert.Equal((KafkaError.None, 30), (fetched.Error, fetched.HighWatermark));
        Assert.True(RecordBatchHeader.TryRead(fetched.Records, out var header));
        Assert.Equal((10, producer.ProducerId, 10), (header.BaseOffset, header.ProducerId, header.BaseSequence));
        Assert.Equal(header.StoredCrc, RecordBatchHeader.ComputeCrc(fetched.Records.AsSpan(0, (int)header.TotalBytes)));
    }

    /// <summary>With Fetch 4 to 9 such a topic cannot be read (KIP-110). The broker compresses again what it gets.</summary>
    [Fact]
    public async Task Batches_in_zstd_are_fetched()
    {
        var (cluster, topic) = await TopicAsync("wire-zstd", configs: new Dictionary<string, string> { ["compression.type"] = "zstd" });
        var leader = await LeaderAsync(cluster, topic);
        Assert.Equal((short)11, leader.VersionOf<FetchRequest, FetchResponse>());
        Assert.Equal(KafkaError.None, (await ProduceAsync(leader, topic, -1, -1, BatchOf(10), epoch: -1)).Error);
        var fetched = await leader.SendAsync<FetchRequest, FetchResponse>(new(topic, 0, 0, 1 << 20, LeaderEpoch: 0));
        Assert.Equal((KafkaError.None, 10), (fetched.Error, fetched.HighWatermark));
        Assert.True(RecordBatchHeader.TryRead(fetched.Records, out var header));
        Assert.Equal(10, header.RecordsCount);
        const int AttributesPosition = 21;
        Assert.Equal(4, fetched.Records[AttributesPosition + 1] & 7); // zstd
        var beyond = await leader.SendAsync<FetchRequest, FetchResponse>(new(topic, 0, 11, 1 << 20));
        Assert.Equal((KafkaError.OffsetOutOfRange, 0), (beyond.Error, beyond.Records.Length));
        var fenced = await leader.SendAsync<FetchRequest, FetchResponse>(new(topic, 0, 0, 1 << 20, LeaderEpoch: 99));
        Assert.Equal(KafkaError.UnknownLeaderEpoch, fenced.Error);
    }

    /// <summary>A connection uses the highest alone, so this one writes the requests itself.</summary>
    [Fact]
    public async Task Every_version_of_Fetch_is_answered()
    {
        var (cluster, topic) = await TopicAsync("wire-fetch");
        var leader = await LeaderAsync(cluster, topic);
        Assert.Equal(KafkaError.None, (await ProduceAsync(leader, topic, -1, -1, BatchOf(10), epoch: -1)).Error);
        await using var stream = await OpenAsync(leader.Address);
        for (var version = FetchRequest.Api.Min; version <= FetchRequest.Api.Max; version++)
        {
            var fetched = await FetchAsync(stream, version, new FetchRequest(topic, 0, 0, 1 << 20));
            Assert.Equal((KafkaError.None, 0, 10), (fetched.Error, fetched.Partition, fetched.HighWatermark));
            Assert.True(RecordBatchHeader.TryRead(fetched.Records, out var header));
            Assert.Equal((10, fetched.Records.Length), (header.RecordsCount, header.TotalBytes));
        }
    }

    [Fact]
    public async Task A_refused_record_is_named_in_the_response()
    {
        var (cluster, topic) = await TopicAsync("wire-refused", configs: new Dictionary<string, string> { ["cleanup.policy"] = "compact" });
        var leader = await LeaderAsync(cluster, topic);
        var refused = await ProduceAsync(leader, topic, -1, -1, BatchOf(2), epoch: -1); // no keys
        Assert.Equal((KafkaError.InvalidRecord, -1), (refused.Error, refused.BaseOffset));
        Assert.Equal([0, 1], refused.Refused.Select(r => r.Index));
        Assert.All(refused.Refused, r => Assert.Contains("key", r.Message, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_unknown_topic_is_an_error_and_no_topic_comes_of_it()
    {
        var cluster = await fixture.GetClusterAsync();
        var connection = await ConnectAsync(cluster.BootstrapServers.Split(',')[0]);
        for (var i = 0; i < 2; i++)
        {
            var metadata = await connection.SendAsync<MetadataRequest, MetadataResponse>(new(["no-such-topic"]));
            Assert.Equal(3, metadata.Brokers.Count);
            Assert.Equal(KafkaError.UnknownTopicOrPartition, Assert.Single(metadata.Topics).Error);
        }
    }

    /// <summary>What a client knows of a topic is wrong when its leader dies; after <see cref="ClusterClient.Forget"/> it finds the next
    /// one, whatever older answers say.</summary>
    [Fact]
    public async Task A_client_finds_the_next_leader_when_the_leader_is_killed()
    {
        var (cluster, topic) = await TopicAsync("wire-leader");
        await using var client = NewClient(cluster);
        var known = await client.TopicAsync(topic, Cancellation);
        var before = Assert.Single(known.Partitions);
        Assert.True(before.LeaderEpoch >= 0, $"the leader epoch is {before.LeaderEpoch}");
        Assert.NotNull(client.ClusterId);
        var link = client.LinkOf(before.Leader)!;
        Assert.Equal(KafkaError.None, (await ProduceAsync(await link.GetAsync(Cancellation), topic, -1, -1, BatchOf(10), -1)).Error);
        var node = Array.FindIndex(cluster.BootstrapServers.Split(','), s => s == $"{link.Host}:{link.Port}") + 1;
        await cluster.KillAsync(node);
        try
        {
            await Eventually.HoldsAsync(async () =>
            {
                client.Forget(topic);
                var now = Assert.Single((await client.TopicAsync(topic, Cancellation)).Partitions);
                return now.Leader >= 0 && now.Leader != before.Leader && now.LeaderEpoch > before.LeaderEpoch
                    && client.LinkOf(now.Leader) is { } next
                    && (await ProduceAsync(await next.GetAsync(Cancellation), topic, -1, -1, BatchOf(10), -1)).Error == KafkaError.None;
            });
        }
        finally
        {
            await cluster.StartNodeAsync(node);
            await cluster.WaitInSyncAsync();
        }
    }

    [Fact]
    public async Task Many_requests_at_once_are_answered_in_order_over_one_connection_for_each_broker()
    {
        const int Requests = 500; // more than there is room for
        var (cluster, topic) = await TopicAsync("wire-many");
        await using var client = NewClient(cluster);
        var leader = Assert.Single((await client.TopicAsync(topic, Cancellation)).Partitions).Leader;
        var connection = await client.LinkOf(leader)!.GetAsync(Cancellation);
        var batch = BatchOf(10);
        var sent = new List<Task<PartitionAppend>>();
        for (var i = 0; i < Requests; i++)
        {
            sent.Add(ProduceAsync(connection, topic, -1, -1, batch, epoch: -1));
            Assert.True(connection.InFlight <= RequestQueue.MaxInFlight);
        }

        var appends = await Task.WhenAll(sent);
        Assert.Equal(Enumerable.Range(0, Requests).Select(i => i * 10L), appends.Select(a => a.BaseOffset));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var connection in _connections)
        {
            await connection.DisposeAsync();
        }
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static ClusterClient NewClient(KafkaCluster cluster) => new(
        [.. cluster.BootstrapServers.Split(',')
            .Select(s => (s.Split(':')[0], int.Parse(s.Split(':')[1], CultureInfo.InvariantCulture)))],
        new ConnectionOptions { ClientId = "kafkalog-tests" },
        TimeProvider.System);

    private static async Task<PartitionAppend> ProduceAsync(
        BrokerConnection leader, string topic, long producerId, int sequence, byte[] batch, short epoch = 0)
    {
        var request = new ProduceRequest(-1, 10_000, [new(topic, 0, new BatchStamp(producerId, epoch, sequence), batch)]);
        var response = await leader.SendAsync<ProduceRequest, ProduceResponse>(request);
        return Assert.Single(response.Partitions);
    }

    private static async Task<FetchResponse> FetchAsync(Stream stream, short version, FetchRequest request)
    {
        using var writer = new WireWriter();
        RequestHeader.Write<FetchRequest, FetchResponse>(writer, request, version, version, "kafkalog-tests");
        await stream.WriteAsync(writer.Written);
        var size = new byte[RequestHeader.SizeBytes];
        await stream.ReadExactlyAsync(size);
        var response = new byte[BinaryPrimitives.ReadInt32BigEndian(size)];
        await stream.ReadExactlyAsync(response);
        return RequestHeader.Read<FetchRequest, FetchResponse>(response, version, version);
    }

    private static byte[] BatchOf(int records)
    {
        var folder = TestRun.NewFolderName("batch");
        using (var writer = new LogWriter(new LogWriterOptions { Directory = folder, Component = "orders" }))
        {
            for (var i = 0; i < records; i++)
            {
                writer.Append(new NewRecord(1_000 + i, Encoding.UTF8.GetBytes($"record {i}")));
            }
        }

        using var reader = SegmentReader.Open(Directory.GetFiles(folder).Single());
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        return reader.Batch.ToArray();
    }

    private async Task<(KafkaCluster Cluster, string Topic)> TopicAsync(string topic, IReadOnlyDictionary<string, string>? configs = null)
    {
        var cluster = await fixture.GetClusterAsync();
        await cluster.CreateTopicAsync(topic, configs: configs);
        return (cluster, topic);
    }

    private async Task<BrokerConnection> LeaderAsync(KafkaCluster cluster, string topic)
    {
        var any = await ConnectAsync(cluster.BootstrapServers.Split(',')[0]);
        var metadata = await any.SendAsync<MetadataRequest, MetadataResponse>(new([topic]));
        var known = Assert.Single(metadata.Topics);
        Assert.NotEqual(Guid.Empty, known.Id);
        var partition = Assert.Single(known.Partitions);
        Assert.Equal((3, 3), (partition.Replicas, partition.InSyncReplicas));
        var leader = metadata.Brokers.Single(b => b.NodeId == partition.Leader);
        return await ConnectAsync($"{leader.Host}:{leader.Port}");
    }

    private async Task<BrokerConnection> ConnectAsync(string address)
    {
        var connection = await BrokerConnection.OpenAsync(
            await OpenAsync(address),
            address,
            "kafkalog-tests",
            TimeSpan.FromSeconds(30),
            TimeProvider.System,
            TestContext.Current.CancellationToken);
        _connections.Add(connection);
        return connection;
    }

    private async Task<Stream> OpenAsync(string address)
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(address.Split(':')[0], int.Parse(address.Split(':')[1], CultureInfo.InvariantCulture));
        Stream stream = client.GetStream();
        if (Environment.GetEnvironmentVariable("KAFKALOG_RECORD") is { } folder)
        {
            var name = $"{TestContext.Current.TestMethod!.MethodName}.{_connections.Count}.txt";
            stream = new RecordingStream(stream, Path.Combine(folder, name));
        }

        return stream;
    }
}
