using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// Asks the leaders of a topic what they have of a log. A leader tells the last sequence of each producer that it remembers (KIP-664).
/// It forgets a producer by the timestamps of its records; then the end of the partition is read instead.
/// </summary>
internal sealed class LeaderQuestions(IProducerCluster cluster, string topic, TimeProvider time)
{
    /// <summary>
    /// So long after a crash a record may still become readable: a follower that does not fetch it leaves the in-sync replicas then
    /// (<c>replica.lag.time.max.ms</c>).
    /// </summary>
    private static readonly TimeSpan ReplicaLag = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan RetryPause = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan TailPause = TimeSpan.FromSeconds(1);
    private const int MaxTries = 25;

    /// <summary>The topic and its partitions.</summary>
    /// <exception cref="IOException">It cannot be asked for, or there is no such topic.</exception>
    public async Task<TopicMetadata> TopicAsync(CancellationToken cancellation)
    {
        var known = await cluster.TopicAsync(topic, cancellation).ConfigureAwait(false);
        var error = known.Error == KafkaError.None && known.Partitions.Count == 0 ? KafkaError.LeaderNotAvailable : known.Error;
        if (error == KafkaError.None)
        {
            return IsWhole(known) ? known with { Partitions = [.. known.Partitions.OrderBy(p => p.Partition)] }
                : throw new IOException($"the brokers do not tell all partitions of topic {topic}");
        }

        cluster.Forget(topic);
        throw new KafkaErrorException(error, $"topic {topic}");
    }

