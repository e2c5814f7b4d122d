using System.Security.Cryptography;
using System.Text;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Connections;

/// <summary>Authenticates a connection (KIP-43, KIP-152).</summary>
internal static class SaslExchange
{
    /// <summary>Authenticates; the connection can be used after that.</summary>
    /// <returns>How long it is valid, in ms; 0: forever (KIP-368).</returns>
    /// <exception cref="AuthenticationException">The broker does not take us, or is not who it should be.</exception>
    /// <exception cref="BrokerTooOldException">The broker is older than Kafka 1.0.</exception>
    /// <exception cref="ConnectionLostException">The connection ended.</exception>
    public static async Task<long> RunAsync(BrokerConnection connection, SaslOptions options)
    {
        var name = NameOf(options.Mechanism);
        if (connection.VersionOf<SaslHandshakeRequest, SaslHandshakeResponse>() is null
            || connection.VersionOf<SaslAuthenticateRequest, SaslAuthenticateResponse>() is null)
        {
            throw new BrokerTooOldException("the broker is too old for SASL with this client; it needs Kafka 1.0");
        }

        var handshake = await connection.SendAsync<SaslHandshakeRequest, SaslHandshakeResponse>(new(name)).ConfigureAwait(false);
        if (handshake.Error != KafkaError.None)
        {
            throw new AuthenticationException(
                $"the broker does not take {name} ({handshake.Error}); it takes {string.Join(", ", handshake.Mechanisms)}");
        }

        return options.Mechanism == SaslMechanism.Plain
            ? await PlainAsync(connection, options).ConfigureAwait(false)
            : await ScramAsync(connection, options).ConfigureAwait(false);
    }

    private static async Task<long> PlainAsync(BrokerConnection connection, SaslOptions options)
    {
        var answer = await StepAsync(connection, Encoding.UTF8.GetBytes($"\0{options.UserName}\0{options.Password}")).ConfigureAwait(false);
        return answer.SessionLifetimeMs;
    }

    private static async Task<long> ScramAsync(BrokerConnection connection, SaslOptions options)
    {
        var hash = options.Mechanism == SaslMechanism.ScramSha256 ? HashAlgorithmName.SHA256 : HashAlgorithmName.SHA512;
        var client = new ScramClient(hash, options.UserName, options.Password, ScramClient.NewNonce());
        var challenge = await StepAsync(connection, client.First()).ConfigureAwait(false);
        var answer = await StepAsync(connection, client.Final(challenge.Token)).ConfigureAwait(false);
        client.Verify(answer.Token);
        return answer.SessionLifetimeMs;
    }

    private static async Task<SaslAuthenticateResponse> StepAsync(BrokerConnection connection, byte[] token)
    {
        var answer = await connection.SendAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(token)).ConfigureAwait(false);
        return answer.Error == KafkaError.None
            ? answer
            : throw new AuthenticationException(answer.ErrorMessage is { Length: > 0 } why ? why : $"the broker answers {answer.Error}");
    }

    private static string NameOf(SaslMechanism mechanism) => mechanism switch
    {
        SaslMechanism.Plain => "PLAIN",
        SaslMechanism.ScramSha256 => "SCRAM-SHA-256",
        _ => "SCRAM-SHA-512",
    };
}
