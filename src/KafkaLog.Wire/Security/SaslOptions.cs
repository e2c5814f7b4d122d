namespace KafkaLog.Wire.Security;

/// <summary>How this client proves who it is.</summary>
/// <param name="Mechanism">The mechanism.</param>
/// <param name="UserName">The user.</param>
/// <param name="Password">The password.</param>
public sealed record SaslOptions(SaslMechanism Mechanism, string UserName, string Password)
{
    /// <summary>Without the password.</summary>
    public override string ToString() => $"{Mechanism} as {UserName}";
}

/// <summary>SASL mechanisms that this client has.</summary>
public enum SaslMechanism
{
    /// <summary>PLAIN (RFC 4616): the password goes to the broker, so only over TLS.</summary>
    Plain,

    /// <summary>SCRAM-SHA-256 (RFC 7677).</summary>
    ScramSha256,

    /// <summary>SCRAM-SHA-512.</summary>
    ScramSha512,
}
