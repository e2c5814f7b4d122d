using System.Globalization;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>A listener with TLS.</summary>
public enum SecuredListener
{
    /// <summary>SCRAM-SHA-256, SCRAM-SHA-512 or PLAIN over TLS.</summary>
    SaslSsl,

    /// <summary>Clients need a certificate.</summary>
    Ssl,

    /// <summary>The same in TLS 1.2, where the broker says in the handshake what it thinks of the certificate.</summary>
    Ssl12,

    /// <summary>The broker's certificate has expired.</summary>
    Expired,

    /// <summary>The broker's certificate is for other.example.</summary>
    OtherName,
}

/// <summary>The listeners of a secured cluster, and what clients need for them: <c>kafka-cluster start --secured</c>.</summary>
public sealed class ClusterSecurity(IReadOnlyDictionary<string, string> environment)
{
    /// <summary>The user of SASL.</summary>
    public string User => environment["SECURED_USER"];

    /// <summary>The password of that user.</summary>
    public string Password => environment["SECURED_PASSWORD"];

    /// <summary>A file, such as ca.pem.</summary>
    public string PathOf(string file) => Path.Combine(environment["SECURITY_DIR"], file);

    /// <summary>The port of the first broker, at 127.0.0.1.</summary>
    public int PortOf(SecuredListener listener) =>
        int.Parse(environment[$"{NameOf(listener)}_BOOTSTRAP"].Split(',')[0].Split(':')[1], CultureInfo.InvariantCulture);

    private static string NameOf(SecuredListener listener) => listener switch
    {
        SecuredListener.SaslSsl => "SASL_SSL",
        SecuredListener.Ssl => "SSL",
        SecuredListener.Ssl12 => "SSL_1_2",
        SecuredListener.Expired => "EXPIRED",
        _ => "OTHER_NAME",
    };
}
