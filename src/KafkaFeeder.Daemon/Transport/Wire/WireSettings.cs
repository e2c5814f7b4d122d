using System.Globalization;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Compression;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Security;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// What the wire transport makes of the properties of a broker group, which are named as in librdkafka (its CONFIGURATION.md).
/// </summary>
internal sealed record WireSettings
{
    /// <summary>How to connect.</summary>
    public required ConnectionOptions Connection { get; init; }

    /// <summary>How records are compressed that are not stored compressed.</summary>
    public CompressionType Compression { get; init; }

    /// <summary>Why the properties need the client library, one sentence; null: they do not.</summary>
    public string? NeedsClient { get; init; }

    /// <summary>Reads the properties.</summary>
    public static WireSettings Of(BrokerGroupOptions group)
    {
        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in group.Properties)
        {
            values[property.Name] = property.Value;
        }

        var reader = new Reader(values);
        var protocol = reader.Take("security.protocol")?.ToLowerInvariant() ?? "plaintext";
        var tls = protocol is "ssl" or "sasl_ssl" ? TlsOf(reader) : null;
        var sasl = protocol is "sasl_plaintext" or "sasl_ssl" ? SaslOf(reader) : null;
        if (protocol is not ("plaintext" or "ssl" or "sasl_plaintext" or "sasl_ssl"))
        {
            reader.NeedsClient("security.protocol");
        }

        var connection = new ConnectionOptions
        {
            ClientId = reader.Take("client.id") ?? "kafkafeeder",
            Tls = tls,
            Sasl = sasl,
            ConnectTimeout = reader.TakeTime("socket.connection.setup.timeout.ms") ?? TimeSpan.FromSeconds(10),
            RequestTimeout = reader.TakeTime("request.timeout.ms") ?? reader.TakeTime("socket.timeout.ms") ?? TimeSpan.FromSeconds(30),
        };
        var compression = CompressionOf(reader);
        reader.Take("linger.ms"); // what is there is sent at once: nothing has to wait for others
        reader.TakeIf("socket.keepalive.enable", "true");
        reader.TakeIf("enable.idempotence", "true");
        return new WireSettings { Connection = connection, Compression = compression, NeedsClient = reader.Reason() };
    }

    private static TlsOptions TlsOf(Reader reader)
    {
        reader.TakeIf("enable.ssl.certificate.verification", "true");
        var algorithm = reader.Take("ssl.endpoint.identification.algorithm");
        if (algorithm is not (null or "https" or "none"))
        {
            reader.NeedsClient("ssl.endpoint.identification.algorithm");
        }

        return new TlsOptions
        {
            CaFile = reader.Take("ssl.ca.location"),
            CertificateFile = reader.Take("ssl.certificate.location"),
            KeyFile = reader.Take("ssl.key.location"),
            KeyPassword = reader.Take("ssl.key.password"),
            ChecksHostName = algorithm != "none",
        };
    }

    private static SaslOptions? SaslOf(Reader reader)
    {
        var mechanism = reader.Take("sasl.mechanism") ?? reader.Take("sasl.mechanisms");
        SaslMechanism? known = mechanism?.ToUpperInvariant() switch
        {
            "PLAIN" => SaslMechanism.Plain,
            "SCRAM-SHA-256" => SaslMechanism.ScramSha256,
            "SCRAM-SHA-512" => SaslMechanism.ScramSha512,
            _ => null,
        };
        if (known is null)
        {
            reader.NeedsClient("sasl.mechanism");
        }

        return new SaslOptions(known ?? SaslMechanism.Plain, reader.Take("sasl.username") ?? "", reader.Take("sasl.password") ?? "");
    }

    private static CompressionType CompressionOf(Reader reader)
    {
        var name = reader.Take("compression.type") ?? reader.Take("compression.codec") ?? "none";
        switch (name.ToLowerInvariant())
        {
            case "none":
                return CompressionType.None;
            case "gzip":
                return CompressionType.Gzip;
            case "snappy":
                return CompressionType.Snappy;
            case "lz4":
                return CompressionType.Lz4;
            case "zstd":
                return CompressionType.Zstd;
            default:
                reader.NeedsClient("compression.type");
                return CompressionType.None;
        }
    }

    /// <summary>Takes properties one by one: those that nobody took need the client library.</summary>
    private sealed class Reader(Dictionary<string, string> values)
    {
        private readonly List<string> _unknown = [];

        public string? Take(string name) => values.Remove(name, out var value) ? value : null;

        public void TakeIf(string name, string only)
        {
            if (Take(name) is { } value && !string.Equals(value, only, StringComparison.OrdinalIgnoreCase))
            {
                NeedsClient(name);
            }
        }

        public TimeSpan? TakeTime(string name)
        {
            if (Take(name) is not { } value)
            {
                return null;
            }

            if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var ms) && ms > 0)
            {
                return TimeSpan.FromMilliseconds(ms);
            }

            NeedsClient(name);
            return null;
        }

        public void NeedsClient(string name) => _unknown.Add(name);

        public string? Reason()
        {
            var names = _unknown.Concat(values.Keys).Distinct().Order(StringComparer.Ordinal).ToList();
            return names.Count == 0 ? null : $"only the client library knows what is set for {string.Join(", ", names)}";
        }
    }
}
