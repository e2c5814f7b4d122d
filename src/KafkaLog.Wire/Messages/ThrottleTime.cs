namespace KafkaLog.Wire.Messages;

/// <summary>
/// How long a broker asks a client to wait whose quota is used up (KIP-124, KIP-219). From Kafka 2.0 on it answers at once, and reads
/// nothing more from the connection until the time has passed. In older versions of a response the time is one that the broker
/// itself has waited before it answered: waiting again would halve what the quota allows.
/// </summary>
internal static class ThrottleTime
{
    /// <summary>How long to send nothing on the connection of this response, ms; at least 0.</summary>
    /// <param name="key">The request.</param>
    /// <param name="version">Its version.</param>
    /// <param name="response">Its response.</param>
    public static int AskedBy<TResponse>(ApiKey key, short version, TResponse response) =>
        version >= FirstToWait(key) ? Math.Max(0, In(response)) : 0;

    private static int In<TResponse>(TResponse response) => response switch
    {
        ProduceResponse produce => produce.ThrottleMs,
        FetchResponse fetch => fetch.ThrottleMs,
        ListOffsetsResponse offsets => offsets.ThrottleMs,
        MetadataResponse metadata => metadata.ThrottleMs,
        InitProducerIdResponse producer => producer.ThrottleMs,
        DescribeProducersResponse producers => producers.ThrottleMs,
        _ => 0,
    };

    /// <summary>The first version whose throttle time the client has to wait. Source: Kafka's <c>shouldClientThrottle</c> of each
    /// response.</summary>
    private static short FirstToWait(ApiKey key) => key switch
    {
        ApiKey.Produce => 6,
        ApiKey.Fetch => 8,
        ApiKey.ListOffsets => 3,
        ApiKey.Metadata => 6,
        ApiKey.InitProducerId => 1,
        _ => 0,
    };
}
