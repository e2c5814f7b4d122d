using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>Segments in a searched directory that no entry of a kafkafeeder.yaml ships.</summary>
/// <param name="Directory">The real path.</param>
/// <param name="Component">The component in the names of the segments.</param>
/// <param name="Files">The number of segments.</param>
/// <param name="Bytes">Their size in bytes.</param>
/// <param name="Meant">A configured component with a similar name, which may be meant; null: none.</param>
/// <param name="IsLeft">
/// True: they are not on disk, but not all of them is acknowledged in the checkpoint. Their directory is not mounted, or was removed.
/// </param>
internal sealed record UnclaimedSegments(
    string Directory, string Component, long Files, long Bytes, string? Meant, bool IsLeft = false)
{
    /// <summary><c>unclaimed segments: 12 files, 340 MB of component orders in /var/log/apps (did you mean order?)</c></summary>
    public override string ToString() => IsLeft
        ? $"not shipped and not there: {Words.Count(Files, "segment", "segments")} with {Words.Bytes(Bytes)} of component {Component} in "
            + $"{Quote.Plain(Directory, ConfigFault.MaxPathShown)}, by the checkpoint (is it mounted, or was it removed? No "
            + "kafkafeeder.yaml names the log any more)"
        : $"unclaimed segments: {Words.Count(Files, "file", "files")}, {Words.Bytes(Bytes)} of component {Component} in "
        + $"{Quote.Plain(Directory, ConfigFault.MaxPathShown)} "
            + $"({(Meant is null ? "no kafkafeeder.yaml names it" : $"did you mean {Meant}?")})";

    /// <summary>Returns the unclaimed segments of one search. Only those are counted and measured.</summary>
    public static IReadOnlyList<UnclaimedSegments> Of(
        ScanResult found,
        IReadOnlyList<PlannedLog> logs,
        ScanLimits limits,
        Action onDirectory)
    {
        var claimed = logs.ToLookup(l => l.Directory, l => l.Options.Component, StringComparer.Ordinal);
        var unclaimed = new List<UnclaimedSegments>();
        var measured = 0L;
        foreach (var (directory, components) in found.Components.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            var room = limits.UnclaimedComponents - unclaimed.Count;
            var names = components.Except(claimed[directory]).Order(StringComparer.Ordinal).Take(room).ToList();
            if (names.Count == 0)
            {
                continue;
            }

            onDirectory();
            var sizes = Measure(directory, names, limits.UnclaimedSegments, ref measured);
            var free = claimed[directory].Where(c => !components.Contains(c)).ToList();
            unclaimed.AddRange(
                names.Select(n => new UnclaimedSegments(directory, n, sizes[n].Files, sizes[n].Bytes, NearMiss.Find(n, free))));
        }

        return unclaimed;
    }

    /// <summary>Returns logs that no entry names any more, that have no segments on disk, and that were not wholly shipped.</summary>
    /// <param name="stored">The checkpoints of all logs.</param>
    /// <param name="logs">The logs that are shipped.</param>
    /// <param name="unclaimed">The unclaimed segments that were found on disk.</param>
    public static IEnumerable<UnclaimedSegments> LeftOf(
        IEnumerable<StoredCheckpoint> stored, IEnumerable<PlannedLog> logs, IEnumerable<UnclaimedSegments> unclaimed)
    {
        HashSet<(string, string)> known =
            [.. logs.Select(l => (l.Directory, l.Options.Component)), .. unclaimed.Select(u => (u.Directory, u.Component))];
        return stored
            .Where(s => !known.Contains((s.Directory, s.Component)))
            .Select(s => (Log: s, Left: s.Unshipped()))
            .Where(s => s.Left.Segments > 0)
            .OrderBy(s => s.Log.Directory, StringComparer.Ordinal)
            .Select(s => new UnclaimedSegments(s.Log.Directory, s.Log.Component, s.Left.Segments, s.Left.Bytes, null, IsLeft: true));
    }

    private static Dictionary<string, (long Files, long Bytes)> Measure(
        string directory,
        List<string> components,
        long limit,
        ref long measured)
    {
        var sizes = components.ToDictionary(c => c, _ => (0L, 0L));
        try
        {
            foreach (var file in new DirectoryInfo(directory).EnumerateFiles("*" + SegmentName.Extension))
            {
                if (SegmentName.TryParse(file.Name) is { } name && sizes.TryGetValue(name.Component, out var size))
                {
                    var bytes = ++measured <= limit && FileFacts.TryOf(file.FullName, out var facts, out _) ? facts.Bytes : 0;
                    sizes[name.Component] = (size.Item1 + 1, size.Item2 + bytes);
                }
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return sizes; // the directory changed since it was listed; the next search finds out
        }

        return sizes;
    }
}
