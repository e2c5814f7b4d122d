using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using KafkaLog.Wire.Security;
using AuthenticationException = KafkaLog.Wire.Security.AuthenticationException;

namespace KafkaLog.Wire.Connections;

/// <summary>What all connections of a client have in common.</summary>
public sealed record ConnectionOptions
{
    /// <summary>The name of this client in the brokers' logs and quotas.</summary>
    public string ClientId { get; init; } = "kafkalog";

    /// <summary>TLS; null: nothing is encrypted.</summary>
    public TlsOptions? Tls { get; init; }

    /// <summary>SASL; null: the broker does not ask who we are.</summary>
    public SaslOptions? Sasl { get; init; }

    /// <summary>How long it may take to connect to one address, with TLS and SASL.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long the response to a request may take.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(30);
}

/// <summary>Makes connections: every address of a name is tried, then TLS, then SASL. Thread-safe.</summary>
internal sealed class BrokerConnector(ConnectionOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Shorter than what firewalls and address translation forget after.</summary>
    private const int KeepAliveSeconds = 60;

    private readonly TlsFiles? _files = options.Tls is { } tls ? new TlsFiles(tls) : null;

    /// <summary>Connects.</summary>
    /// <exception cref="ConnectionLostException">None of its addresses can be reached; the message names them.</exception>
    /// <exception cref="AuthenticationException">One answers, and TLS or SASL fails: no other address is tried.</exception>
    /// <exception cref="BrokerTooOldException">One answers, and is too old for SASL.</exception>
    /// <exception cref="Protocol.ProtocolException">What answers is no Kafka broker.</exception>
    public async Task<BrokerConnection> ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        var failures = new List<string>();
        Exception? last = null;
        foreach (var address in await ResolveAsync(host, cancellation).ConfigureAwait(false))
        {
            try
            {
                return await ConnectAsync(host, new IPEndPoint(address, port), cancellation).ConfigureAwait(false);
            }
            catch (Exception e) when (e is SocketException or ConnectionLostException or TimeoutException)
            {
                last = e;
                failures.Add($"{address}: {e.Message}");
            }
        }

        throw new ConnectionLostException($"cannot connect to {host}:{port}: {string.Join("; ", failures)}", last);
    }

    /// <summary>Connects no more; connections that were made can be used on.</summary>
    public void Dispose() => _files?.Dispose();

    /// <summary>The system's resolver may take long, and cannot be stopped: it is not waited for longer than for a connection.</summary>
    private async Task<IPAddress[]> ResolveAsync(string host, CancellationToken cancellation)
    {
        try
        {
            return await Dns.GetHostAddressesAsync(host, cancellation)
                .WaitAsync(options.ConnectTimeout, time, cancellation).ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new ConnectionLostException($"the name {host} was not resolved within {options.ConnectTimeout.TotalSeconds} s", e);
        }
        catch (SocketException e)
        {
            throw new ConnectionLostException($"the name {host} cannot be resolved: {e.Message}", e);
        }
    }

    private async Task<BrokerConnection> ConnectAsync(string host, IPEndPoint endpoint, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(options.ConnectTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        BrokerConnection? connection = null;
        Stream? stream = null;
        try
        {
            stream = await OpenAsync(host, endpoint, either.Token).ConfigureAwait(false);
            connection = await BrokerConnection.OpenAsync(
                stream, $"{host}:{endpoint.Port}", options.ClientId, options.RequestTimeout, time, either.Token).ConfigureAwait(false);
            if (options.Sasl is { } sasl)
            {
                var began = time.GetTimestamp();
                var lifetime = await SaslExchange.RunAsync(connection, sasl).WaitAsync(either.Token).ConfigureAwait(false);
                connection.Session = new Session(began, lifetime);
            }

            return connection;
        }
        catch (Exception e)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            if (stream is not null && options.Tls is { } tls && IsRefusal(e))
            {
                var why = tls.CertificateFile is { } file ? $"it does not take the certificate in {file}" : "it asks for a certificate";
                throw new AuthenticationException(
                    $"{host} refused this client after the TLS handshake: {why} ({Innermost(e).Message})", e);
            }

            if (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"no answer within {options.ConnectTimeout.TotalSeconds} s", e);
            }

            throw;
        }
    }

    private async Task<Stream> OpenAsync(string host, IPEndPoint endpoint, CancellationToken cancellation)
    {
        var socket = new Socket(endpoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, KeepAliveSeconds);
            socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, KeepAliveSeconds);
            await socket.ConnectAsync(endpoint, cancellation).ConfigureAwait(false);
            var stream = new NetworkStream(socket, ownsSocket: true);
            return options.Tls is { } tls ? await EncryptAsync(stream, host, tls, cancellation).ConfigureAwait(false) : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<Stream> EncryptAsync(Stream stream, string host, TlsOptions tls, CancellationToken cancellation)
    {
        string? problem = null;
        using var certificates = Take(_files!);
        var settings = new SslClientAuthenticationOptions
        {
            TargetHost = host,
            ClientCertificateContext = certificates.Own,
            CertificateChainPolicy = certificates.Trust(),
            RemoteCertificateValidationCallback = (_, _, chain, errors) => (problem = ProblemOf(tls, host, chain, errors)) is null,
        };
        var encrypted = new SslStream(stream, leaveInnerStreamOpen: false);
        try
        {
            await encrypted.AuthenticateAsClientAsync(settings, cancellation).ConfigureAwait(false);
            return encrypted;
        }
        catch (Exception e)
        {
            await encrypted.DisposeAsync().ConfigureAwait(false);
            throw e switch
            {
                System.Security.Authentication.AuthenticationException =>
                    new AuthenticationException($"TLS with {host} failed: {problem ?? Innermost(e).Message}", e),
                IOException =>
                    new ConnectionLostException($"{host} ended the connection during the TLS handshake: {Innermost(e).Message}", e),
                _ => e,
            };
        }
    }

    private static Certificates Take(TlsFiles files)
    {
        try
        {
            return files.Take();
        }
        catch (Exception e) when (e is CryptographicException or UnauthorizedAccessException or IOException)
        {
            throw new AuthenticationException($"the files for TLS cannot be used: {e.Message}", e);
        }
    }

    /// <summary>
    /// With TLS 1.3 the client is done with the handshake before the broker looks at its certificate (RFC 8446, section 4.6.2 and
    /// appendix A): the alert comes in place of the first response. The TLS library reports it as its own error, an end of the
    /// connection not.
    /// </summary>
    private static bool IsRefusal(Exception e) =>
        Innermost(e) is CryptographicException or System.Security.Authentication.AuthenticationException;

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;

    /// <summary>What is wrong with the broker's certificate; null: nothing.</summary>
    private static string? ProblemOf(TlsOptions tls, string host, X509Chain? chain, SslPolicyErrors errors)
    {
        if (!tls.ChecksHostName)
        {
            errors &= ~SslPolicyErrors.RemoteCertificateNameMismatch;
        }

        return errors == SslPolicyErrors.None ? null
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) ? "the broker has no certificate"
            : errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors)
                ? "the broker's certificate is not trusted: "
                    + string.Join("; ", chain?.ChainStatus.Select(s => s.StatusInformation.Trim().TrimEnd('.')) ?? [])
            : $"the broker's certificate is not for {host}";
    }
}
