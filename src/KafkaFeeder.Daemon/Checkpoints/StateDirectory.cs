using System.Security.Cryptography;
using System.Text;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// Where the state of each log is. A file's name is made of the component and a hash of the log's real path, so no name
/// in a user's configuration can lead out of the directory, and two directories may have the same component.
/// </summary>
internal sealed class StateDirectory(string checkpointDir, string journalDir)
{
    /// <summary>The rights of every file in it: the owner's alone.</summary>
    public const UnixFileMode FileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Where the checkpoints of all logs are: see <see cref="CheckpointStore"/>.</summary>
    public string CheckpointDirectory => checkpointDir;

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

    /// <summary>Why the directories may not be used, with what to do; null: they may.</summary>
    /// <exception cref="IOException">They cannot be looked at.</exception>
    public string? Problem()
    {
        foreach (var (setting, directory) in (ReadOnlySpan<(string, string)>)[("checkpoint_dir", checkpointDir), ("journal_dir", journalDir)])
        {
            var mode = File.GetUnixFileMode(directory);
            if (mode.HasFlag(UnixFileMode.OtherWrite))
            {
                return $"{setting} {directory} may be written by everybody on this host (mode {Convert.ToString((int)mode, 8)}): anybody could say there what Kafka has confirmed, and what is not would be skipped and deleted. Take that right away: chmod o-w {directory}";
            }
        }

        return null;
    }

    public string JournalPath(string directory, string component) => Path.Combine(journalDir, NameOf(directory, component) + ".journal");

    /// <summary>Where records of a log go that the brokers refuse.</summary>
    public string RejectedDirectory(string directory, string component) => Path.Combine(checkpointDir, "rejected", NameOf(directory, component));

    private static string NameOf(string directory, string component)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(directory + "\0" + component));
        return $"{component}-{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }
}
