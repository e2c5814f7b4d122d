using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>
/// What one run of the daemon sees of the cluster, as <see cref="ProducerCluster"/> does: what is known of the topic is kept.
/// </summary>
internal sealed class SimulatedClient(SimulatedCluster cluster) : IProducerCluster
{
    private readonly Dictionary<int, SimulatedConnection> _connections = [];
    private TopicMetadata? _known;
    private TopicMetadata? _last;

    public string? ClusterId => null;

    /// <summary>True once the daemon was killed.</summary>
    public bool IsKilled { get; private set; }

    /// <summary>Called before and after a batch is given to a connection.</summary>
    public Action OnAppend { get; set; } = () => { };

    public async Task<TopicMetadata> TopicAsync(string topic, CancellationToken cancellation)
    {
        _known ??= await cluster.Ask(this, "topic", Metadata).ConfigureAwait(false);
        return _last = _known;
    }

    public void Forget(string topic) => _known = null;

    public Task<InitProducerIdResponse> NewProducerAsync(CancellationToken cancellation) => cluster.Ask(this, "producer id", () =>
        cluster.HasFaults && cluster.Random.Next(5) == 0
            ? throw new KafkaErrorException(KafkaError.CoordinatorLoadInProgress, "no producer id")
            : new InitProducerIdResponse(0, KafkaError.None, cluster.NewProducerId(), 0));

    public void Append(OutgoingBatch batch)
    {
        OnAppend();
        var leader = _last is { } known && batch.Partition < known.Partitions.Count ? known.Partitions[batch.Partition].Leader : -1;
        if (leader < 0)
        {
            cluster.Ask(this, "a batch without a leader", () => 0).ContinueWith(
                _ => batch.Answered(new AppendResult(KafkaError.LeaderNotAvailable, -1)), TaskContinuationOptions.ExecuteSynchronously);
            return;
        }

        if (!_connections.TryGetValue(leader, out var connection) || connection.IsBroken)
        {
            _connections[leader] = connection = cluster.Connect(this, leader);
        }

        connection.Send(batch);
        OnAppend();
    }

    public Task<IReadOnlyList<ProducerState>> ProducersAsync(string topic, int partition, CancellationToken cancellation) =>
        AskLeaderAsync<IReadOnlyList<ProducerState>>($"producers of {partition}", partition, replica => !cluster.MayRead
            ? throw new KafkaErrorException(KafkaError.TopicAuthorizationFailed, "the producers are not told")
            : replica.Producers());

    public Task<long> HighWatermarkAsync(string topic, int partition, CancellationToken cancellation) =>
        AskLeaderAsync($"end of {partition}", partition, replica => replica.HighWatermark);

    public Task<TailRead> ReadTailAsync(string topic, int partition, long producerId, long fromOffset, CancellationToken cancellation) =>
        AskLeaderAsync($"tail of {partition}", partition, replica =>
        {
            var last = replica.Log.FindLast(
                b => b.ProducerId == producerId && b.EndOffset <= replica.HighWatermark && b.EndOffset > fromOffset);
            return new TailRead(last?.LastSequence, last?.EndOffset ?? fromOffset, replica.HighWatermark);
        });

    /// <summary>The run ends without a word.</summary>
    public void Kill()
    {
        IsKilled = true;
        cluster.Killed(this);
    }

    private TopicMetadata Metadata()
    {
        var topic = cluster.Topic;
        return new TopicMetadata(
            KafkaError.None,
            SimulatedTopic.Name,
            topic.Id,
            [.. topic.Partitions.Select(p => new PartitionMetadata(KafkaError.None, p.Number, p.Leader, 3, p.InSync.Count))]);
    }

    private async Task<T> AskLeaderAsync<T>(string what, int partition, Func<SimulatedReplica, T> handle)
    {
        var known = await TopicAsync(SimulatedTopic.Name, default).ConfigureAwait(false);
        if (known.Partitions[partition].Leader is not (>= 0 and var leader))
        {
            Forget(SimulatedTopic.Name);
            throw new KafkaErrorException(KafkaError.LeaderNotAvailable, what);
        }

        try
        {
            return await cluster.Ask(this, what, () => handle(ReplicaOf(known, leader, partition))).ConfigureAwait(false);
        }
        catch (KafkaErrorException)
        {
            Forget(SimulatedTopic.Name);
            throw;
        }
    }

    private SimulatedReplica ReplicaOf(TopicMetadata known, int leader, int partition)
    {
        if (!cluster.Alive[leader])
        {
            throw new IOException($"broker {leader} cannot be reached");
        }

        return known.Id == cluster.Topic.Id && cluster.Topic.Partitions[partition].Replicas[leader] is { IsLeader: true } replica
            ? replica
            : throw new KafkaErrorException(KafkaError.NotLeaderOrFollower, $"partition {partition}");
    }
}
