using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KafkaFeeder.Tests;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Security;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Connections;

/// <summary>Connections with TLS, and the files that they need.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly TestCertificates _certificates;
    private readonly ConcurrentQueue<string?> _presented = new();

    public TlsTests() => _certificates = new TestCertificates(_folder.Path);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task A_certificate_that_was_renewed_is_presented_at_the_next_connection()
    {
        await using var broker = NewBroker();
        var (certificate, key, serial) = _certificates.Write("client");
        var options = new TlsOptions { CaFile = _certificates.CaFile, CertificateFile = certificate, KeyFile = key };
        using var connector = Connector(options);
        for (var i = 0; i < 2; i++)
        {
            await using var connection = await connector.ConnectAsync("127.0.0.1", broker.Port, Cancellation);
        }

        var renewed = _certificates.Write("client").Serial;
        await using var next = await connector.ConnectAsync("127.0.0.1", broker.Port, Cancellation);
        Assert.Equal([serial, serial, renewed], _presented);
    }

    [Fact]
    public async Task A_broker_of_another_authority_is_not_trusted()
    {
        await using var broker = NewBroker();
        Directory.CreateDirectory(_folder.File("other"));
        using var other = new TestCertificates(_folder.File("other"));
        using var connector = Connector(new TlsOptions { CaFile = other.CaFile });
        var error = await Assert.ThrowsAsync<AuthenticationException>(
            () => connector.ConnectAsync("127.0.0.1", broker.Port, Cancellation));
        Assert.Contains("the broker's certificate is not trusted", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Certificates_are_made_once_until_a_file_changes_and_disposed_of_when_nobody_needs_them()
    {
        var (certificate, key, _) = _certificates.Write("client");
        var files = new TlsFiles(new TlsOptions { CaFile = _certificates.CaFile, CertificateFile = certificate, KeyFile = key });
        var first = files.Take();
        var again = files.Take();
        Assert.Same(first, again);
        again.Dispose();
        _certificates.Write("client");
        var renewed = files.Take();
        Assert.NotSame(first, renewed);
        Assert.False(first.IsDisposed); // a handshake may still need it
        first.Dispose();
        Assert.True(first.IsDisposed);
        renewed.Dispose();
        Assert.False(renewed.IsDisposed);
        files.Dispose();
        Assert.True(renewed.IsDisposed);
    }

    [Fact]
    public void Files_that_cannot_be_used_are_refused_until_they_are_repaired()
    {
        var (certificate, key, _) = _certificates.Write("client");
        using var files = new TlsFiles(new TlsOptions { CaFile = _certificates.CaFile, CertificateFile = certificate, KeyFile = key });
        File.Copy(_certificates.Write("other").Key, key, overwrite: true); // as in the middle of a renewal
        Assert.ThrowsAny<CryptographicException>(files.Take);
        _certificates.Write("client");
        using var repaired = files.Take();
        Assert.NotNull(repaired.Own);
        File.WriteAllText(_certificates.CaFile, "");
        Assert.Contains("has no certificate", Assert.Throws<CryptographicException>(files.Take).Message, StringComparison.Ordinal);
        File.Delete(_certificates.CaFile);
        Assert.Throws<FileNotFoundException>(files.Take);
    }

    [Theory]
    [InlineData(false, "does not take a client without a certificate")]
    [InlineData(true, "does not take the certificate of this client, ")]
    public async Task A_refused_client_certificate_under_TLS_13_is_reported_as_such(bool hasOne, string what)
    {
        using var server = await StartServerAsync();
        Directory.CreateDirectory(_folder.File("other"));
        using var other = new TestCertificates(_folder.File("other"));
        var (certificate, key, _) = other.Write("client");
        var options = new TlsOptions { CaFile = _certificates.CaFile };
        using var connector = Connector(hasOne ? options with { CertificateFile = certificate, KeyFile = key } : options);
        var error = await Assert.ThrowsAsync<AuthenticationException>(
            () => connector.ConnectAsync("127.0.0.1", server.Port, Cancellation));
        Assert.StartsWith($"TLS with 127.0.0.1:{server.Port} failed: the broker {what}", error.Message, StringComparison.Ordinal);
    }

    private static BrokerConnector Connector(TlsOptions tls) => new(new ConnectionOptions { Tls = tls }, TimeProvider.System);

    /// <summary>A broker that takes any certificate.</summary>
    private ScriptedBroker NewBroker()
    {
        var (certificate, key, _) = _certificates.Write("broker");
        var own = TestCertificates.Load(certificate, key);
        return new ScriptedBroker(r => Responses.Versions(r.CorrelationId), async stream =>
        {
            var encrypted = new SslStream(stream);
            await encrypted.AuthenticateAsServerAsync(new SslServerAuthenticationOptions
            {
                ServerCertificate = own,
                ClientCertificateRequired = true,
                RemoteCertificateValidationCallback = (_, found, _, _) =>
                {
                    _presented.Enqueue((found as X509Certificate2)?.SerialNumber);
                    return found is not null;
                },
            });
            return encrypted;
        });
    }

    /// <summary>A server that takes only certificates of the authority. By OpenSSL's program: what it does is what brokers do, and .NET
    /// sends no alerts on Linux.</summary>
    private async Task<OpenSslServer> StartServerAsync()
    {
        var (certificate, key, _) = _certificates.Write("broker");
        return await OpenSslServer.StartAsync(
            "-tls1_3", "-Verify", "1", "-verify_return_error", "-CAfile", _certificates.CaFile, "-cert", certificate, "-key", key);
    }

    private sealed class OpenSslServer(Process process, int port) : IDisposable
    {
        public int Port => port;

        public static async Task<OpenSslServer> StartAsync(params string[] arguments)
        {
            var start = new ProcessStartInfo("openssl", ["s_server", "-accept", "127.0.0.1:0", .. arguments])
            {
                RedirectStandardInput = true, // it sends what it reads
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            Process? process = null;
            try
            {
                process = Process.Start(start)!;
            }
            catch (System.ComponentModel.Win32Exception)
            {
                Assert.Skip("there is no openssl here");
            }

            process.ErrorDataReceived += (_, _) => { }; // so that it is never full
            process.BeginErrorReadLine();
            while (await process.StandardOutput.ReadLineAsync(Cancellation) is { } line)
            {
                if (line.StartsWith("ACCEPT 127.0.0.1:", StringComparison.Ordinal))
                {
                    return new OpenSslServer(process, int.Parse(line.Split(':')[1], CultureInfo.InvariantCulture));
                }
            }

            throw new InvalidOperationException("openssl s_server did not start");
        }

        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
