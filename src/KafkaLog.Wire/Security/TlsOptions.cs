namespace KafkaLog.Wire.Security;

/// <summary>How a connection is encrypted, and whom it trusts.</summary>
public sealed record TlsOptions
{
    /// <summary>A PEM file with the certificates of the authorities that are trusted; null: those of the system.</summary>
    public string? CaFile { get; init; }

    /// <summary>A PEM file with this client's certificate and its chain; null: it has none.</summary>
    public string? CertificateFile { get; init; }

    /// <summary>A PEM file with the key of the certificate.</summary>
    public string? KeyFile { get; init; }

    /// <summary>The password of an encrypted key; null: it is not encrypted.</summary>
    public string? KeyPassword { get; init; }

    /// <summary>False: the broker's certificate may be for another host name.</summary>
    public bool ChecksHostName { get; init; } = true;

    /// <summary>Without the password.</summary>
    public override string ToString() => $"CA {CaFile ?? "of the system"}, certificate {CertificateFile ?? "none"}";
}
