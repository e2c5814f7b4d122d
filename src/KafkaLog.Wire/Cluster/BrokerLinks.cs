using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Cluster;

/// <summary>
/// The links to the brokers of a cluster, one for each host and port, whether they are bootstrap servers, known brokers or both. The
/// link to a broker that is away from the metadata is kept until nobody uses it, as a broker that restarts comes back. Not
/// thread-safe.
/// </summary>
internal sealed class BrokerLinks
{
    /// <summary>How long nobody has used a link to a broker that is away when it is retired: longer than a restart.</summary>
    public static readonly TimeSpan RetiredAfter = TimeSpan.FromMinutes(2);

    private readonly IReadOnlyList<(string Host, int Port)> _bootstrap;
    private readonly Func<string, int, BrokerLink> _create;
    private readonly Dictionary<(string Host, int Port), BrokerLink> _links = [];
    private Dictionary<int, BrokerAddress> _brokers = [];
    private Dictionary<int, BrokerAddress> _away = [];
    private uint _next;

    /// <param name="bootstrap">Brokers to ask first; their links are never retired.</param>
    /// <param name="create">Makes a link to a host and port.</param>
    public BrokerLinks(IReadOnlyList<(string Host, int Port)> bootstrap, Func<string, int, BrokerLink> create)
    {
        _bootstrap = [.. bootstrap.Distinct()];
        _create = create;
    }

    /// <summary>The link to a broker; null: there is none in the metadata, and no connection to one that was in it.</summary>
    public BrokerLink? Of(int nodeId) =>
        _brokers.TryGetValue(nodeId, out var address) ? Of((address.Host, address.Port))
        : _away.TryGetValue(nodeId, out address) && _links.TryGetValue((address.Host, address.Port), out var link)
            && link.Connected is not null ? link
        : null;

    /// <summary>
    /// Whom to ask what any broker answers. First those that answer soonest: connected, with the fewest requests before; last those that
    /// asked to wait. Among equals those of the cluster, from another one on each time, then the bootstrap servers.
    /// </summary>
    public List<BrokerLink> Candidates()
    {
        var known = _brokers.Values.Select(b => Of((b.Host, b.Port))).ToList();
        var from = known.Count == 0 ? 0 : (int)(_next++ % (uint)known.Count);
        List<BrokerLink> all = [.. known[from..], .. known[..from], .. _bootstrap.Select(Of)];
        return [.. all.Distinct().OrderBy(Delay)]; // stable
    }

    /// <summary>These are the brokers now.</summary>
    /// <returns>The links that nobody uses any more, to be disposed of.</returns>
    public IReadOnlyList<BrokerLink> Update(IReadOnlyList<BrokerAddress> brokers)
    {
        var now = brokers.ToDictionary(b => b.NodeId);
        HashSet<(string, int)> needed = [.. _bootstrap, .. brokers.Select(b => (b.Host, b.Port))];
        var unused = new List<BrokerLink>();
        foreach (var (key, link) in _links.Where(l => !needed.Contains(l.Key) && l.Value.IsUnusedSince(RetiredAfter)).ToList())
        {
            _links.Remove(key);
            unused.Add(link);
        }

        _away = _brokers.Values.Concat(_away.Values)
            .Where(b => !now.ContainsKey(b.NodeId) && _links.ContainsKey((b.Host, b.Port)))
            .DistinctBy(b => b.NodeId)
            .ToDictionary(b => b.NodeId);
        _brokers = now;
        return unused;
    }

    /// <summary>Takes all, to be disposed of.</summary>
    public IReadOnlyList<BrokerLink> TakeAll()
    {
        List<BrokerLink> all = [.. _links.Values];
        _links.Clear();
        return all;
    }

    private static (int, int) Delay(BrokerLink link) =>
        link.Connected is not { } connection ? (1, 0)
        : connection.Throttled > TimeSpan.Zero ? (2, 0)
        : (0, connection.InFlight + connection.Waiting);

    private BrokerLink Of((string Host, int Port) key)
    {
        if (!_links.TryGetValue(key, out var link))
        {
            _links[key] = link = _create(key.Host, key.Port);
        }

        return link;
    }
}
