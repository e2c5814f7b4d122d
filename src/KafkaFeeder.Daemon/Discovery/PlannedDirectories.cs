using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// The directories in which logs were planned. If another directory has the same path now, the cleaner deletes nothing in it. Written
/// by the watcher, read by the cleaner. Thread-safe.
/// </summary>
internal sealed class PlannedDirectories
{
    private volatile Dictionary<string, FileFacts> _facts = new Dictionary<string, FileFacts>();

    /// <summary>Replaces all directories.</summary>
    public void Set(IEnumerable<PlannedLog> logs)
    {
        var facts = new Dictionary<string, FileFacts>(StringComparer.Ordinal);
        foreach (var log in logs)
        {
            facts[log.Directory] = log.Facts;
        }

        _facts = facts;
    }

    /// <summary>Returns the metadata of a directory at the last plan; false if it is not planned.</summary>
    public bool TryGet(string directory, out FileFacts facts) => _facts.TryGetValue(directory, out facts);
}
