using System.IO.Enumeration;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// The segments in one directory, by component. A poll costs one system call while nothing is created or deleted there. Listing
/// costs the same however many logs are in the directory. Thread-safe.
/// </summary>
internal sealed class DirectoryListing(string directory, TimeProvider time)
{
    /// <summary>
    /// The modification time of a directory has a resolution of milliseconds up to seconds, so a change in the same tick as the
    /// last listing does not show. So a directory is listed again after this time, whatever its modification time is.
    /// </summary>
    private static readonly TimeSpan LongestTrust = TimeSpan.FromSeconds(3);

    /// <summary>
    /// A modification time that was younger than this when the directory was listed may hide a change right after it. The
    /// directory is listed once more when this time is over. Not earlier, because each of many logs polls it.
    /// </summary>
    private static readonly TimeSpan StampTick = TimeSpan.FromMilliseconds(100);

    /// <summary>Listing takes at most one part in this many of the time: a directory that is slow to list is listed less often.</summary>
    private const int RestFactor = 100;

    private readonly Lock _lock = new();
    private readonly Dictionary<string, Component> _components = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<SegmentName>> _listed = new(StringComparer.Ordinal);
    private DateTime _stamp;
    private bool _isSettled;
    private long? _listedAt;
    private TimeSpan _trust = LongestTrust;
    private long _version;
    private SegmentName[] _known = []; // all segments, in order

    /// <summary>The directory's real path.</summary>
    public string Directory => directory;

    /// <summary>Polls the directory. The names are in order. The version changes only if the names have changed.</summary>
    /// <exception cref="IOException">The directory cannot be read, or is gone.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public (long Version, IReadOnlyList<SegmentName> Names) Poll(string component)
    {
        lock (_lock)
        {
            var stamp = System.IO.Directory.GetLastWriteTimeUtc(directory);
            if (stamp != _stamp || (!_isSettled && IsTickOver(stamp)) || _listedAt is not { } at || time.GetElapsedTime(at) >= _trust)
            {
                List(stamp);
            }

            return _components.TryGetValue(component, out var found) ? (found.Version, found.Names) : (0, []);
        }
    }

    private bool IsTickOver(DateTime stamp) => time.GetUtcNow().UtcDateTime - stamp > StampTick;

    private void List(DateTime stamp)
    {
        var began = time.GetTimestamp();
        try
        {
            foreach (var name in new FileSystemEnumerable<SegmentName?>(directory, NameOf, Options) { ShouldIncludePredicate = IsSegment })
            {
                if (name is not null)
                {
                    ListOf(name.Component).Add(name);
                }
            }

            Take();
        }
        finally
        {
            _listed.Clear();
        }

        _stamp = stamp;
        _isSettled = IsTickOver(stamp);
        _listedAt = time.GetTimestamp();
        var rest = RestFactor * time.GetElapsedTime(began);
        _trust = rest > LongestTrust ? rest : LongestTrust;
    }

    private static EnumerationOptions Options => new() { AttributesToSkip = 0, IgnoreInaccessible = false, MatchType = MatchType.Simple };

    private static bool IsSegment(ref FileSystemEntry entry) =>
        !entry.IsDirectory && entry.FileName.EndsWith(SegmentName.Extension, StringComparison.Ordinal);

    /// <summary>A name that is known is neither parsed nor allocated again.</summary>
    private SegmentName? NameOf(ref FileSystemEntry entry)
    {
        var (low, high) = (0, _known.Length - 1);
        while (low <= high)
        {
            var middle = low + ((high - low) / 2);
            var order = _known[middle].CompareTo(entry.FileName);
            if (order == 0)
            {
                return _known[middle];
            }

            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return SegmentName.TryParse(entry.FileName.ToString());
    }

    private List<SegmentName> ListOf(string component)
    {
        if (!_listed.TryGetValue(component, out var names))
        {
            _listed[component] = names = [];
        }

        return names;
    }

    private void Take()
    {
        var before = _version;
        foreach (var (component, names) in _listed)
        {
            names.Sort();
            if (!_components.TryGetValue(component, out var known) || !known.Names.SequenceEqual(names))
            {
                _components[component] = new Component(++_version, [.. names]);
            }
        }

        foreach (var gone in _components.Where(c => c.Value.Names.Length > 0 && !_listed.ContainsKey(c.Key)).Select(c => c.Key).ToList())
        {
            _components[gone] = new Component(++_version, []);
        }

        if (_version != before)
        {
            var only = _components.Count == 1 ? _components.Values.Single().Names : null;
            _known = only ?? [.. _components.Values.SelectMany(c => c.Names).Order()];
        }
    }

    private sealed record Component(long Version, SegmentName[] Names);
}
