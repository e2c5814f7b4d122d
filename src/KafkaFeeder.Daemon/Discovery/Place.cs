using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>A directory of segments as it is now.</summary>
/// <param name="Directory">Its real path.</param>
/// <param name="Facts">Which one it is, and whose.</param>
internal readonly record struct Place(string Directory, FileFacts Facts)
{
    /// <summary>Looks where a path leads.</summary>
    /// <param name="path">As kafkafeeder.yaml names it.</param>
    /// <param name="place">What was found.</param>
    /// <param name="reason">Why there is none, as the rest of a sentence; "" after success.</param>
    public static bool TryLook(string path, out Place place, out string reason)
    {
        place = default;
        if (!RealPath.TryResolve(path, out var real, out var errno) || !FileFacts.TryOf(real, out var facts, out errno))
        {
            reason = Errors.IsAbsent(errno) ? "does not exist" : $"cannot be looked at ({Errors.Text(errno)})";
            return false;
        }

        place = new Place(real, facts);
        reason = facts.IsDirectory ? "" : "is not a directory";
        return facts.IsDirectory;
    }
}
