using System.Security.Cryptography;
using System.Text;
using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// Identifies a daemon by its checkpoint_dir without showing the path to a client: hashes of the real path and, if it differs, of the
/// configured path. A client that may not enter the directory cannot resolve its links, and compares the configured path.
/// </summary>
internal static class StateMark
{
    /// <summary>The HTTP header that contains it.</summary>
    public const string Header = "X-Kafkafeeder-State";

    public static string Of(string checkpointDir) => string.Join(
        ' ', new[] { RealPath.OrLexical(checkpointDir), Path.GetFullPath(checkpointDir) }.Distinct(StringComparer.Ordinal).Select(Hash));

    /// <summary>True if two marks belong to the same directory.</summary>
    public static bool IsSame(string mark, string other) => mark.Split(' ').Intersect(other.Split(' '), StringComparer.Ordinal).Any();

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16));
}
