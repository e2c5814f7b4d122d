using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A log that is to be shipped.</summary>
/// <param name="Directory">The real path of its directory.</param>
/// <param name="Options">Its settings.</param>
/// <param name="Facts">The metadata of that directory when it was last examined.</param>
internal sealed record PlannedLog(string Directory, LogOptions Options, FileFacts Facts = default)
{
    /// <summary>Identifies the log, whatever its settings are.</summary>
    public (string Directory, string Component) Key => (Directory, Options.Component);
}

/// <summary>
/// Decides which logs are shipped with which settings. If a file is broken or cannot be read, its last good settings apply. Only
/// settings that the owner of the file may decide count. Pure except for the memory of the last good settings and places. Not
/// thread-safe.
/// </summary>
internal sealed class LogPlan(FeederOptions options, Authority authority, LogPlan.PlaceFinder findPlace)
{
    private readonly HashSet<string> _brokerGroups = [.. options.BrokerGroups.Keys];
    private readonly Dictionary<string, IReadOnlyList<Entry>> _lastGood = new(StringComparer.Ordinal);
    private Dictionary<(string File, string Component, string Named), Place> _places = [];
    private HashSet<(string, string)> _planned = [];

    /// <summary>Resolves and examines a directory: <see cref="Place.TryFind"/>.</summary>
    internal delegate bool PlaceFinder(string path, out Place place, out string reason);

    /// <summary>Returns the logs to ship, each once.</summary>
    /// <param name="files">All files that were found, with their content.</param>
    /// <param name="territory">The directories that may contain logs.</param>
    /// <param name="isUnseen">Returns true for a directory that could not be searched: no file in it counts as removed.</param>
    /// <param name="faults">Receives all faults.</param>
    public IReadOnlyList<PlannedLog> Make(
        IEnumerable<LogFile> files,
        Territory territory,
        Func<string, bool> isUnseen,
        List<ConfigFault> faults)
    {
        var entries = Remember(files, isUnseen, faults);
        var claims = new List<Claim>();
        var places = new Dictionary<(string, string, string), Place>();
        foreach (var entry in entries)
        {
            if (TryPlace(entry, places, out var place, out var fault) && MayShip(entry, place, territory, out fault))
            {
                claims.Add(new Claim(entry, place));
            }
            else
            {
                faults.Add(entry.Fault(fault));
            }
        }

        _places = places;
        IReadOnlyList<PlannedLog> logs = [.. OneEach(Limited(claims, territory, faults), faults)];
        _planned = [.. logs.Select(l => l.Key)];
        return logs;
    }

    /// <summary>All valid entries: the current ones, and the last good ones for files and entries that cannot be read now.</summary>
    private List<Entry> Remember(IEnumerable<LogFile> files, Func<string, bool> isUnseen, List<ConfigFault> faults)
    {
        var present = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in files)
        {
            present.Add(file.Path);
            var parsed = BrokerGroupCheck.Apply(file.Parsed, _brokerGroups);
            faults.AddRange(parsed.Faults.Select(file.Shown));
            var last = _lastGood.GetValueOrDefault(file.Path, []);
            var kept = parsed.FileReadable ? last.Where(e => parsed.FaultyComponents.Contains(e.Log.Component)) : last;
            _lastGood[file.Path] = [.. parsed.Logs.Select(log => new Entry(log, file)), .. kept];
        }

        foreach (var gone in _lastGood.Keys.Where(path => !present.Contains(path) && !isUnseen(Path.GetDirectoryName(path)!)).ToList())
        {
            _lastGood.Remove(gone); // removed by its author
        }

