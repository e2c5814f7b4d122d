using System.Security.Cryptography;
using System.Text;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// Where the state of each log is. A file's name is made of the component and a hash of the log's real path, so no name
/// in a user's configuration can lead out of the directory, and two directories may have the same component.
/// </summary>
internal sealed class StateDirectory(string checkpointDir, string journalDir)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>What was given up or set aside: see <see cref="Shipping.Ledger"/>.</summary>
    public string LedgerPath => Path.Combine(checkpointDir, "ledger.jsonl");

    /// <summary>The lock file that keeps a second daemon away.</summary>
    public string LockPath => Path.Combine(checkpointDir, "lock");

    /// <summary>Creates the directories, for the owner only.</summary>
    public void Create()
    {
        foreach (var directory in (string[])[checkpointDir, journalDir])
        {
            Directory.CreateDirectory(directory, OwnerOnly);
        }
    }

    public string CheckpointPath(string directory, string component) => Path.Combine(checkpointDir, NameOf(directory, component) + ".checkpoint");

    public string JournalPath(string directory, string component) => Path.Combine(journalDir, NameOf(directory, component) + ".journal");

    /// <summary>Where records of a log go that the brokers refuse.</summary>
    public string RejectedDirectory(string directory, string component) => Path.Combine(checkpointDir, "rejected", NameOf(directory, component));

    private static string NameOf(string directory, string component)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(directory + "\0" + component));
        return $"{component}-{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }
}
