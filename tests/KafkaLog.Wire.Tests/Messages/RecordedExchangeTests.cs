using System.Buffers.Binary;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Messages;

/// <summary>Requests are, byte for byte, those that a real broker took, and its responses are read as what they said.</summary>
public sealed class RecordedExchangeTests
{
    private const string Topic = "wire";

    public static TheoryData<string> Recordings =>
        ["produce", "resume", "metadata", "refused-records", "unknown-topic", "zstd", "fetch-versions"];

    [Fact]
    public async Task Batches_are_sent_and_answered_as_recorded()
    {
        var recorded = RecordedExchange.Read("produce");
        var batch = BatchIn(recorded);
        await using var connection = await OpenAsync(recorded);
        var producer = await connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);
        while (producer.Error == KafkaError.CoordinatorLoadInProgress)
        {
            producer = await connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default); // the cluster had just started
        }

        Assert.Equal((KafkaError.None, (short)0), (producer.Error, producer.ProducerEpoch));
        foreach (var (sequence, error, offset) in ((int, KafkaError, long)[])[
            (0, KafkaError.None, 0), (10, KafkaError.None, 10), (0, KafkaError.None, 0), (30, KafkaError.OutOfOrderSequenceNumber, -1)])
        {
            var append = await ProduceAsync(connection, Topic, new BatchStamp(producer.ProducerId, 0, sequence), batch);
            Assert.Equal((Topic, 0, error, offset), (append.Topic, append.Partition, append.Error, append.BaseOffset));
            Assert.Empty(append.Refused);
        }
    }

    [Fact]
    public async Task The_state_of_a_producer_and_the_end_of_a_partition_are_read()
    {
        var recorded = RecordedExchange.Read("resume");
        var batch = BatchIn(recorded);
        await using var connection = await OpenAsync(recorded);
        var known = await connection.SendAsync<DescribeProducersRequest, DescribeProducersResponse>(new(Topic, [0]));
        var state = Assert.Single(Assert.Single(known.Partitions).Producers);
        Assert.Equal((0, 19, 1_009L), (state.ProducerEpoch, state.LastSequence, state.LastTimestamp));
        Assert.Equal(20, (await ProduceAsync(connection, Topic, new BatchStamp(state.ProducerId, 0, 20), batch)).BaseOffset);
        var end = await connection.SendAsync<ListOffsetsRequest, ListOffsetsResponse>(new(Topic, [0], ListOffsetsRequest.HighWatermark));
        Assert.Equal(new PartitionOffset(0, KafkaError.None, 30), Assert.Single(end.Offsets));
        var fetched = await connection.SendAsync<FetchRequest, FetchResponse>(new(Topic, 0, 10, 1 << 20));
        Assert.True(RecordBatchHeader.TryRead(fetched.Records, out var header));
        Assert.Equal((30, 10, state.ProducerId, 10), (fetched.HighWatermark, header.BaseOffset, header.ProducerId, header.BaseSequence));
    }

    [Fact]
    public async Task Batches_in_zstd_and_errors_of_Fetch_are_read()
    {
        const string ZstdTopic = "wire-zstd";
        var recorded = RecordedExchange.Read("zstd");
        var batch = BatchIn(recorded);
        await using var connection = await OpenAsync(recorded);
        await ProduceAsync(connection, ZstdTopic, new BatchStamp(-1, -1, -1), batch);
        var fetched = await connection.SendAsync<FetchRequest, FetchResponse>(new(ZstdTopic, 0, 0, 1 << 20, LeaderEpoch: 0));
        Assert.Equal((KafkaError.None, 10), (fetched.Error, fetched.HighWatermark));
        Assert.Equal(4, fetched.Records[22] & 7); // the low byte of the attributes: zstd
        var beyond = await connection.SendAsync<FetchRequest, FetchResponse>(new(ZstdTopic, 0, 11, 1 << 20));
        Assert.Equal((KafkaError.OffsetOutOfRange, 0), (beyond.Error, beyond.Records.Length));
        var fenced = await connection.SendAsync<FetchRequest, FetchResponse>(new(ZstdTopic, 0, 0, 1 << 20, LeaderEpoch: 99));
        Assert.Equal(KafkaError.UnknownLeaderEpoch, fenced.Error);
    }

    [Fact]
    public void Every_version_of_Fetch_is_written_and_read_as_recorded()
    {
        var versions = new List<short>();
        foreach (var (request, response) in RecordedExchange.Read("fetch-versions").All)
        {
            var version = BinaryPrimitives.ReadInt16BigEndian(request.AsSpan(2));
            using var writer = new WireWriter();
            RequestHeader.Write<FetchRequest, FetchResponse>(
                writer, new FetchRequest("wire-fetch", 0, 0, 1 << 20), version, version, "kafkalog-tests");
            Assert.Equal(request, writer.Written[RequestHeader.SizeBytes..].ToArray());
            var fetched = RequestHeader.Read<FetchRequest, FetchResponse>(response, version, version);
            Assert.True(RecordBatchHeader.TryRead(fetched.Records, out var header));
            Assert.Equal((KafkaError.None, 10, 10), (fetched.Error, fetched.HighWatermark, header.RecordsCount));
            versions.Add(version);
        }

        Assert.Equal([4, 5, 6, 7, 8, 9, 10, 11], versions);
    }

    [Fact]
    public void A_Fetch_response_without_a_partition_has_its_own_error_or_says_to_ask_again()
    {
        Assert.Equal(71, (int)Read("0000000B000000000047" + "0000000000000000").Error);
        Assert.Equal(KafkaError.ThrottlingQuotaExceeded, Read("0000000B000000070000" + "0000000000000000").Error);

        static FetchResponse Read(string hex) => RequestHeader.Read<FetchRequest, FetchResponse>(Convert.FromHexString(hex), 11, 11);
    }

    [Fact]
    public async Task Leaders_and_topic_ids_are_read()
    {
        await using var connection = await OpenAsync(RecordedExchange.Read("metadata"));
        var metadata = await connection.SendAsync<MetadataRequest, MetadataResponse>(new([Topic]));
        Assert.Equal([1, 2, 3], metadata.Brokers.Select(b => b.NodeId).Order());
        Assert.All(metadata.Brokers, b => Assert.Equal("127.0.0.1", b.Host));
        Assert.NotNull(metadata.ClusterId);
        var topic = Assert.Single(metadata.Topics);
        Assert.Equal((KafkaError.None, Topic), (topic.Error, topic.Name));
        Assert.NotEqual(Guid.Empty, topic.Id);
        var partition = Assert.Single(topic.Partitions);
        Assert.Equal((KafkaError.None, 0, 3, 3), (partition.Error, partition.Partition, partition.Replicas, partition.InSyncReplicas));
        Assert.Contains(partition.Leader, metadata.Brokers.Select(b => b.NodeId));
    }

    [Fact]
    public async Task An_unknown_topic_is_reported_as_such()
    {
        await using var connection = await OpenAsync(RecordedExchange.Read("unknown-topic"));
        var metadata = await connection.SendAsync<MetadataRequest, MetadataResponse>(new(["no-such-topic"]));
        Assert.Equal(KafkaError.UnknownTopicOrPartition, Assert.Single(metadata.Topics).Error);
        Assert.Empty(metadata.Topics[0].Partitions);
    }

    [Fact]
    public async Task Refused_records_are_named()
    {
        var recorded = RecordedExchange.Read("refused-records");
        var batch = BatchIn(recorded);
        await using var connection = await OpenAsync(recorded);
        var refused = await ProduceAsync(connection, "wire-refused", new BatchStamp(-1, -1, -1), batch);
        Assert.Equal((KafkaError.InvalidRecord, -1L), (refused.Error, refused.BaseOffset));
        Assert.Equal([0, 1], refused.Refused.Select(r => r.Index));
    }

    /// <summary>Whatever becomes of a response on the way, it is read as something or refused: nothing else is thrown.</summary>
    [Theory]
    [MemberData(nameof(Recordings))]
    public void A_damaged_response_is_refused_or_read_and_does_nothing_else(string name)
    {
        var random = new Random(1);
        foreach (var (request, response) in RecordedExchange.Read(name).All)
        {
            for (var length = 0; length < response.Length; length++)
            {
                Assert.Throws<ProtocolException>(() => Read(request, response[..length])); // every field is needed
            }

            for (var i = 0; i < 20_000; i++)
            {
                var damaged = response.ToArray();
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    damaged[random.Next(4, damaged.Length)] = (byte)random.Next(256);
                }

                try
                {
                    Read(request, damaged);
                }
                catch (ProtocolException)
                {
                    // refused
                }
            }
        }
    }

    private static object? Read(byte[] request, byte[] response)
    {
        var key = (ApiKey)BinaryPrimitives.ReadInt16BigEndian(request);
        var version = BinaryPrimitives.ReadInt16BigEndian(request.AsSpan(2));
        var id = BinaryPrimitives.ReadInt32BigEndian(request.AsSpan(4));
        return key switch
        {
            ApiKey.ApiVersions => RequestHeader.Read<ApiVersionsRequest, ApiVersionsResponse>(response, version, id),
            ApiKey.Metadata => RequestHeader.Read<MetadataRequest, MetadataResponse>(response, version, id),
            ApiKey.InitProducerId => RequestHeader.Read<InitProducerIdRequest, InitProducerIdResponse>(response, version, id),
            ApiKey.Produce => RequestHeader.Read<ProduceRequest, ProduceResponse>(response, version, id),
            ApiKey.DescribeProducers => RequestHeader.Read<DescribeProducersRequest, DescribeProducersResponse>(response, version, id),
            ApiKey.ListOffsets => RequestHeader.Read<ListOffsetsRequest, ListOffsetsResponse>(response, version, id),
            ApiKey.Fetch => RequestHeader.Read<FetchRequest, FetchResponse>(response, version, id),
            _ => throw new InvalidOperationException($"{key} is not recorded"),
        };
    }

    /// <summary>The batch of the first Produce request, as it lay in its segment but for what was filled in.</summary>
    private static byte[] BatchIn(RecordedExchange recorded)
    {
        var (request, _) = recorded.All.First(e => BinaryPrimitives.ReadInt16BigEndian(e.Request) == (short)ApiKey.Produce);
        var at = request.AsSpan().IndexOf((ReadOnlySpan<byte>)[0xFF, 0xFF, 0xFF, 0xFF, 2]) - 12; // leader epoch -1, magic 2
        var bytes = (int)BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(at - 4));
        return request[at..(at + bytes)];
    }

    private static async Task<PartitionAppend> ProduceAsync(BrokerConnection connection, string topic, BatchStamp stamp, byte[] batch)
    {
        var request = new ProduceRequest(-1, 10_000, [new(topic, 0, stamp, batch)]);
        return Assert.Single((await connection.SendAsync<ProduceRequest, ProduceResponse>(request)).Partitions);
    }

    private static Task<BrokerConnection> OpenAsync(RecordedExchange recorded) => BrokerConnection.OpenAsync(
        recorded.Replay(),
        "recorded",
        "kafkalog-tests",
        TimeSpan.FromSeconds(30),
        TimeProvider.System,
        TestContext.Current.CancellationToken);
}
