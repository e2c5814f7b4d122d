using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>The requests that this client sends. Source: Kafka's <c>ApiKeys</c>.</summary>
internal enum ApiKey : short
{
    Produce = 0,
    Fetch = 1,
    ListOffsets = 2,
    Metadata = 3,
    SaslHandshake = 17,
    ApiVersions = 18,
    InitProducerId = 22,
    SaslAuthenticate = 36,
    DescribeProducers = 61,
}

/// <summary>Which versions of a request this client can send. The highest that the broker has too is used.</summary>
/// <param name="Key">The request.</param>
/// <param name="Min">The lowest version, inclusive.</param>
/// <param name="Max">The highest version, inclusive.</param>
/// <param name="FirstFlexible">The first version with compact types and tagged fields (KIP-482), also beyond Max.</param>
internal readonly record struct Api(ApiKey Key, short Min, short Max, short FirstFlexible)
{
    /// <summary>Whether a version has compact types and tagged fields.</summary>
    public bool IsFlexible(short version) => version >= FirstFlexible;
}

/// <summary>A request: how it is written, and how its response is read.</summary>
/// <typeparam name="TResponse">What the response says.</typeparam>
internal interface IRequest<TResponse>
{
    static abstract Api Api { get; }

    /// <summary>Writes everything after the header.</summary>
    void WriteTo(WireWriter writer, short version);

    /// <summary>Reads everything after the header.</summary>
    /// <exception cref="ProtocolException">The bytes are not such a response.</exception>
    static abstract TResponse ReadResponse(ref WireReader reader, short version);
}
