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
        try
        {
            var stream = await OpenAsync(host, endpoint, either.Token).ConfigureAwait(false);
            connection = await AskVersionsAsync(stream, $"{host}:{endpoint.Port}", either.Token).ConfigureAwait(false);
            if (options.Sasl is { } sasl)
            {
                connection.Session = await AuthenticateAsync(connection, $"{host}:{endpoint.Port}", sasl, either.Token)
                    .ConfigureAwait(false);
            }

            return connection;
        }
        catch (Exception e)
        {
            if (connection is not null)
            {
                await connection.DisposeAsync().ConfigureAwait(false);
            }

            if (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            {
                throw new TimeoutException($"no answer within {options.ConnectTimeout.TotalSeconds} s", e);
            }

            throw;
        }
    }

    /// <summary>
    /// The first exchange over the stream. In TLS 1.3 the handshake is over for the client before the broker has looked at the client's
    /// certificate: what the broker thinks of it comes now.
    /// </summary>
    private async Task<BrokerConnection> AskVersionsAsync(Stream stream, string address, CancellationToken cancellation)
    {
        try
        {
            return await BrokerConnection.OpenAsync(stream, address, options.ClientId, options.RequestTimeout, time, cancellation)
                .ConfigureAwait(false);
        }
        catch (ConnectionLostException e) when (options.Tls is not null && TlsAlert.IsAboutCertificate(Innermost(e)))
        {
            throw new AuthenticationException($"TLS with {address} failed: {RefusalOf(options.Tls, Innermost(e))}", e);
        }
    }

    private async Task<Session> AuthenticateAsync(
        BrokerConnection connection, string address, SaslOptions sasl, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        try
        {
            var lifetime = await SaslExchange.RunAsync(connection, sasl).WaitAsync(cancellation).ConfigureAwait(false);
            return new Session(began, lifetime);
        }
        catch (AuthenticationException e)
        {
            throw new AuthenticationException($"SASL with {address} ({sasl}) failed: {e.Message}", e);
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
            return options.Tls is { } tls
                ? await EncryptAsync(stream, host, endpoint.Port, tls, cancellation).ConfigureAwait(false)
                : stream;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private async Task<Stream> EncryptAsync(Stream stream, string host, int port, TlsOptions tls, CancellationToken cancellation)
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
                    new AuthenticationException($"TLS with {host}:{port} failed: {problem ?? RefusalOf(tls, Innermost(e))}", e),
                IOException =>
                    new ConnectionLostException($"{host}:{port} ended the connection during the TLS handshake: {Innermost(e).Message}", e),
                _ => e,
            };
        }
    }

    /// <summary>Why the broker ended the handshake: in TLS 1.2, that is also what it thinks of the client's certificate.</summary>
    private static string RefusalOf(TlsOptions tls, Exception e) =>
        !TlsAlert.IsAboutCertificate(e) ? e.Message
        : tls.CertificateFile is { } file ? $"the broker does not take the certificate of this client, {file} ({e.Message})"
        : $"the broker does not take a client without a certificate ({e.Message})";

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
