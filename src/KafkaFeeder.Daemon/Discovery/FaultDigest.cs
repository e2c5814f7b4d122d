using KafkaFeeder.Daemon.Options.Faults;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Limits the faults to a number that a person can read: some of each first-level directory, so that one with many faults cannot hide
/// those of another. Each directory with faults that are left out gets one line that says so. Pure.
/// </summary>
internal static class FaultDigest
{
    public const int MaxOfBranch = 100;
    public const int MaxInAll = 1_000;

    /// <param name="faults">All of them.</param>
    /// <param name="branchOf">Returns the first-level directory that a file or directory belongs to.</param>
    public static IReadOnlyList<ConfigFault> Of(IReadOnlyList<ConfigFault> faults, Func<string, string> branchOf)
    {
        if (faults.Count <= MaxOfBranch)
        {
            return faults;
        }

        var shown = new List<ConfigFault>();
        foreach (var branch in faults.GroupBy(f => branchOf(Path.GetDirectoryName(f.File) ?? f.File)).OrderBy(b => b.Count()))
        {
            var room = Math.Min(MaxOfBranch, MaxInAll - shown.Count);
            shown.AddRange(branch.Take(room));
            if (branch.Skip(room).Any())
            {
                shown.Add(new ConfigFault(branch.Key, 0, "", "there are more faults in and below this directory than are listed; repair "
                    + "those first."));
            }
        }

        return [.. shown.Take(MaxInAll + 1)];
    }
}
