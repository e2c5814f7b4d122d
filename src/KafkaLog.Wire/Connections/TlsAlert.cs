using System.Security.Cryptography;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// What the other side of a TLS connection says when it ends it (RFC 8446, 6.2). The framework passes on OpenSSL's error code: the reason
/// of an alert is 1000 and the number of the alert (openssl/sslerr.h, <c>SSL_AD_REASON_OFFSET</c>).
/// </summary>
internal static class TlsAlert
{
    private const int ReasonMask = 0x7FFFFF;
    private const int FirstReason = 1000;

    /// <summary>
    /// Whether the other side does not accept a certificate, or misses one: bad_certificate (42), unsupported_certificate,
    /// certificate_revoked, certificate_expired, certificate_unknown (46), unknown_ca (48), access_denied (49), decrypt_error (51: the
    /// signature of its authority is wrong), certificate_required (116).
    /// </summary>
    public static bool IsAboutCertificate(Exception e) =>
        e is CryptographicException && (e.HResult & ReasonMask) - FirstReason is (>= 42 and <= 46) or 48 or 49 or 51 or 116;
}