        return [.. _lastGood.OrderBy(f => f.Key, StringComparer.Ordinal).SelectMany(f => f.Value)];
    }

    /// <summary>
    /// Finds the directory of the segments; if it cannot be examined now, the last known one is used. The checkpoint is found by this
    /// directory, so it is never guessed.
    /// </summary>
    private bool TryPlace(Entry entry, Dictionary<(string, string, string), Place> places, out Place place, out string fault)
    {
        var key = (entry.File.Path, entry.Log.Component, entry.Log.Directory);
        fault = "";
        if (findPlace(entry.Log.Directory, out place, out var reason) || _places.TryGetValue(key, out place))
        {
            places[key] = place;
            return true;
        }

        fault = $"has its segments in {Quote.Plain(entry.Log.Directory, ConfigFault.MaxPathShown)}, which {reason}: it is shipped when "
            + $"that can be found.";
        return false;
    }

    private bool MayShip(Entry entry, Place place, Territory territory, out string fault)
    {
        var directory = Quote.Plain(place.Directory, ConfigFault.MaxPathShown);
        var permission = territory.Permissions
            .Where(p => RealPath.IsAtOrBelow(place.Directory, p.Directory))
            .MaxBy(p => p.Directory.Length);
        fault =
            territory.IsState(place.Directory) ? $"has its segments in {directory}: what lies in checkpoint_dir and journal_dir is never "
                + $"a log."
            : !RealPath.IsAtOrBelow(place.Directory, entry.File.Folder) && !territory.IsAllowed(place.Directory)
                ? $"has its segments in {directory}, outside the directory of this file; it is not shipped unless that directory is "
                    + $"named under watcher.allow_directories of conf.yaml."
            : !authority.MayConfigure(entry.File.Owner, place.Facts.Owner)
                ? $"does not count: the file belongs to user {entry.File.Owner}, the segments' directory {directory} to user "
                    + $"{place.Facts.Owner}. It must belong to that user, to root or to the daemon's user."
            : permission is not null && !permission.AllowsTopic(entry.Log.Topic)
                ? $"may not use topic {entry.Log.Topic}: permissions of conf.yaml give {Quote.Plain(permission.Directory)} other topics."
            : permission is not null && !permission.AllowsBroker(entry.Log.Broker)
                ? $"may not use broker group {entry.Log.Broker}: permissions of conf.yaml give {Quote.Plain(permission.Directory)} other "
                    + $"groups."
            : "";
        return fault.Length == 0;
    }

    /// <summary>Applies the limits per file, user and first-level directory. Logs that are shipped already have priority.</summary>
    private List<Claim> Limited(List<Claim> claims, Territory territory, List<ConfigFault> faults)
    {
        var limits = options.Watcher;
        var byFile = new Allowance(limits.MaxLogsPerFile, "watcher.max_logs_per_file");
        var byOwner = new Allowance(limits.MaxLogsPerOwner, "watcher.max_logs_per_owner");
        var byBranch = new Allowance(limits.MaxLogsPerDirectory, "watcher.max_logs_per_directory");
        var taken = new List<Claim>();
        foreach (var claim in claims.OrderBy(c => _planned.Contains(c.Key) ? 0 : 1))
        {
            var file = claim.Entry.File;
            var isFree = authority.IsAdministrator(file.Owner);
            if (byFile.Take(file.Path, file)
                && (isFree || (byOwner.Take($"user {file.Owner}", file) && byBranch.Take(territory.BranchOf(file.Folder), file))))
            {
                taken.Add(claim);
            }
        }

        faults.AddRange([.. byFile.Faults(), .. byOwner.Faults(), .. byBranch.Faults()]);
        return taken;
    }

    /// <summary>If several entries name a log, the one in the log's own directory counts; if there is none, no entry counts.</summary>
    private static IEnumerable<PlannedLog> OneEach(IEnumerable<Claim> claims, List<ConfigFault> faults)
    {
        foreach (var log in claims.GroupBy(c => c.Key))
        {
            var winner = log.FirstOrDefault(c => c.Entry.File.Folder == c.Place.Directory) ?? (log.Count() == 1 ? log.First() : null);
            foreach (var loser in log.Where(c => c != winner))
            {
                faults.Add(loser.Entry.Fault(winner is not null
                    ? $"names the log in {Quote.Plain(log.Key.Directory, ConfigFault.MaxPathShown)} that {winner.Entry.Source} has: the "
                        + $"file in the log's own directory holds, this entry does nothing."
                    : $"names the log in {Quote.Plain(log.Key.Directory, ConfigFault.MaxPathShown)} that "
                        + $"{log.First(c => c != loser).Entry.Source} names, too, and neither file lies there: it is not shipped, and "
                            + $"nothing of it is deleted, until one entry is removed."));
            }

            if (winner is not null)
            {
                yield return new PlannedLog(winner.Place.Directory, winner.Entry.Log, winner.Place.Facts);
            }
        }
    }

    /// <summary>An entry of a file, with the file as it was when the entry was read.</summary>
    private sealed record Entry(LogOptions Log, LogFile File)
    {
        /// <summary>File and line of the entry.</summary>
        public string Source => $"{Quote.Plain(Log.SourceFile, ConfigFault.MaxPathShown)}:{Log.SourceLine}";

        public ConfigFault Fault(string text) =>
            File.Shown(new ConfigFault(Log.SourceFile, Log.SourceLine, $"topics.{Log.Component}", text));
    }

    private sealed record Claim(Entry Entry, Place Place)
    {
        public (string Directory, string Component) Key => (Place.Directory, Entry.Log.Component);
    }

    /// <summary>Counts, for each name, the entries that are taken and refused.</summary>
    private sealed class Allowance(int limit, string setting)
    {
        private readonly Dictionary<string, (int Taken, int Refused, LogFile First)> _counts = new(StringComparer.Ordinal);

        public bool Take(string name, LogFile file)
        {
            var (taken, refused, first) = _counts.GetValueOrDefault(name, (0, 0, file));
            var fits = taken < limit;
            _counts[name] = fits ? (taken + 1, refused, first) : (taken, refused + 1, refused == 0 ? file : first);
            return fits;
        }

        public IEnumerable<ConfigFault> Faults() =>
            from count in _counts
            where count.Value.Refused > 0
            select new ConfigFault(count.Value.First.Path, 0, "", $"{count.Value.Refused} entries of "
                + $"{Quote.Plain(count.Key, ConfigFault.MaxPathShown)} are not shipped, from this file on: {limit} are taken ({setting} "
                    + $"of conf.yaml).");
    }
}
