using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// The one connection to a broker, which all who talk to it share; made when it is needed, again when it was lost, but not before
/// its backoff is over, and again before its session ends (KIP-368). Thread-safe.
/// </summary>
internal sealed class BrokerLink : IAsyncDisposable
{
    /// <summary>How long not to try again when a session could not be renewed; its connection is used meanwhile.</summary>
    private static readonly TimeSpan RenewAgainAfter = TimeSpan.FromSeconds(1);

    private readonly BrokerConnector _connector;
    private readonly TimeProvider _time;
    private readonly Func<BrokerConnection, Task> _check;
    private readonly CancellationTokenSource _disposed = new();
    private volatile BrokerConnection? _connection;
    private readonly Lock _lock = new(); // for what follows
    private readonly ReconnectBackoff _backoff;
    private Task<BrokerConnection>? _connecting;
    private bool _isSwitching;
    private Failure? _failure;
    private long? _renewalFailedAt;
    private long _usedAt;
    private bool _isDisposed;

    /// <param name="host">The broker's host.</param>
    /// <param name="port">Its port.</param>
    /// <param name="connector">Makes connections.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Gives numbers from 0 (inclusive) to 1 (exclusive).</param>
    /// <param name="check">Looks at a new connection before it is used; throws an <see cref="IOException"/> if it may not be.</param>
    public BrokerLink(
        string host, int port, BrokerConnector connector, TimeProvider time, Func<double> random, Func<BrokerConnection, Task> check)
    {
        Host = host;
        Port = port;
        _connector = connector;
        _time = time;
        _check = check;
        _backoff = new ReconnectBackoff(random);
        _usedAt = time.GetTimestamp();
    }

    /// <summary>The broker's host, as it is advertised or configured.</summary>
    public string Host { get; }

    /// <summary>The broker's port.</summary>
    public int Port { get; }

    /// <summary>The connection if it is there and works; null: it has to be made.</summary>
    public BrokerConnection? Connected =>
        _connection is { Failure: null } connection && !connection.Session.IsOver(_time) ? connection : null;

    /// <summary>
    /// The connection; made if need be. While somebody else makes it, waits for that; cancelling ends only the waiting. To be asked for
    /// before every request: a connection that is to be replaced takes none any more once the next is there.
    /// </summary>
    /// <exception cref="ConnectionLostException">It cannot be made, or its backoff is not over: the message says why it failed
    /// last.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    /// <exception cref="BrokerTooOldException">The broker is too old for SASL.</exception>
    /// <exception cref="OtherClusterException">The broker belongs to another cluster.</exception>
    /// <exception cref="Protocol.ProtocolException">What answers is no Kafka broker.</exception>
    public async Task<BrokerConnection> GetAsync(CancellationToken cancellation)
    {
        Task<BrokerConnection> connecting;
        lock (_lock)
        {
            if (_isDisposed)
            {
                throw NotNeeded();
            }

            _usedAt = _time.GetTimestamp();
            var connected = Connected;
            if (connected is not null && _connecting is null && !IsToBeRenewed(connected))
            {
                return connected;
            }

            _connecting ??= Begin();
            if (connected is not null && !_isSwitching)
            {
                return connected;
            }

            connecting = _connecting;
        }

        return await connecting.WaitAsync(cancellation).ConfigureAwait(false);
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

    /// <summary>Whether nobody has asked for the connection for so long, and no request waits for a response.</summary>
    public bool IsUnusedSince(TimeSpan time)
    {
        lock (_lock)
        {
            return _connecting is null && _time.GetElapsedTime(_usedAt) >= time && _connection is null or { InFlight: 0, Waiting: 0 };
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task? connecting;
        lock (_lock)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true; // no connection is made after this
            connecting = _connecting;
        }

        await _disposed.CancelAsync().ConfigureAwait(false);
        if (_connection is { } connection)
        {
            await connection.DisposeAsync().ConfigureAwait(false); // also ends the wait for its last responses
        }

        if (connecting is not null)
        {
            await connecting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>To be called with the lock.</summary>
    private bool IsToBeRenewed(BrokerConnection connection) => connection.Session.IsToBeRenewed(_time)
        && (_renewalFailedAt is not { } at || _time.GetElapsedTime(at) >= RenewAgainAfter);

    private Task<BrokerConnection> Begin()
    {
        var connecting = Task.Run(ConnectAsync, CancellationToken.None);
        _ = connecting.ContinueWith( // perhaps nobody waits for it
            static t => _ = t.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return connecting;
    }

    /// <summary>One at a time.</summary>
    private async Task<BrokerConnection> ConnectAsync()
    {
        BrokerConnection? next = null;
        try
        {
            var before = _connection;
            if (before is { Failure: not null })
            {
                await DropAsync(before).ConfigureAwait(false);
                before = null;
            }

            next = await OpenAsync(isRenewal: before is not null).ConfigureAwait(false);
            if (before is not null)
            {
                await SwitchFromAsync(before).ConfigureAwait(false);
            }

            lock (_lock)
            {
                if (_isDisposed)
                {
                    throw NotNeeded();
                }

                End();
                return _connection = next;
            }
        }
        catch (Exception e)
        {
            lock (_lock)
            {
                End();
            }

            if (next is not null)
            {
                await next.DisposeAsync().ConfigureAwait(false);
            }

            throw e is OperationCanceledException ? NotNeeded() : e;
        }
    }

    /// <summary>To be called with the lock: who asks from now on gets what there is, or starts again.</summary>
    private void End()
    {
        _connecting = null;
        _isSwitching = false;
    }

    private async Task<BrokerConnection> OpenAsync(bool isRenewal)
    {
        ThrowIfBackingOff();
        BrokerConnection? opened = null;
        try
        {
            opened = await _connector.ConnectAsync(Host, Port, _disposed.Token).ConfigureAwait(false);
            await _check(opened).WaitAsync(_disposed.Token).ConfigureAwait(false);
            opened.IsReady();
            return opened;
        }
        catch (Exception e)
        {
            if (opened is not null)
            {
                await opened.DisposeAsync().ConfigureAwait(false);
            }

            if (e is IOException)
            {
                Failed(e, isRenewal);
            }

            throw;
        }
    }

    /// <summary>
    /// A request over the next connection must not overtake those of the one before: a broker that sees batches of a producer out of
    /// order refuses them. So the next is given out only after the one before has its responses, or has failed.
    /// </summary>
    private async Task SwitchFromAsync(BrokerConnection before)
    {
        lock (_lock)
        {
            _isSwitching = true;
        }

        await before.CloseWhenAnsweredAsync().ConfigureAwait(false);
    }

    /// <summary>A connection that was lost counts as a failure: a broker that accepts and hangs up is not tried without a pause.</summary>
    private async Task DropAsync(BrokerConnection lost)
    {
        _connection = null;
        if (!lost.EndedIdle)
        {
            Failed(lost.Failure!, isRenewal: false);
        }

        await lost.DisposeAsync().ConfigureAwait(false);
    }

    private void ThrowIfBackingOff()
    {
        lock (_lock)
        {
            if (_failure is { } failure && _time.GetElapsedTime(failure.At) < failure.Wait)
            {
                throw new ConnectionLostException(failure.Reason.Message, failure.Reason);
            }
        }
    }

    private void Failed(Exception reason, bool isRenewal)
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _failure = new Failure(reason, now, _backoff.Failed());
            _renewalFailedAt = isRenewal ? now : null;
        }
    }

    private ConnectionLostException NotNeeded() => new($"the connection to {Host}:{Port} is not needed any more");

    private sealed record Failure(Exception Reason, long At, TimeSpan Wait);
}
