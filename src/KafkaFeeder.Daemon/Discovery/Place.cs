using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A directory with segments.</summary>
/// <param name="Directory">Its real path.</param>
/// <param name="Facts">Its metadata: which directory it is, and its owner.</param>
internal readonly record struct Place(string Directory, FileFacts Facts)
{
    /// <summary>Resolves a path and examines the directory.</summary>
    /// <param name="path">The path in kafkafeeder.yaml.</param>
    /// <param name="place">What was found.</param>
    /// <param name="reason">Why it failed, as the end of a sentence; "" after success.</param>
    public static bool TryFind(string path, out Place place, out string reason)
    {
        place = default;
        if (!RealPath.TryResolve(path, out var real, out var errno) || !FileFacts.TryOf(real, out var facts, out errno))
        {
            reason = Errors.IsAbsent(errno) ? "does not exist" : $"cannot be examined ({Errors.Text(errno)})";
            return false;
        }

        place = new Place(real, facts);
        reason = facts.IsDirectory ? "" : "is not a directory";
        return facts.IsDirectory;
    }
}
