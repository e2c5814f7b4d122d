using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Chooses a SASL mechanism (KIP-43). Version 1: the tokens follow as <see cref="SaslAuthenticateRequest"/> (KIP-152).
/// <code>
/// request 1:  mechanism STRING
/// response 1: error code INT16 | ARRAY of: mechanism STRING
/// </code>
/// </summary>
internal readonly record struct SaslHandshakeRequest(string Mechanism) : IRequest<SaslHandshakeResponse>
{
    public static Api Api { get; } = new(ApiKey.SaslHandshake, 1, 1, short.MaxValue);

    public void WriteTo(WireWriter writer, short version) => writer.WriteString(Mechanism);

    public static SaslHandshakeResponse ReadResponse(ref WireReader reader, short version)
    {
        var error = (KafkaError)reader.ReadInt16();
        var mechanisms = new List<string>();
        for (var left = reader.ReadArrayLength(2); left > 0; left--)
        {
            mechanisms.Add(reader.ReadString());
        }

        return new SaslHandshakeResponse(error, mechanisms);
    }
}

/// <summary>What the broker takes.</summary>
internal sealed record SaslHandshakeResponse(KafkaError Error, IReadOnlyList<string> Mechanisms);

/// <summary>
/// One step of an authentication (KIP-152). Version 1 says how long it is valid (KIP-368).
/// <code>
/// request 0, 1:  auth bytes BYTES
/// response 0, 1: error code INT16 | error message NULLABLE_STRING | auth bytes BYTES | [1: session lifetime INT64, ms]
/// </code>
/// </summary>
internal readonly record struct SaslAuthenticateRequest(ReadOnlyMemory<byte> Token) : IRequest<SaslAuthenticateResponse>
{
    public static Api Api { get; } = new(ApiKey.SaslAuthenticate, 0, 1, 2);

    public void WriteTo(WireWriter writer, short version) => writer.WriteBytes(Token.Span);

    public static SaslAuthenticateResponse ReadResponse(ref WireReader reader, short version) => new(
        (KafkaError)reader.ReadInt16(),
        reader.ReadNullableString(),
        reader.ReadBytes().ToArray(),
        version >= 1 ? reader.ReadInt64() : 0);
}

/// <summary>The broker's step.</summary>
/// <param name="Error">None: it goes on, or has succeeded.</param>
/// <param name="ErrorMessage">What the broker says of an error.</param>
/// <param name="Token">Its bytes for the mechanism.</param>
/// <param name="SessionLifetimeMs">After so many milliseconds the connection is closed unless it is authenticated again; 0: never.</param>
internal sealed record SaslAuthenticateResponse(KafkaError Error, string? ErrorMessage, byte[] Token, long SessionLifetimeMs);
