using System.Globalization;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Compression;
using KafkaLog.Wire.Producing;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>Creates the wire transport of each log, on connections that the logs of a broker group share. Thread-safe.</summary>
internal sealed class WireTransportPool(IReadOnlyDictionary<string, BrokerGroupOptions> groups, ILogger logger, TimeProvider time)
    : ITransportPool, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, WireGroup> _groups = new(StringComparer.Ordinal);

    public bool FindsOut(LogOptions log) => true;

    public IBatchTransport Open(LogOptions log, string savedState, bool mayHaveSent) =>
        new WireTransport(GroupOf(log.Broker), log, savedState, mayHaveSent, time);

    public void Dispose()
    {
        foreach (var group in _groups.Values)
        {
            (group.Cluster as IAsyncDisposable)?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            group.Dispose();
        }
    }

    private WireGroup GroupOf(string name)
    {
        lock (_lock)
        {
            if (!_groups.TryGetValue(name, out var group))
            {
                _groups[name] = group = Make(groups[name]);
            }

            return group;
        }
    }

    private WireGroup Make(BrokerGroupOptions options)
    {
        var settings = WireSettings.Of(options);
        var cluster = new ProducerCluster([.. options.Brokers.Select(AddressOf)], settings.Connection, time);
        var health = new BrokerHealth(options.Name, options.WithoutSecrets, logger, time);
        return new WireGroup(cluster, health, $"the wire transport to {options.Name} ({string.Join(", ", options.Brokers)})", logger)
        {
            Codec = settings.Compression == CompressionType.None ? null : CompressionCodecs.For(settings.Compression),
        };
    }

    private static (string Host, int Port) AddressOf(string address)
    {
        var colon = address.LastIndexOf(':');
        return (address[..colon].Trim('[', ']'), int.Parse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }
}
