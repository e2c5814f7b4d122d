using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Which requests the broker takes in which versions (KIP-35).
/// <code>
/// request 0:  (nothing)
/// response 0: error code INT16 | ARRAY of: api key INT16 | min version INT16 | max version INT16
/// </code>
/// </summary>
internal readonly record struct ApiVersionsRequest : IRequest<ApiVersionsResponse>
{
    public static Api Api { get; } = new(ApiKey.ApiVersions, 0, 0, 3);

    public void WriteTo(WireWriter writer, short version)
    {
    }

    public static ApiVersionsResponse ReadResponse(ref WireReader reader, short version)
    {
        var error = (KafkaError)reader.ReadInt16();
        var ranges = new Dictionary<ApiKey, (short Min, short Max)>();
        for (var left = reader.ReadArrayLength(6); left > 0; left--)
        {
            ranges[(ApiKey)reader.ReadInt16()] = (reader.ReadInt16(), reader.ReadInt16());
        }

        return new ApiVersionsResponse(error, ranges);
    }
}

/// <summary>What the broker speaks.</summary>
internal sealed record ApiVersionsResponse(KafkaError Error, IReadOnlyDictionary<ApiKey, (short Min, short Max)> Ranges)
{
    /// <summary>The highest version that both sides have; null: none.</summary>
    public short? VersionOf(Api api) =>
        Ranges.TryGetValue(api.Key, out var range) && Math.Min(range.Max, api.Max) is var version && version >= Math.Max(range.Min, api.Min)
            ? version
            : null;
}
