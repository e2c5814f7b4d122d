using System.Security.Cryptography;
using System.Text;
using KafkaLog.Wire.Security;
using Xunit;

namespace KafkaLog.Wire.Tests.Security;

public sealed class ScramClientTests
{
    private const string Nonce = "rOprNGfwEbeRWgbNEkqO";
    private const string Challenge = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    /// <summary>The example of RFC 7677, section 3.</summary>
    [Fact]
    public void The_exchange_of_the_RFC()
    {
        var client = new ScramClient(HashAlgorithmName.SHA256, "user", "pencil", Nonce);
        Assert.Equal("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", Text(client.First()));
        Assert.Equal(
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            Text(client.Final(Bytes(Challenge))));
        client.Verify("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="u8);
    }

    [Theory]
    [InlineData("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "does not know the password")]
    [InlineData("v=", "does not know the password")]
    [InlineData("", "does not know the password")]
    [InlineData("v=not base64!", "does not know the password")]
    [InlineData("e=invalid-proof", "refused the user name or the password (invalid-proof)")]
    public void A_server_that_does_not_know_the_password_is_refused(string answer, string why)
    {
        var client = new ScramClient(HashAlgorithmName.SHA256, "user", "pencil", Nonce);
        client.Final(Bytes(Challenge));
        var error = Assert.Throws<AuthenticationException>(() => client.Verify(Bytes(answer)));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_signature_before_the_challenge_is_refused() => Assert.Throws<AuthenticationException>(
        () => new ScramClient(HashAlgorithmName.SHA256, "user", "pencil", Nonce).Verify("v="u8));

    [Theory]
    [InlineData("")]
    [InlineData("r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")] // somebody else's exchange
    [InlineData("r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")] // the server added nothing
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=?,i=4096")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-1")]
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=2000000000")] // minutes of work
    [InlineData("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==")]
    public void A_malformed_challenge_is_refused(string challenge) => Assert.Throws<AuthenticationException>(
        () => new ScramClient(HashAlgorithmName.SHA256, "user", "pencil", Nonce).Final(Bytes(challenge)));

    [Fact]
    public void Commas_and_equals_signs_in_the_name_are_escaped() => Assert.Equal(
        "n,,n=a=3Db=2Cc,r=x", Text(new ScramClient(HashAlgorithmName.SHA512, "a=b,c", "", "x").First()));

    [Fact]
    public void Nonces_differ_and_have_no_comma()
    {
        Assert.NotEqual(ScramClient.NewNonce(), ScramClient.NewNonce());
        Assert.DoesNotContain(',', ScramClient.NewNonce());
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);
}
