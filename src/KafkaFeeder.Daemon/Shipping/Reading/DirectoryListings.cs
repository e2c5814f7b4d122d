namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>One <see cref="DirectoryListing"/> for each directory, shared by the logs in it. Thread-safe.</summary>
internal sealed class DirectoryListings(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, WeakReference<DirectoryListing>> _listings = new(StringComparer.Ordinal);

    /// <summary>Returns the listing of a directory, given its real path.</summary>
    public DirectoryListing Of(string directory)
    {
        lock (_lock)
        {
            if (_listings.TryGetValue(directory, out var reference) && reference.TryGetTarget(out var known))
            {
                return known;
            }

            foreach (var (gone, _) in _listings.Where(l => !l.Value.TryGetTarget(out _)).ToList())
            {
                _listings.Remove(gone);
            }

            var listing = new DirectoryListing(directory, time);
            _listings[directory] = new WeakReference<DirectoryListing>(listing);
            return listing;
        }
    }
}
