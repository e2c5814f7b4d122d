using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Options;

/// <summary>One Kafka cluster, under the name that logs refer to. Equal when all its settings are.</summary>
public sealed record BrokerGroupOptions
{
    public required string Name { get; init; }

    /// <summary><c>host:port</c> each; never empty.</summary>
    public required IReadOnlyList<string> Brokers { get; init; }

    /// <summary>Settings of librdkafka, secrets filled in, in the order of the file.</summary>
    public IReadOnlyList<BrokerProperty> Properties { get; init; } = [];

    /// <summary>How records are sent to these brokers.</summary>
    public TransportKind Transport { get; init; }

    /// <summary>A message of the client library without values that were filled in or are secret by their name: it quotes values.</summary>
    public string WithoutSecrets(string text) =>
        Properties.Where(p => p.IsSecret).OrderByDescending(p => p.Value.Length).Aggregate(text, (t, p) => Hiding.In(t, p.Value));

    public bool Equals(BrokerGroupOptions? other) => other is not null
        && Name == other.Name
        && Transport == other.Transport
        && Brokers.SequenceEqual(other.Brokers)
        && Properties.SequenceEqual(other.Properties);

    public override int GetHashCode() => HashCode.Combine(Name, Brokers.Count, Properties.Count);
}

/// <summary>How records are sent to a broker group.</summary>
public enum TransportKind
{
    /// <summary>By the wire transport where the settings and the brokers allow it, else by the client library.</summary>
    Auto,

    /// <summary>Stored batches over our own connections: resumes exactly.</summary>
    Wire,

    /// <summary>Records through librdkafka, which has every security mechanism.</summary>
    Client,
}

/// <summary>One setting of librdkafka. Its text form hides the value of a secret; <see cref="Value"/> does not.</summary>
/// <param name="Name"><c>security.protocol</c></param>
/// <param name="Value">In the clear: for the client library alone.</param>
/// <param name="IsSecret">By its name, or because it came from a file or the environment.</param>
public sealed record BrokerProperty(string Name, string Value, bool IsSecret)
{
    private static readonly string[] SecretWords =
        ["password", "passphrase", "secret", "key", "token", "credential", "sasl.jaas", "oauthbearer.config"];

    /// <summary>The value as it may be shown.</summary>
    public string ShownValue => IsSecret ? Hiding.Hidden : Value;

    /// <summary>Rather hides too much: <c>ssl.key.location</c> is hidden as well.</summary>
    public static bool HasSecretName(string name) =>
        SecretWords.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase));

    public override string ToString() => $"{Name}={ShownValue}";
}
