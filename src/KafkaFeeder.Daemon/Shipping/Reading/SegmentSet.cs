using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>The segments of one log that are in its directory, in order. Not thread-safe.</summary>
internal sealed class SegmentSet(DirectoryListing listing, string component)
{
    private long _version = -1;

    /// <summary>The segments, in order.</summary>
    public IReadOnlyList<SegmentName> Names { get; private set; } = [];

    /// <summary>Polls the directory. True if the segments may have changed.</summary>
    /// <exception cref="IOException">The directory cannot be read, or is gone.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public bool Refresh()
    {
        var (version, names) = listing.Poll(component);
        if (version == _version)
        {
            return false;
        }

        Names = names;
        _version = version;
        return true;
    }
}
