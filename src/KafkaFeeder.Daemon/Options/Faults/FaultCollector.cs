namespace KafkaFeeder.Daemon.Options.Faults;

/// <summary>
/// Gathers all faults of one file, so that its author sees them at once. A hostile file could have a fault in
/// each of a hundred thousand lines: after <see cref="MaxListed"/> they are only counted.
/// </summary>
internal sealed class FaultCollector(string file, List<ConfigFault> list)
{
    /// <summary>More than anybody reads at one sitting; the rest shows once these are repaired.</summary>
    public const int MaxListed = 100;

    private readonly int _firstIndex = list.Count;

    /// <summary>All faults so far, including those not listed.</summary>
    public int Count { get; private set; }

    public void Add(int line, string key, string text)
    {
        Count++;
        var listed = list.Count - _firstIndex;
        if (listed < MaxListed)
        {
            list.Add(new ConfigFault(file, line, key, text));
        }
        else if (listed == MaxListed)
        {
            list.Add(new ConfigFault(file, 0, "", $"there are more faults; only the first {MaxListed} are listed."));
        }
    }

    /// <summary>Sorts the faults in the order of the file; those without a line come last.</summary>
    public void SortByLine()
    {
        ConfigFault[] ordered = [.. list.Skip(_firstIndex).OrderBy(fault => fault.Line == 0 ? int.MaxValue : fault.Line)];
        list.RemoveRange(_firstIndex, list.Count - _firstIndex);
        list.AddRange(ordered);
    }
}