    /// <summary>A lane with a producer id of its own. For a while after a cluster has started, it gives none.</summary>
    /// <exception cref="IOException">The brokers give none.</exception>
    public async Task<Lane> NewLaneAsync(TopicMetadata known, CancellationToken cancellation)
    {
        var ends = await Task.WhenAll(known.Partitions.Select(p => cluster.HighWatermarkAsync(topic, p.Partition, cancellation)))
            .ConfigureAwait(false);
        for (var tries = 1; ; tries++)
        {
            try
            {
                var producer = await cluster.NewProducerAsync(cancellation).ConfigureAwait(false);
                return new Lane(producer.ProducerId, producer.ProducerEpoch, ends.Select(end => new PartitionSequence(0, end)));
            }
            catch (KafkaErrorException e) when (tries < MaxTries && ProduceErrors.KindOf((int)e.Error) == OutcomeKind.Retriable)
            {
                await Task.Delay(RetryPause, time, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Asks the leaders of all partitions.</summary>
    /// <exception cref="IOException">One of them cannot be asked now.</exception>
    public async Task<LeaderAnswers> AskAsync(IReadOnlyList<LaneQuestion> questions, CancellationToken cancellation)
    {
        try
        {
            var answers = questions.GroupBy(q => q.Partition).Select(async partition =>
            {
                var producers = await cluster.ProducersAsync(topic, partition.Key, cancellation).ConfigureAwait(false);
                return await Task.WhenAll(partition.Select(q => AnswerAsync(q, producers, cancellation))).ConfigureAwait(false);
            });
            var all = await Task.WhenAll(answers).ConfigureAwait(false);
            if (questions.Count == 0)
            {
                _ = await cluster.ProducersAsync(topic, 0, cancellation).ConfigureAwait(false); // whether asking is allowed, before sending
            }

            return new LeaderAnswers([.. all.SelectMany(a => a)], null);
        }
        catch (KafkaErrorException e) when (e.Error is KafkaError.TopicAuthorizationFailed or KafkaError.ClusterAuthorizationFailed)
        {
            return new LeaderAnswers([], $"reading topic {topic} is not allowed ({e.Error}): the right READ is needed");
        }
    }

    /// <summary>What all in-sync replicas have of a lane in a partition, after what is known to be acknowledged.</summary>
    /// <exception cref="IOException">It cannot be read now.</exception>
    public Task<TailRead> ReadTailAsync(Lane lane, int partition, CancellationToken cancellation) =>
        cluster.ReadTailAsync(topic, partition, lane.ProducerId, lane.Partitions[partition].EndOffset, cancellation);

    /// <summary>True if the leader has the records of a lane before a count. It may be another leader than the one that said so.</summary>
    /// <exception cref="IOException">It cannot be asked now.</exception>
    public async Task<bool> HasAsync(Lane lane, int partition, long count, CancellationToken cancellation)
    {
        var producers = await cluster.ProducersAsync(topic, partition, cancellation).ConfigureAwait(false);
        return producers.Any(p => p.ProducerId == lane.ProducerId && p.LastSequence >= 0
            && PartitionSequence.CountAfter(p.LastSequence, count) >= count);
    }

    private static bool IsWhole(TopicMetadata known) =>
        known.Partitions.Select(p => p.Partition).Order().SequenceEqual(Enumerable.Range(0, known.Partitions.Count));

    private async Task<LeaderAnswer> AnswerAsync(
        LaneQuestion question, IReadOnlyList<ProducerState> producers, CancellationToken cancellation)
    {
        var (lane, partition) = (question.Lane, question.Partition);
        var sequence = lane.Partitions[partition];
        foreach (var producer in producers.Where(p => p.ProducerId == lane.ProducerId && p.LastSequence >= 0))
        {
            var count = PartitionSequence.CountAfter(producer.LastSequence, sequence.Acknowledged);
            return new LeaderAnswer(lane, partition, sequence.Acknowledged, count, sequence.EndOffset)
            {
                LastTimestamp = producer.LastTimestamp,
                Lost = Math.Max(0, sequence.Acknowledged - count),
            };
        }

        return question.MayBeThere && question.MayBeForgotten
            ? await ReadAsync(question, cancellation).ConfigureAwait(false)
            : new LeaderAnswer(lane, partition, sequence.Acknowledged, sequence.Acknowledged, sequence.EndOffset);
    }

    /// <summary>
    /// The leader has forgotten the producer. The end of the partition shows what is there, but only what all in-sync replicas have: it is
    /// read until what lay above that is readable too.
    /// </summary>
    private async Task<LeaderAnswer> ReadAsync(LaneQuestion question, CancellationToken cancellation)
    {
        var (lane, partition) = (question.Lane, question.Partition);
        var sequence = lane.Partitions[partition];
        var began = time.GetTimestamp();
        while (true)
        {
            var isLast = time.GetElapsedTime(began) >= ReplicaLag;
            var tail = await ReadTailAsync(lane, partition, cancellation).ConfigureAwait(false);
            var count = tail.LastSequence is { } last ? PartitionSequence.CountAfter(last, sequence.Acknowledged) : sequence.Acknowledged;
            var lost = isLast ? Math.Max(0, sequence.EndOffset - tail.HighWatermark) : 0; // that of a new leader lags for a moment
            if (isLast || (!lane.IsOfEarlierRun && count == sequence.Next))
            {
                return new LeaderAnswer(lane, partition, count, count, tail.EndOffset) { Lost = lost, IsOfTail = true };
            }

            await Task.Delay(TailPause, time, cancellation).ConfigureAwait(false);
        }
    }
}

/// <summary>A question about a lane.</summary>
/// <param name="Lane">The lane.</param>
/// <param name="Partition">The partition.</param>
/// <param name="MayBeThere">True if records may have been sent that are not acknowledged.</param>
/// <param name="MayBeForgotten">True if the leader may have forgotten the producer, because of the timestamps of these records.</param>
internal readonly record struct LaneQuestion(Lane Lane, int Partition, bool MayBeThere, bool MayBeForgotten);

/// <summary>What a partition has of a lane.</summary>
/// <param name="Lane">The lane.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Acknowledged">All in-sync replicas have the records before this count.</param>
/// <param name="Present">The leader has the records before this count.</param>
/// <param name="EndOffset">The offset after the last record that all in-sync replicas have.</param>
internal readonly record struct LeaderAnswer(Lane Lane, int Partition, long Acknowledged, long Present, long EndOffset)
{
    /// <summary>
    /// The timestamp of the last record of the producer that the leader has, ms since 1970 UTC; null: it does not remember the producer.
    /// </summary>
    public long? LastTimestamp { get; init; }

    /// <summary>True if the end of the partition was read, since the leader does not remember the producer.</summary>
    public bool IsOfTail { get; init; }

    /// <summary>Records that were acknowledged and are not there any more; an upper bound if the end of the partition was read.</summary>
    public long Lost { get; init; }
}

/// <summary>What all partitions have.</summary>
/// <param name="Partitions">The answers.</param>
/// <param name="Doubt">Why there are none; null: there are.</param>
internal sealed record LeaderAnswers(IReadOnlyList<LeaderAnswer> Partitions, string? Doubt)
{
    /// <summary>By which means it was found, for logs.</summary>
    /// <param name="present">How many records are there that were not known to be acknowledged.</param>
    public string How(long present)
    {
        var means = Partitions.Count == 0 ? "nothing was sent before"
            : Partitions.Any(p => p.IsOfTail) ? "the ends of the partitions were read"
            : "the leaders were asked";
        return present == 0 ? means : $"{means}: they have {Words.Count(present, "record", "records")} after the acknowledged ones";
    }
}
