using System.Globalization;
using System.Net;
using System.Net.Sockets;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Options.Yaml;

namespace KafkaFeeder.Daemon.Options;

/// <summary>
/// Reads <c>kafka_brokers</c>: group names, each with a list of addresses (as in the original), or with
/// <c>brokers:</c> and <c>properties:</c>. No message contains the value of a property: it could be a secret.
/// </summary>
internal sealed class BrokerGroupReader(string folder, FaultCollector faults)
{
    private const string ExpectedAddress = "host:port such as kafka1:9092";

    private readonly SecretResolver _secrets = new(folder, Environment.GetEnvironmentVariable);

    public void ReadInto(Dictionary<string, BrokerGroupOptions> groups, MapReader? map)
    {
        foreach (var entry in map?.AllEntries() ?? [])
        {
            var path = map!.PathOf(entry.Key);
            if (!NameRule.IsValid(entry.Key))
            {
                faults.Add(entry.Line, path, $"is not a name for a broker group; expected {NameRule.Expected}.");
            }
            else if (groups.ContainsKey(entry.Key))
            {
                faults.Add(entry.Line, path, "is given twice: under kafka_brokers and under hekad.kafka_brokers; remove one.");
            }
            else
            {
                groups.Add(entry.Key, ReadGroup(entry, path));
            }
        }
    }

    private BrokerGroupOptions ReadGroup(YamlEntry entry, string path)
    {
        if (entry.Value is YamlSequence list)
        {
            return new BrokerGroupOptions { Name = entry.Key, Brokers = ReadAddresses(list, entry.Line, path) };
        }

        if (entry.Value is not YamlMap)
        {
            faults.Add(
                entry.Line,
                path,
                $"is {entry.Value.Kind}; expected a list such as [kafka1:9092, kafka2:9092], or brokers:, properties: and transport:.");
            return new BrokerGroupOptions { Name = entry.Key, Brokers = [] };
        }

        var map = new MapReader(entry.Value, path, faults);
        var group = new BrokerGroupOptions
        {
            Name = entry.Key,
            Brokers = ReadBrokers(map),
            Properties = map.Section("properties") is { } properties ? ReadProperties(properties) : [],
            Transport = map.Choice(
                "transport", TransportKind.Auto,
                ("auto", TransportKind.Auto), ("wire", TransportKind.Wire), ("client", TransportKind.Client)),
        };
        map.Finish();
        return group;
    }

    private List<string> ReadBrokers(MapReader map)
    {
        switch (map.Node("brokers"))
        {
            case YamlSequence list:
                return ReadAddresses(list, map.LineOf("brokers"), map.PathOf("brokers"));
            case null:
                map.Fault("brokers", "is missing; expected a list such as [kafka1:9092, kafka2:9092].");
                return [];
            case { } other:
                map.Fault("brokers", $"is {other.Kind}; expected a list such as [kafka1:9092, kafka2:9092].");
                return [];
        }
    }

    private List<string> ReadAddresses(YamlSequence list, int line, string path)
    {
        var addresses = new List<string>();
        if (list.Items.Count == 0)
        {
            faults.Add(line, path, $"is an empty list; expected at least one {ExpectedAddress}.");
        }

        for (var i = 0; i < list.Items.Count; i++)
        {
            var itemPath = string.Create(CultureInfo.InvariantCulture, $"{path}[{i}]");
            if (list.Items[i] is not YamlScalar scalar)
            {
                faults.Add(list.Items[i].Line, itemPath, $"is {list.Items[i].Kind}; expected {ExpectedAddress}.");
            }
            else if (!IsAddress(scalar.Value))
            {
                faults.Add(scalar.Line, itemPath, $"is {Quote.Value(scalar.Value)}; expected {ExpectedAddress}.");
            }
            else
            {
                addresses.Add(scalar.Value);
            }
        }

        return addresses;
    }

    private List<BrokerProperty> ReadProperties(MapReader map)
    {
        var properties = new List<BrokerProperty>();
        foreach (var entry in map.AllEntries())
        {
            if (!BrokerPropertyRule.IsName(entry.Key))
            {
                map.Fault(entry.Key, "is not the name of a librdkafka property.");
            }
            else if (entry.Value is not YamlScalar { IsNull: false } scalar)
            {
                map.Fault(entry.Key, $"is {entry.Value.Kind}; expected a single value.");
            }
            else if (scalar.Value.Contains('\0', StringComparison.Ordinal))
            {
                map.Fault(entry.Key, "has a NUL character in it.");
            }
            else if (!BrokerPropertyRule.MayBeSet(entry.Key, scalar.Value, out var refusal))
            {
                map.Fault(entry.Key, refusal);
            }
            else if (!_secrets.TryResolve(scalar.Value, out var value, out var isSecret, out var fault))
            {
                map.Fault(entry.Key, fault);
            }
            else
            {
                properties.Add(new BrokerProperty(entry.Key, value, isSecret || BrokerProperty.HasSecretName(entry.Key)));
            }
        }

        return properties;
    }

    private static bool IsAddress(string text)
    {
        var colon = text.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            || port == 0)
        {
            return false;
        }

        var host = text[..colon];
        return host[0] == '['
            ? host[^1] == ']' && IPAddress.TryParse(host[1..^1], out var address)
                && address.AddressFamily == AddressFamily.InterNetworkV6
            : host.Length <= 253 && host.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');
    }
}
