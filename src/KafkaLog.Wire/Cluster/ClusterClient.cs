using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// A Kafka cluster: its brokers, one connection to each, and who leads which partition. Leaders are asked for when they are needed and
/// kept until somebody says that they are wrong. Thread-safe.
/// </summary>
internal sealed class ClusterClient : IAsyncDisposable
{
    private readonly IReadOnlyList<BrokerLink> _bootstrap;
    private readonly BrokerConnector _connector;
    private readonly TimeProvider _time;
    private readonly Func<double> _random;
    private readonly Lock _lock = new();
    private readonly Dictionary<BrokerAddress, BrokerLink> _links = [];
    private readonly Dictionary<string, TopicMetadata> _topics = new(StringComparer.Ordinal);
    private IReadOnlyDictionary<int, BrokerAddress> _brokers = new Dictionary<int, BrokerAddress>();
    private int _next;

    /// <param name="bootstrap">Brokers to ask first, host and port; at least one.</param>
    /// <param name="options">How to connect.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">Gives numbers from 0 (inclusive) to 1 (exclusive); null: random ones.</param>
    public ClusterClient(
        IReadOnlyList<(string Host, int Port)> bootstrap, ConnectionOptions options, TimeProvider time, Func<double>? random = null)
    {
        _connector = new BrokerConnector(options, time);
        _time = time;
        _random = random ?? Random.Shared.NextDouble;
        _bootstrap = [.. bootstrap.Select(b => new BrokerLink(b.Host, b.Port, _connector, time, _random))];
    }

    /// <summary>What is known of a topic; asked for if nothing is.</summary>
    /// <exception cref="ConnectionLostException">No broker answers; the message has the reason of each.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    public async Task<TopicMetadata> TopicAsync(string topic, CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_topics.TryGetValue(topic, out var known))
            {
                return known;
            }
        }

        await RefreshAsync([topic], cancellation).ConfigureAwait(false);
        lock (_lock)
        {
            return _topics.TryGetValue(topic, out var known)
                ? known
                : new TopicMetadata(KafkaError.UnknownTopicOrPartition, topic, Guid.Empty, []);
        }
    }

    /// <summary>What is known of a topic is wrong: it is asked for again when it is needed.</summary>
    public void Forget(string topic)
    {
        lock (_lock)
        {
            _topics.Remove(topic);
        }
    }

    /// <summary>The link to a broker; null: it is not in the cluster any more.</summary>
    public BrokerLink? LinkOf(int nodeId)
    {
        lock (_lock)
        {
            return _brokers.TryGetValue(nodeId, out var address) ? LinkOf(address) : null;
        }
    }

    /// <summary>Sends a request that any broker answers, to one that is connected if there is one.</summary>
    /// <exception cref="ConnectionLostException">No broker answers; the message has the reason of each.</exception>
    /// <exception cref="AuthenticationException">TLS or SASL fails.</exception>
    public async Task<TResponse> SendToAnyAsync<TRequest, TResponse>(TRequest request, CancellationToken cancellation)
        where TRequest : IRequest<TResponse>
    {
        var failures = new List<string>();
        AuthenticationException? refused = null;
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
                refused ??= e as AuthenticationException ?? e.InnerException as AuthenticationException;
                failures.Add(e.Message);
            }
        }

        // That one of them refuses us says more than that another cannot be reached.
        throw refused ?? (IOException)new ConnectionLostException(string.Join("; ", failures.Distinct()));
    }

    public async ValueTask DisposeAsync()
    {
        List<BrokerLink> all;
        lock (_lock)
        {
            all = [.. _links.Values, .. _bootstrap];
            _links.Clear();
        }

        foreach (var link in all)
        {
            await link.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task RefreshAsync(IReadOnlyList<string> topics, CancellationToken cancellation)
    {
        var metadata = await SendToAnyAsync<MetadataRequest, MetadataResponse>(new MetadataRequest(topics), cancellation)
            .ConfigureAwait(false);
        if (metadata.Brokers.Count == 0)
        {
            throw new ConnectionLostException("a broker knows of no broker yet: it is just starting");
        }

        var gone = new List<BrokerLink>();
        lock (_lock)
        {
            _brokers = metadata.Brokers.ToDictionary(b => b.NodeId);
            foreach (var (address, link) in _links.Where(l => !metadata.Brokers.Contains(l.Key)).ToList())
            {
                _links.Remove(address);
                gone.Add(link);
            }

            foreach (var topic in metadata.Topics)
            {
                _topics[topic.Name] = topic;
            }
        }

        foreach (var link in gone)
        {
            await link.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Connected ones first, then those of the cluster, from another one on each time, then the bootstrap servers.</summary>
    private List<BrokerLink> Candidates()
    {
        lock (_lock)
        {
            var known = _brokers.Values.Select(LinkOf).ToList();
            var from = known.Count == 0 ? 0 : _next++ % known.Count;
            List<BrokerLink> all = [.. known[from..], .. known[..from], .. _bootstrap];
            return [.. all.OrderBy(l => l.Connected is null ? 1 : 0)]; // stable
        }
    }

    /// <summary>To be called with the lock.</summary>
    private BrokerLink LinkOf(BrokerAddress address)
    {
        if (!_links.TryGetValue(address, out var link))
        {
            _links[address] = link = new BrokerLink(address.Host, address.Port, _connector, _time, _random);
        }

        return link;
    }
}
