using System.Buffers;
using System.Globalization;
using System.Text;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Units;

namespace KafkaFeeder.Daemon.Options.Yaml;

/// <summary>
/// Reads the typed settings of one map. A wrong value is one fault, and the default is returned, so that reading continues
/// and finds the other faults. Every read names a key; keys that were never read are faults at <see cref="Finish"/>.
/// </summary>
internal sealed class MapReader
{
    private readonly Dictionary<string, YamlEntry> _entries = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _asked = new(StringComparer.Ordinal);
    private readonly FaultCollector _faults;
    private readonly string _path;
    private readonly int _line;

    /// <param name="node">A map, or an empty value, which is a map without keys; anything else is a fault.</param>
    /// <param name="path">The keys above, joined by dots; empty for the file itself.</param>
    /// <param name="faults">Where faults go.</param>
    public MapReader(YamlNode node, string path, FaultCollector faults)
    {
        (_path, _faults, _line) = (path, faults, node.Line);
        if (node is YamlMap map)
        {
            foreach (var entry in map.Entries)
            {
                AddEntry(entry);
            }
        }
        else if (node is not YamlScalar { IsNull: true })
        {
            faults.Add(
                node.Line, path, $"{(path.Length > 0 ? "is" : "the file is")} {node.Kind}; expected a map of settings (key: value).");
        }
    }

    /// <summary>The entries in the order of the file, for maps whose keys the user invents. They count as read.</summary>
    public IEnumerable<YamlEntry> AllEntries()
    {
        _asked.UnionWith(_entries.Keys);
        return _entries.Values.OrderBy(entry => entry.Line);
    }

    /// <summary>The path of a key in this map, as messages show it.</summary>
    public string PathOf(string key) => _path.Length > 0 ? $"{_path}.{Quote.Plain(key)}" : Quote.Plain(key);

    /// <summary>The line of the key, or of the map where the key is absent.</summary>
    public int LineOf(string key) => _entries.TryGetValue(key, out var entry) ? entry.Line : _line;

    public bool Has(string key)
    {
        _asked.Add(key);
        return _entries.ContainsKey(key);
    }

    /// <summary>The value of the key, whatever it is, or null.</summary>
    public YamlNode? Node(string key) => Has(key) ? _entries[key].Value : null;

    /// <summary>A nested section; null when the key is absent.</summary>
    public MapReader? Section(string key) => Node(key) is { } node ? new MapReader(node, PathOf(key), _faults) : null;

    public void Fault(string key, string text) => _faults.Add(LineOf(key), PathOf(key), text);

    /// <summary>A single value without control characters; null when absent or faulty.</summary>
    public string? Text(string key)
    {
        switch (Node(key))
        {
            case null:
                return null;
            case YamlScalar { IsNull: false } scalar when IsPrintable(scalar.Value):
                return scalar.Value;
            case YamlScalar { IsNull: false } scalar:
                Fault(key, $"is {Quote.Value(scalar.Value)}; control characters are not allowed.");
                return null;
            case YamlScalar:
                Fault(key, "has no value; write one or remove the key.");
                return null;
            case { } other:
                Fault(key, $"is {other.Kind}; expected a single value.");
                return null;
        }
    }

    /// <summary>As <see cref="Text"/>, and its absence is a fault. Returns "" after a fault.</summary>
    public string MandatoryText(string key, string whatItIs)
    {
        if (!Has(key))
        {
            _faults.Add(_line, PathOf(key), $"is missing; expected {whatItIs}.");
            return "";
        }

        var text = Text(key);
        if (text is "")
        {
            Fault(key, $"is empty; expected {whatItIs}.");
        }

        return text ?? "";
    }

