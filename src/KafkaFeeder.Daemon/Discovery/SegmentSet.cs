using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// The segments of one log as they lie in its directory, in order. Looking costs one call while nothing is created or
/// deleted there.
/// </summary>
internal sealed class SegmentSet(string directory, string component)
{
    // File systems stamp a directory by a clock of some milliseconds: a change within the tick of the last listing
    // would not show. So a young listing is not trusted.
    private static readonly TimeSpan StampTick = TimeSpan.FromMilliseconds(100);

    private DateTime _stamp = DateTime.MinValue;
    private bool _isSettled;

    /// <summary>The segments, in order.</summary>
    public IReadOnlyList<SegmentName> Names { get; private set; } = [];

    /// <summary>Looks again. True if the directory was listed anew.</summary>
    /// <exception cref="IOException">The directory cannot be read, or is gone.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public bool Refresh(DateTimeOffset now)
    {
        var stamp = Directory.GetLastWriteTimeUtc(directory);
        if (_isSettled && stamp == _stamp)
        {
            return false;
        }

        var names = new List<SegmentName>();
        foreach (var path in Directory.EnumerateFiles(directory, "*" + SegmentName.Extension))
        {
            if (SegmentName.TryParse(Path.GetFileName(path)) is { } name && name.Component == component)
            {
                names.Add(name);
            }
        }

        names.Sort();
        Names = names;
        _stamp = stamp;
        _isSettled = now.UtcDateTime - stamp > StampTick;
        return true;
    }
}
