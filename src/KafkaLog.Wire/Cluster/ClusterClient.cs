using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// A Kafka cluster: its brokers, one connection to each, and who leads which partition. Leaders are asked for when they are needed and
/// kept as <see cref="TopicCache"/> says. Thread-safe.
/// </summary>
internal sealed class ClusterClient : IAsyncDisposable
{
    private readonly BrokerConnector _connector;
    private readonly TimeProvider _time;
    private readonly SharedQuestion _question;
    private readonly CancellationTokenSource _disposed = new();
    private readonly Lock _lock = new();
    private readonly BrokerLinks _links; // with the lock
    private readonly TopicCache _topics; // with the lock
    private string? _clusterId; // with the lock
    private volatile bool _isDisposed;

    /// <param name="bootstrap">Brokers to ask first, host and port; at least one.</param>
    /// <param name="options">How to connect.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Gives numbers from 0 (inclusive) to 1 (exclusive); null: random ones.</param>
    public ClusterClient(
        IReadOnlyList<(string Host, int Port)> bootstrap, ConnectionOptions options, TimeProvider time, Func<double>? random = null)
    {
        var connector = _connector = new BrokerConnector(options, time);
        random ??= Random.Shared.NextDouble;
        _time = time;
        _question = new SharedQuestion(RefreshAsync);
        _topics = new TopicCache(time);
        _links = new BrokerLinks(bootstrap, (host, port) => new BrokerLink(host, port, connector, time, random, CheckAsync));
    }

    /// <summary>The id of the cluster; null: no broker has said it yet.</summary>
    public string? ClusterId
    {
        get
        {
            lock (_lock)
            {
                return _clusterId;
            }
        }
    }

