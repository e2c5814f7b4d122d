using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Security;
using Xunit;

namespace KafkaLog.Wire.Tests.Security;

public sealed class OptionsTests
{
    [Fact]
    public void Passwords_are_not_in_the_text_of_options()
    {
        var options = new ConnectionOptions
        {
            Sasl = new SaslOptions(SaslMechanism.Plain, "user", "secret1"),
            Tls = new TlsOptions { KeyFile = "key.pem", KeyPassword = "secret2" },
        };
        Assert.Contains("Plain as user", options.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", options.ToString(), StringComparison.Ordinal);
    }
}