    /// <summary>Both bounds inclusive.</summary>
    public TimeSpan Duration(string key, TimeSpan absent, TimeSpan bareUnit, TimeSpan min, TimeSpan max)
    {
        if (Text(key) is not { } text)
        {
            return absent;
        }

        if (!DurationText.TryParse(text, bareUnit, out var value))
        {
            Fault(key, $"is {Quote.Value(text)}; expected {DurationText.Expected}.");
            return absent;
        }

        if (value < min || value > max)
        {
            Fault(key, $"is {Quote.Value(text)}; it must be at least {DurationText.Format(min)} and at most {DurationText.Format(max)}.");
            return absent;
        }

        return value;
    }

    /// <summary>In bytes; both bounds inclusive.</summary>
    public long Size(string key, long absent, long min, long max)
    {
        if (Text(key) is not { } text)
        {
            return absent;
        }

        if (!SizeText.TryParse(text, out var value))
        {
            Fault(key, $"is {Quote.Value(text)}; expected {SizeText.Expected}.");
            return absent;
        }

        if (value < min || value > max)
        {
            Fault(key, $"is {Quote.Value(text)}; it must be at least {SizeText.Format(min)} and at most {SizeText.Format(max)}.");
            return absent;
        }

        return value;
    }

    /// <summary>A number; both bounds inclusive.</summary>
    public int Count(string key, int absent, int min, int max)
    {
        if (Text(key) is not { } text)
        {
            return absent;
        }

        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < min || value > max)
        {
            Fault(key, $"is {Quote.Value(text)}; expected a number from {min} to {max}.");
            return absent;
        }

        return value;
    }

    /// <summary>A list of single values without control characters; null when the key is absent.</summary>
    public IReadOnlyList<string>? List(string key, string whatItIs)
    {
        var node = Node(key);
        if (node is null)
        {
            return null;
        }

        var items = new List<string>();
        if (node is not YamlSequence list)
        {
            Fault(key, $"is {node.Kind}; expected a list of {whatItIs}.");
            return items;
        }

        foreach (var item in list.Items)
        {
            if (item is YamlScalar { IsNull: false, Value.Length: > 0 } scalar && IsPrintable(scalar.Value))
            {
                items.Add(scalar.Value);
            }
            else
            {
                _faults.Add(item.Line, PathOf(key), $"has an item that is {item.Kind}; expected {whatItIs}.");
            }
        }

        return items;
    }

    /// <summary>Null when absent or faulty.</summary>
    public bool? Flag(string key) => Choice<bool?>(key, null, [("true", true), ("false", false)]);

    /// <summary>One of a few words. The first spelling of each value is the one that messages name.</summary>
    public T Choice<T>(string key, T absent, params ReadOnlySpan<(string Word, T Value)> words)
    {
        if (Text(key) is not { } text)
        {
            return absent;
        }

        var known = new List<string>();
        foreach (var (word, value) in words)
        {
            if (word == text)
            {
                return value;
            }

            known.Add(word);
        }

        var near = NearMiss.Find(text, known) is { } meant ? $"; did you mean {meant}?" : ".";
        Fault(key, $"is {Quote.Value(text)}; expected {string.Join(" or ", known)}{near}");
        return absent;
    }

    /// <summary>Reports the keys that are not settings.</summary>
    public void Finish()
    {
        foreach (var entry in _entries.Values.Where(entry => !_asked.Contains(entry.Key)).OrderBy(entry => entry.Line))
        {
            _faults.Add(entry.Line, PathOf(entry.Key), "is not a setting" + NearMiss.Hint(entry.Key, _asked));
        }
    }

    private void AddEntry(YamlEntry entry)
    {
        if (!_entries.TryAdd(entry.Key, entry))
        {
            var first = _entries[entry.Key].Line.ToString(CultureInfo.InvariantCulture);
            _faults.Add(entry.Line, PathOf(entry.Key), $"is given twice; it is on line {first} already.");
        }
    }

    /// <summary>Lone surrogates count as unprintable: a path cannot hold them.</summary>
    private static bool IsPrintable(string text)
    {
        for (var i = 0; i < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var length) != OperationStatus.Done || Rune.IsControl(rune))
            {
                return false;
            }

            i += length;
        }

        return true;
    }
}
