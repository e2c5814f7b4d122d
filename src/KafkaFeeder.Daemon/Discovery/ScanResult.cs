using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>What one search has found, and which directories it could not search.</summary>
/// <param name="logDir">The real path of log_dir.</param>
internal sealed class ScanResult(string logDir)
{
    private readonly HashSet<string> _unseen = new(StringComparer.Ordinal);

    /// <summary>The paths of all kafkafeeder.yaml files, in real directories, in order.</summary>
    public List<string> Files { get; } = [];

    /// <summary>The components of the segments, by real directory.</summary>
    public Dictionary<string, IReadOnlyCollection<string>> Components { get; } = new(StringComparer.Ordinal);

    /// <summary>A directory, and everything below it, could not be searched.</summary>
    public void AddUnseen(string directory) => _unseen.Add(directory);

    /// <summary>
    /// True if the current content of a directory is unknown: then nothing in it counts as removed.
    /// </summary>
    public bool IsUnseen(string directory)
    {
        if (_unseen.Contains(logDir) && !RealPath.IsAtOrBelow(directory, logDir))
        {
            return true; // it may have been reached through a link below log_dir
        }

        for (var at = directory; at is { Length: > 0 }; at = Path.GetDirectoryName(at))
        {
            if (_unseen.Contains(at))
            {
                return true;
            }
        }

        return false;
    }
}