    /// <summary>What is known of a topic; asked for if nothing is. An error, and that a partition has no leader, is known for
    /// <see cref="TopicCache.RetryAfter"/>, so this can be called again and again.</summary>
    /// <exception cref="ConnectionLostException">No broker answers; the message has the reason of each.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    /// <exception cref="BrokerTooOldException">The broker is too old for SASL.</exception>
    /// <exception cref="OtherClusterException">No broker answers, and one of them belongs to another cluster.</exception>
    /// <exception cref="ObjectDisposedException">This client was closed.</exception>
    public async Task<TopicMetadata> TopicAsync(string topic, CancellationToken cancellation)
    {
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var look = Look(topic);
            try
            {
                if (await UseAsync(topic, look, cancellation).ConfigureAwait(false) is { } known)
                {
                    return known;
                }
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new ObjectDisposedException(nameof(ClusterClient));
            }
        }
    }

    /// <summary>What is known of a topic is wrong: it is asked for again when it is needed.</summary>
    public void Forget(string topic)
    {
        lock (_lock)
        {
            _topics.Forget(topic);
        }
    }

    /// <summary>The link to a broker; null: it is not in the cluster any more. To one that is away from the last metadata there is a
    /// link as long as its connection works.</summary>
    /// <exception cref="ObjectDisposedException">This client was closed.</exception>
    public BrokerLink? LinkOf(int nodeId)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _links.Of(nodeId);
        }
    }

    /// <summary>Sends a request that any broker answers: to one that is connected and has not asked to wait, if there is one.</summary>
    /// <exception cref="ConnectionLostException">No broker answers; the message has the reason of each.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    /// <exception cref="BrokerTooOldException">The broker is too old for SASL.</exception>
    /// <exception cref="OtherClusterException">No broker answers, and one of them belongs to another cluster.</exception>
    /// <exception cref="ObjectDisposedException">This client was closed.</exception>
    public async Task<TResponse> SendToAnyAsync<TRequest, TResponse>(TRequest request, CancellationToken cancellation)
        where TRequest : IRequest<TResponse>
    {
        var failures = new List<string>();
        IOException? refused = null;
        foreach (var link in Candidates())
        {
            try
            {
                var connection = await link.GetAsync(cancellation).ConfigureAwait(false);
                var response = await connection.SendAsync<TRequest, TResponse>(request).WaitAsync(cancellation).ConfigureAwait(false);
                link.Answered();
                return response;
            }
            catch (IOException e)
            {
                refused ??= Refusal(e) ?? Refusal(e.InnerException);
                failures.Add(e.Message);
            }
        }

        ObjectDisposedException.ThrowIf(_isDisposed, this);

        // That one of them refuses us says more than that another cannot be reached.
        throw refused ?? new ConnectionLostException(string.Join("; ", failures.Distinct()));
    }

    public async ValueTask DisposeAsync()
    {
        IReadOnlyList<BrokerLink> all;
        lock (_lock)
        {
            _isDisposed = true; // no link is made after this
            all = _links.TakeAll();
        }

        await _disposed.CancelAsync().ConfigureAwait(false);

        foreach (var link in all)
        {
            await link.DisposeAsync().ConfigureAwait(false);
        }

        _connector.Dispose();
    }

    private static IOException? Refusal(Exception? e) =>
        e is AuthenticationException or BrokerTooOldException or OtherClusterException ? (IOException)e : null;

    private TopicLook Look(string topic)
    {
        lock (_lock)
        {
            return _topics.Look(topic, _time.GetTimestamp());
        }
    }

    /// <summary>Does what there is to do before what is known of a topic is used.</summary>
    /// <returns>What is known; null: look again.</returns>
    private async Task<TopicMetadata?> UseAsync(string topic, TopicLook look, CancellationToken cancellation)
    {
        switch (look.Step)
        {
            case TopicStep.Use:
                return look.Known;

            case TopicStep.UseAndAsk:
                _ = _question.AskAsync(topic); // as soon as it is answered, the answer is used
                return look.Known;

            case TopicStep.Wait:
                using (var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, _disposed.Token))
                {
                    await Task.Delay(TimerLength.Of(look.Wait), _time, either.Token).ConfigureAwait(false);
                }

                return null;

            default:
                return await AskAsync(topic, look.Known, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<TopicMetadata?> AskAsync(string topic, TopicMetadata? known, CancellationToken cancellation)
    {
        try
        {
            await _question.AskAsync(topic).WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException) when (known is { Error: KafkaError.None })
        {
            return known; // some of its partitions have a leader
        }

        lock (_lock)
        {
            return _topics.Answer(topic);
        }
    }

    /// <summary>Nobody who waits for the answer can cancel it for the others.</summary>
    private async Task RefreshAsync(IReadOnlyCollection<string> topics)
    {
        lock (_lock)
        {
            _topics.Asked(topics, _time.GetTimestamp());
        }

        try
        {
            var metadata = await SendToAnyAsync<MetadataRequest, MetadataResponse>(new([.. topics]), _disposed.Token).ConfigureAwait(false);
            await UseAsync(topics, metadata).ConfigureAwait(false);
        }
        catch
        {
            lock (_lock)
            {
                _topics.NotAnswered(topics);
            }

            throw;
        }
    }

    private async Task UseAsync(IReadOnlyCollection<string> topics, MetadataResponse metadata)
    {
        if (metadata.Brokers.Count == 0)
        {
            throw new ConnectionLostException("a broker knows of no broker yet: it is just starting");
        }

        IReadOnlyList<BrokerLink> unused;
        lock (_lock)
        {
            ThrowIfOtherCluster(metadata.ClusterId, "the broker that was asked for the leaders");
            _topics.Answered(topics, metadata.Topics, _time.GetTimestamp());
            unused = _links.Update(metadata.Brokers);
        }

        foreach (var link in unused)
        {
            await link.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Asks a broker that was just connected to which cluster it belongs: before this nothing else is sent to it.</summary>
    private async Task CheckAsync(BrokerConnection connection)
    {
        var metadata = await connection.SendAsync<MetadataRequest, MetadataResponse>(new([])).ConfigureAwait(false);
        lock (_lock)
        {
            ThrowIfOtherCluster(metadata.ClusterId, connection.Address);
        }
    }

    /// <summary>To be called with the lock.</summary>
    private void ThrowIfOtherCluster(string? found, string broker)
    {
        if (found is not null && (_clusterId ??= found) != found)
        {
            throw new OtherClusterException($"{broker} belongs to the cluster {found}, and not to {_clusterId} as the brokers before it");
        }
    }

    private List<BrokerLink> Candidates()
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _links.Candidates();
        }
    }
}
