using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Producing;

/// <summary>A real Kafka cluster. Thread-safe.</summary>
internal sealed class ProducerCluster : IProducerCluster, IAsyncDisposable
{
    private const int FetchBytes = 1 << 20;

    private readonly ClusterClient _client;
    private readonly int _timeoutMs;
    private readonly Lock _lock = new();
    private readonly Dictionary<BrokerLink, BrokerSender> _senders = [];
    private readonly Dictionary<string, TopicMetadata> _topics = new(StringComparer.Ordinal);
    private readonly Coalesced<(string Topic, int Partition), IReadOnlyList<ProducerState>> _producers;

    /// <param name="bootstrap">Brokers to ask first, host and port; at least one.</param>
    /// <param name="options">How to connect.</param>
    /// <param name="time">The clock.</param>
    public ProducerCluster(IReadOnlyList<(string Host, int Port)> bootstrap, ConnectionOptions options, TimeProvider time)
    {
        _client = new ClusterClient(bootstrap, options, time);
        _timeoutMs = (int)options.RequestTimeout.TotalMilliseconds;
        _producers = new(key => AskProducersAsync(key.Topic, key.Partition));
    }

    public string? ClusterId => _client.ClusterId;

    public async Task<TopicMetadata> TopicAsync(string topic, CancellationToken cancellation)
    {
        var known = await _client.TopicAsync(topic, cancellation).ConfigureAwait(false);
        lock (_lock)
        {
            _topics[topic] = known;
        }

        return known;
    }

    public void Forget(string topic) => _client.Forget(topic);

