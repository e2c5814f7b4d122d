namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>How large the requests of a producer are.</summary>
/// <param name="BatchBytes">The most bytes of records for one partition in a request; a larger record goes alone.</param>
/// <param name="IsSingle">
/// True: each record in a request of its own, at once. The brokers refuse a request as a whole for one bad record, and the
/// client mixes what all logs send to a partition; only alone is a record refused for what it is.
/// </param>
/// <param name="IsPushed">
/// True: records wait until they are pushed, so that a window goes out as one request, and nothing of it is retried after
/// something later. Always so without the idempotent producer.
/// </param>
internal readonly record struct ProducerShape(int BatchBytes, bool IsSingle, bool IsPushed = false)
{
    /// <summary>
    /// From large to small. Where a topic's <c>max.message.bytes</c> is below the size of a request, every request is refused,
    /// and nobody says what the limit is: so it is found by going down here.
    /// </summary>
    public static readonly IReadOnlyList<ProducerShape> Sizes =
        [new(1_000_000, false), new(250_000, false), new(60_000, false), new(15_000, false)];

    public static readonly ProducerShape Single = new(1_000_000, true);
}
