using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// The frame of requests and responses. Source: kafka.apache.org/protocol, "Request Header"; KIP-482.
/// <code>
/// request:  size INT32 | api key INT16 | api version INT16 | correlation id INT32 | client id NULLABLE_STRING | [tagged fields] | body
/// response: size INT32 | correlation id INT32 | [tagged fields] | body
/// </code>
/// Tagged fields are there in flexible versions; not in the response to ApiVersions, which has to be read before versions are known.
/// </summary>
internal static class RequestHeader
{
    /// <summary>Bytes of the size in front.</summary>
    public const int SizeBytes = 4;

    /// <summary>Writes a whole request.</summary>
    public static void Write<TRequest, TResponse>(WireWriter writer, in TRequest request, short version, int correlationId, string clientId)
        where TRequest : IRequest<TResponse>
    {
        var api = TRequest.Api;
        var start = writer.Length;
        writer.WriteInt32(0);
        writer.WriteInt16((short)api.Key);
        writer.WriteInt16(version);
        writer.WriteInt32(correlationId);
        writer.WriteString(clientId);
        if (api.IsFlexible(version))
        {
            writer.WriteNoTaggedFields();
        }

        request.WriteTo(writer, version);
        writer.SetInt32(start, writer.Length - start - SizeBytes);
    }

    /// <summary>Reads a whole response, without the size in front.</summary>
    /// <exception cref="ProtocolException">It is not the response to that request.</exception>
    public static TResponse Read<TRequest, TResponse>(ReadOnlySpan<byte> response, short version, int correlationId)
        where TRequest : IRequest<TResponse>
    {
        var reader = new WireReader(response);
        var found = reader.ReadInt32();
        if (found != correlationId)
        {
            throw new ProtocolException($"a response has the correlation id {found}, expected {correlationId}");
        }

        if (TRequest.Api.IsFlexible(version) && TRequest.Api.Key != ApiKey.ApiVersions)
        {
            reader.SkipTaggedFields();
        }

        var read = TRequest.ReadResponse(ref reader, version);
        reader.ThrowIfNotAtEnd();
        return read;
    }
}
