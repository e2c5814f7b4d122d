using System.Security.Cryptography;
using System.Text;
using KafkaFeeder.Daemon.Files;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// Tells daemons apart by their checkpoint_dir, without showing it to whoever asks: hashes of its path, the real one first
/// and, where it differs, the one that was configured: who may not go there cannot resolve its links.
/// </summary>
internal static class StateMark
{
    /// <summary>The header of each answer that has it.</summary>
    public const string Header = "X-Kafkafeeder-State";

    public static string Of(string checkpointDir) => string.Join(
        ' ', new[] { RealPath.OrLexical(checkpointDir), Path.GetFullPath(checkpointDir) }.Distinct(StringComparer.Ordinal).Select(Hash));

    /// <summary>Whether two of them are of one directory.</summary>
    public static bool IsSame(string mark, string other) => mark.Split(' ').Intersect(other.Split(' '), StringComparer.Ordinal).Any();

    private static string Hash(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16));
}
