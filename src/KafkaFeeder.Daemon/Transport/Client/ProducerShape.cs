namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>How large the requests of a producer are.</summary>
/// <param name="BatchBytes">The most bytes of records for one partition in a request; a larger record goes alone.</param>
/// <param name="IsSingle">
/// True: each record is sent at once in its own request. The brokers refuse a whole request for one bad record, and the client puts
/// records of several logs into one request. Only alone a record is certainly refused because of itself.
/// </param>
/// <param name="IsPushed">
/// True: records wait until they are pushed, so that a window is sent as one request, and no record is retried after a later one was
/// sent. Without the idempotent producer this is always so.
/// </param>
internal readonly record struct ProducerShape(int BatchBytes, bool IsSingle, bool IsPushed = false)
{
    /// <summary>
    /// From large to small. If <c>max.message.bytes</c> of a topic is below the size of a request, every request is refused, and the
    /// error does not contain the limit: so the next smaller size is tried.
    /// </summary>
    public static readonly IReadOnlyList<ProducerShape> Sizes =
        [new(1_000_000, false), new(250_000, false), new(60_000, false), new(15_000, false)];

    public static readonly ProducerShape Single = new(1_000_000, true);
}
