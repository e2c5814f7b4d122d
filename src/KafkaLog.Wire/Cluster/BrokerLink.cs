using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// The one connection to a broker, which all who talk to it share; made when it is needed, and again when it was lost, but not before
/// its backoff is over. Thread-safe.
/// </summary>
internal sealed class BrokerLink : IAsyncDisposable
{
    private readonly BrokerConnector _connector;
    private readonly TimeProvider _time;
    private readonly ReconnectBackoff _backoff;
    private readonly SemaphoreSlim _connecting = new(1, 1);
    private readonly CancellationTokenSource _disposed = new();
    private volatile BrokerConnection? _connection;
    private readonly Lock _lock = new(); // for what follows
    private Failure? _failure;
    private bool _isDisposed;

    public BrokerLink(string host, int port, BrokerConnector connector, TimeProvider time, Func<double> random)
    {
        Host = host;
        Port = port;
        _connector = connector;
        _time = time;
        _backoff = new ReconnectBackoff(random);
    }

    /// <summary>The broker's host, as it is advertised or configured.</summary>
    public string Host { get; }

    /// <summary>The broker's port.</summary>
    public int Port { get; }

    /// <summary>The connection if it is there and works; null: it has to be made.</summary>
    public BrokerConnection? Connected => _connection is { Failure: null } connection ? connection : null;

    /// <summary>The connection; made if need be. While somebody else makes it, waits for that.</summary>
    /// <exception cref="ConnectionLostException">It cannot be made, or its backoff is not over: the message says why it failed
    /// last.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    /// <exception cref="Protocol.ProtocolException">What answers is no Kafka broker.</exception>
    public async Task<BrokerConnection> GetAsync(CancellationToken cancellation)
    {
        if (Connected is { } connected)
        {
            return connected;
        }

        try
        {
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposed.Token);
            await _connecting.WaitAsync(either.Token).ConfigureAwait(false);
            try
            {
                return Connected ?? await ConnectAsync(either.Token).ConfigureAwait(false);
            }
            finally
            {
                _connecting.Release();
            }
        }
        catch (OperationCanceledException) when (_disposed.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new ConnectionLostException($"the connection to {Host}:{Port} is not needed any more");
        }
    }

    /// <summary>A request was answered over it.</summary>
    public void Answered()
    {
        lock (_lock)
        {
            _backoff.Answered();
            _failure = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        await _disposed.CancelAsync().ConfigureAwait(false);
        await _connecting.WaitAsync().ConfigureAwait(false); // no connection is made after this
        if (_connection is { } connection)
        {
            await connection.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<BrokerConnection> ConnectAsync(CancellationToken cancellation)
    {
        await DropAsync().ConfigureAwait(false);
        lock (_lock)
        {
            if (_failure is { } failure && _time.GetElapsedTime(failure.At) < failure.Wait)
            {
                throw new ConnectionLostException(failure.Reason.Message, failure.Reason);
            }
        }

        try
        {
            return _connection = await _connector.ConnectAsync(Host, Port, cancellation).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            Failed(e);
            throw;
        }
    }

    /// <summary>A connection that was lost counts as a failure: a broker that accepts and hangs up is not tried without a pause.</summary>
    private async Task DropAsync()
    {
        if (_connection is { } lost)
        {
            _connection = null;
            if (!lost.EndedIdle)
            {
                Failed(lost.Failure!);
            }

            await lost.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Failed(Exception reason)
    {
        lock (_lock)
        {
            _failure = new Failure(reason, _time.GetTimestamp(), _backoff.Failed());
        }
    }

    private sealed record Failure(Exception Reason, long At, TimeSpan Wait);
}
