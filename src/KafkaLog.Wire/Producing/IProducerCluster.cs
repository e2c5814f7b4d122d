using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Producing;

/// <summary>
/// What a producer of stored batches needs of a Kafka cluster. <see cref="ProducerCluster"/> is a real one; tests simulate it. Every
/// method may throw an <see cref="IOException"/>: no broker can be reached, the connection was lost, TLS or SASL fails.
/// Thread-safe.
/// </summary>
internal interface IProducerCluster
{
    /// <summary>Identifies the cluster; null while it is not known.</summary>
    string? ClusterId { get; }

    /// <summary>A topic and the leaders of its partitions. An error of the topic is in the result.</summary>
    Task<TopicMetadata> TopicAsync(string topic, CancellationToken cancellation);

    /// <summary>What is known of a topic is wrong: it is asked for again when it is needed.</summary>
    void Forget(string topic);

    /// <summary>A new producer id.</summary>
    /// <exception cref="KafkaErrorException">The broker answers with an error, which may be a transient one.</exception>
    Task<InitProducerIdResponse> NewProducerAsync(CancellationToken cancellation);

    /// <summary>
    /// Sends a batch to the leader of its partition, after the batches for that partition that were given before.
    /// <see cref="OutgoingBatch.Answered"/> is called once, on another thread. All in-sync replicas acknowledge.
    /// </summary>
    void Append(OutgoingBatch batch);

    /// <summary>
    /// The producers that the leader of a partition remembers, asked for after this call. It includes what only the leader has.
    /// </summary>
    /// <exception cref="KafkaErrorException">The broker answers with an error, as when READ is not allowed.</exception>
    /// <exception cref="Security.BrokerTooOldException">The broker does not have this request (before Kafka 2.8).</exception>
    Task<IReadOnlyList<ProducerState>> ProducersAsync(string topic, int partition, CancellationToken cancellation);

    /// <summary>The offset after the last record of a partition that all in-sync replicas have.</summary>
    /// <exception cref="KafkaErrorException">The broker answers with an error.</exception>
    Task<long> HighWatermarkAsync(string topic, int partition, CancellationToken cancellation);

    /// <summary>Reads batch headers from an offset to the high watermark, and looks for those of a producer.</summary>
    /// <exception cref="KafkaErrorException">The broker answers with an error, as when READ is not allowed.</exception>
    Task<TailRead> ReadTailAsync(string topic, int partition, long producerId, long fromOffset, CancellationToken cancellation);
}

/// <summary>A broker answered with an error.</summary>
internal sealed class KafkaErrorException(KafkaError error, string what) : IOException($"{what}: {error}")
{
    /// <summary>The error.</summary>
    public KafkaError Error => error;
}
