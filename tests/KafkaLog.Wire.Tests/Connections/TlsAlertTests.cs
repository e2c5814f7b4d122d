using System.Security.Cryptography;
using KafkaLog.Wire.Connections;
using Xunit;

namespace KafkaLog.Wire.Tests.Connections;

public sealed class TlsAlertTests
{
    /// <summary>Error codes of OpenSSL 3: library 20 (SSL) in the high bits, then the reason.</summary>
    [Theory]
    [InlineData(0x0A000412, true)] // 1042, bad certificate
    [InlineData(0x0A000416, true)] // 1046, certificate unknown
    [InlineData(0x0A000418, true)] // 1048, unknown CA
    [InlineData(0x0A00045C, true)] // 1116, certificate required
    [InlineData(0x0A000417, false)] // 1047, illegal parameter
    [InlineData(0x0A0003FC, false)] // 1020, bad record MAC
    [InlineData(0x0A00041B, true)] // 1051, decrypt error: what OpenSSL says of a certificate that its authority has not signed (TlsTests)
    [InlineData(0x0A000119, false)] // 281: no alert of the other side
    [InlineData(0, false)]
    public void An_alert_about_a_certificate_is_known_by_its_number(int code, bool isAboutCertificate) =>
        Assert.Equal(isAboutCertificate, TlsAlert.IsAboutCertificate(new CryptographicException(code)));

    [Fact]
    public void Other_failures_are_no_alert() => Assert.False(TlsAlert.IsAboutCertificate(new IOException("lost", 0x0A000412)));
}
