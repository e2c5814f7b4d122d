using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>What one search has found, and what it could not look at.</summary>
/// <param name="LogDir">Its real path.</param>
internal sealed class ScanResult(string logDir)
{
    private readonly HashSet<string> _unseen = new(StringComparer.Ordinal);

    /// <summary>Every kafkafeeder.yaml, by its real directory, in order of their paths.</summary>
    public List<string> Files { get; } = [];

    /// <summary>The components that have segments, by the real directory.</summary>
    public Dictionary<string, IReadOnlyCollection<string>> Components { get; } = new(StringComparer.Ordinal);

    /// <summary>A directory, and all that is below it, could not be looked at.</summary>
    public void AddUnseen(string directory) => _unseen.Add(directory);

    /// <summary>
    /// True if it is not known what lies in a directory now: then it is not known either that something has been removed.
    /// </summary>
    public bool IsUnseen(string directory)
    {
        if (_unseen.Contains(logDir) && !RealPath.IsAtOrBelow(directory, logDir))
        {
            return true; // what is reached through a link below log_dir
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
