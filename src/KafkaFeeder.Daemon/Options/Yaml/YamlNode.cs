namespace KafkaFeeder.Daemon.Options.Yaml;

/// <summary>A node of a configuration file, and the line (from 1) on which it begins.</summary>
internal abstract record YamlNode(int Line)
{
    /// <summary>What it is, in words for a message.</summary>
    public abstract string Kind { get; }
}

/// <summary>A single value. <paramref name="IsPlain"/>: written without quotation marks.</summary>
internal sealed record YamlScalar(int Line, string Value, bool IsPlain) : YamlNode(Line)
{
    /// <summary>Nothing after the colon, or YAML's words for nothing.</summary>
    public bool IsNull => IsPlain && Value is "" or "~" or "null" or "Null" or "NULL";

    public override string Kind => IsNull ? "empty" : "a single value";
}

internal sealed record YamlSequence(int Line, IReadOnlyList<YamlNode> Items) : YamlNode(Line)
{
    public override string Kind => "a list";
}

/// <summary>Keys and values in the order of the file; a key that is there twice is in the list twice.</summary>
internal sealed record YamlMap(int Line, IReadOnlyList<YamlEntry> Entries) : YamlNode(Line)
{
    public override string Kind => "a map";
}

/// <summary>One entry of a map; <paramref name="Line"/> is the line of its key.</summary>
internal sealed record YamlEntry(int Line, string Key, YamlNode Value);