    public async Task<InitProducerIdResponse> NewProducerAsync(CancellationToken cancellation)
    {
        var producer = await _client.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, cancellation)
            .ConfigureAwait(false);
        return producer.Error == KafkaError.None ? producer : throw new KafkaErrorException(producer.Error, "no producer id");
    }

    /// <summary>A leader that is no longer one says so: only then others are asked for.</summary>
    public void Append(OutgoingBatch batch)
    {
        lock (_lock)
        {
            if (_topics.TryGetValue(batch.Topic, out var known) && LeaderOf(known, batch.Partition) is { } leader)
            {
                SenderOf(leader).Add(batch);
                return;
            }
        }

        _ = Task.Run(() => batch.Answered(new AppendResult(KafkaError.LeaderNotAvailable, -1)));
    }

    public Task<IReadOnlyList<ProducerState>> ProducersAsync(string topic, int partition, CancellationToken cancellation) =>
        _producers.AskAsync((topic, partition)).WaitAsync(cancellation);

    public async Task<long> HighWatermarkAsync(string topic, int partition, CancellationToken cancellation)
    {
        var connection = await ConnectAsync(topic, partition, cancellation).ConfigureAwait(false);
        return await OffsetAsync(connection, topic, partition, ListOffsetsRequest.HighWatermark).ConfigureAwait(false);
    }

    public async Task<TailRead> ReadTailAsync(
        string topic, int partition, long producerId, long fromOffset, CancellationToken cancellation)
    {
        var connection = await ConnectAsync(topic, partition, cancellation).ConfigureAwait(false);
        var scan = new TailScan(producerId, fromOffset);
        var maxBytes = FetchBytes;
        var isCut = false;
        var from = fromOffset;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var fetched = await connection.SendAsync<FetchRequest, FetchResponse>(new(topic, partition, from, maxBytes))
                .WaitAsync(cancellation).ConfigureAwait(false);
            switch (fetched.Error)
            {
                case KafkaError.None:
                    break;
                case KafkaError.ThrottlingQuotaExceeded:
                    continue; // the connection waits as long as the broker asks for
                case KafkaError.OffsetOutOfRange:
                    var end = await OffsetAsync(connection, topic, partition, ListOffsetsRequest.HighWatermark).ConfigureAwait(false);
                    var first = await OffsetAsync(connection, topic, partition, ListOffsetsRequest.First).ConfigureAwait(false);
                    if (end <= from || first <= from)
                    {
                        return new TailRead(scan.LastSequence, scan.EndOffset, end) { IsCutAtStart = isCut };
                    }

                    from = first; // what was before it is deleted
                    isCut = true;
                    continue;
                default:
                    throw Forgetting(topic, new KafkaErrorException(fetched.Error, $"the end of partition {partition} cannot be read"));
            }

            if (!scan.Read(fetched.Records) && from < fetched.HighWatermark)
            {
                if (fetched.Records.Length == 0)
                {
                    // Nothing is left below the high watermark.
                    return new TailRead(scan.LastSequence, scan.EndOffset, from) { IsCutAtStart = isCut };
                }

                maxBytes = Math.Min(maxBytes * 2, ResponseFrame.MaxBytes / 2);
            }

            from = Math.Max(from, scan.NextOffset);
            if (from >= fetched.HighWatermark)
            {
                return new TailRead(scan.LastSequence, scan.EndOffset, fetched.HighWatermark) { IsCutAtStart = isCut };
            }
        }
    }

    public ValueTask DisposeAsync() => _client.DisposeAsync();

    private async Task<IReadOnlyList<ProducerState>> AskProducersAsync(string topic, int partition)
    {
        var connection = await ConnectAsync(topic, partition, CancellationToken.None).ConfigureAwait(false);
        var response = await connection.SendAsync<DescribeProducersRequest, DescribeProducersResponse>(new(topic, [partition]))
            .ConfigureAwait(false);
        if (response.Partitions is not [var answer] || answer.Partition != partition)
        {
            throw new Protocol.ProtocolException("a DescribeProducers response is about other partitions");
        }

        return answer.Error == KafkaError.None
            ? answer.Producers
            : throw Forgetting(topic, new KafkaErrorException(answer.Error, $"the producers of partition {partition} are not told"));
    }

    private async Task<long> OffsetAsync(BrokerConnection connection, string topic, int partition, long time)
    {
        var response = await connection.SendAsync<ListOffsetsRequest, ListOffsetsResponse>(new(topic, [partition], time))
            .ConfigureAwait(false);
        if (response.Offsets is not [var answer] || answer.Partition != partition)
        {
            throw new Protocol.ProtocolException("a ListOffsets response is about other partitions");
        }

        return answer.Error == KafkaError.None
            ? answer.Offset
            : throw Forgetting(topic, new KafkaErrorException(answer.Error, $"the end of partition {partition} is not told"));
    }

    /// <summary>The leader that was asked may not be the leader any more.</summary>
    private KafkaErrorException Forgetting(string topic, KafkaErrorException e)
    {
        _client.Forget(topic);
        return e;
    }

    private async Task<BrokerConnection> ConnectAsync(string topic, int partition, CancellationToken cancellation)
    {
        var known = await _client.TopicAsync(topic, cancellation).ConfigureAwait(false);
        if (known.Error != KafkaError.None)
        {
            throw Forgetting(topic, new KafkaErrorException(known.Error, $"topic {topic}"));
        }

        var leader = LeaderOf(known, partition)
            ?? throw Forgetting(topic, new KafkaErrorException(KafkaError.LeaderNotAvailable, $"partition {partition} of {topic}"));
        return await leader.GetAsync(cancellation).ConfigureAwait(false);
    }

    private BrokerLink? LeaderOf(TopicMetadata topic, int partition) =>
        topic.Partitions.FirstOrDefault(p => p.Partition == partition, new(KafkaError.LeaderNotAvailable, partition, -1, 0, 0)) is
            { Leader: >= 0 and var node } ? _client.LinkOf(node) : null;

    /// <summary>To be called with the lock.</summary>
    private BrokerSender SenderOf(BrokerLink link)
    {
        if (!_senders.TryGetValue(link, out var sender))
        {
            _senders[link] = sender = new BrokerSender(link, _timeoutMs);
        }

        return sender;
    }
}
