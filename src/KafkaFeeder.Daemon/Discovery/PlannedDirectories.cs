using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Which directory each log was planned in: the cleaner deletes nothing in another that has come to lie under its name.
/// Written by the watcher, read by the cleaner. Thread-safe.
/// </summary>
internal sealed class PlannedDirectories
{
    private volatile Dictionary<string, FileFacts> _facts = new Dictionary<string, FileFacts>();

    /// <summary>From now on it is these.</summary>
    public void Set(IEnumerable<PlannedLog> logs)
    {
        var facts = new Dictionary<string, FileFacts>(StringComparer.Ordinal);
        foreach (var log in logs)
        {
            facts[log.Directory] = log.Facts;
        }

        _facts = facts;
    }

    /// <summary>What was known of a directory when it was planned last; false if it is not planned.</summary>
    public bool TryGet(string directory, out FileFacts facts) => _facts.TryGetValue(directory, out facts);
}
