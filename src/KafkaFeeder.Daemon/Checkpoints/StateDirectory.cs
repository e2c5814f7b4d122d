using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using KafkaFeeder.Daemon.Files;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The paths of all state files. A file name is built from the component and a hash of the log's real path, so no name in a user's
/// configuration can lead out of the directory, and two directories may have the same component.
/// </summary>
internal sealed class StateDirectory(string checkpointDir, string journalDir)
{
    private const uint GroupWrite = 0x10; // 0020
    private const uint OthersWrite = 0x2; // 0002
    private const UnixFileMode OwnerReadWrite = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>The directory with the checkpoints of all logs: see <see cref="CheckpointStore"/>.</summary>
    public string CheckpointDirectory => checkpointDir;

    /// <summary>The ledger: see <see cref="Shipping.Ledger"/>.</summary>
    public string LedgerPath => Path.Combine(checkpointDir, "ledger.jsonl");

    /// <summary>The lock file that prevents a second daemon.</summary>
    public string LockPath => Path.Combine(checkpointDir, "lock");

    /// <summary>The unix socket where the commands reach the running daemon.</summary>
    public string StatusSocketPath => Path.Combine(checkpointDir, "status.socket");

    /// <summary>Creates the directories, for the owner only.</summary>
    public void Create()
    {
        foreach (var directory in (string[])[checkpointDir, journalDir])
        {
            CreateDirectory(directory);
        }
    }

    /// <summary>True if the directories may be used. If not, <paramref name="problem"/> says why, and what to do.</summary>
    /// <exception cref="IOException">They cannot be examined.</exception>
    public bool IsSafe([NotNullWhen(false)] out string? problem)
    {
        var user = FileCalls.EffectiveUser();
        return IsSafe("checkpoint_dir", checkpointDir, user, out problem) && IsSafe("journal_dir", journalDir, user, out problem);
    }

    /// <summary>
    /// The problems that the daemon would report at its start, for each directory separately; changes nothing on disk. If the check is
    /// run by another user, the owner of checkpoint_dir counts as the user of the daemon.
    /// </summary>
    /// <exception cref="UnauthorizedAccessException">This user may not examine the directories.</exception>
    public IEnumerable<string> ProblemsOfDaemon()
    {
        var user = FileFacts.TryOf(checkpointDir, out var facts, out _) ? facts.Owner : FileCalls.EffectiveUser();
        foreach (var (setting, directory) in ((string, string)[])[("checkpoint_dir", checkpointDir), ("journal_dir", journalDir)])
        {
            if (FileFacts.TryOf(directory, out var found, out var errno))
            {
                if (!found.IsDirectory)
                {
                    yield return $"{setting} {directory} is not a directory";
                }
                else if (!IsSafe(setting, directory, user, out var problem))
                {
                    yield return problem;
                }
            }
            else if (errno == FileCalls.NoEntry)
            {
                if (!CanBeMade(directory, out var reason))
                {
                    yield return $"{setting} {directory} cannot be created: {reason}";
                }
            }
            else if (Errors.IsAbsent(errno))
            {
                yield return $"{setting} {directory} cannot be created: {Errors.Text(errno)}";
            }
            else
            {
                throw new UnauthorizedAccessException($"{setting} {directory} cannot be examined: {Errors.Text(errno)}");
            }
        }
    }

    /// <summary>Creates a directory where this one would be, and removes it.</summary>
    private static bool CanBeMade(string directory, [NotNullWhen(false)] out string? reason)
    {
        reason = null;
        var above = Path.GetDirectoryName(directory) ?? "/";
        while (!FileFacts.TryOf(above, out _, out _) && Path.GetDirectoryName(above) is { } next)
        {
            above = next;
        }

        var probe = Path.Combine(above, $".kafkafeeder-check-{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(probe, OwnerOnly);
            Directory.Delete(probe);
            return true;
        }
        catch (IOException e)
        {
            reason = e.Message.Replace(probe, above, StringComparison.Ordinal);
            return false;
        }
    }

    /// <summary>Creates a directory for state and its missing parents, accessible for the owner only.</summary>
    public static void CreateDirectory(string path) => Directory.CreateDirectory(path, OwnerOnly);

    /// <summary>Creates a file for state, accessible for the owner only, whatever the umask. It must not exist.</summary>
    public static SafeFileHandle CreateFile(string path)
    {
        var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
        File.SetUnixFileMode(file, OwnerReadWrite);
        return file;
    }

    /// <summary>Options to open a file for state; if it is created, it is accessible for the owner only.</summary>
    public static FileStreamOptions Private(FileMode mode, FileAccess access, FileShare share) =>
        new() { Mode = mode, Access = access, Share = share, BufferSize = 1, UnixCreateMode = OwnerReadWrite };

    public string JournalPath(string directory, string component) => Path.Combine(journalDir, NameOf(directory, component) + ".journal");

    /// <summary>The quarantine directory of all logs.</summary>
    public string RejectedRoot => Path.Combine(checkpointDir, "rejected");

    /// <summary>The quarantine directory of one log.</summary>
    public string RejectedDirectory(string directory, string component) => Path.Combine(RejectedRoot, NameOf(directory, component));

    private static bool IsSafe(string setting, string directory, uint user, [NotNullWhen(false)] out string? problem)
    {
        if (!FileFacts.TryOf(directory, out var facts, out var errno))
        {
            throw new IOException($"{directory}: {Errors.Text(errno)}");
        }

        if (facts.Owner != user && facts.Owner != 0)
        {
            problem = $"{setting} {directory} belongs to user {facts.Owner}, and the daemon runs as user {user}: its owner could change "
                + $"in it what counts as acknowledged. Run kafkafeeder as user {facts.Owner}, "
                + $"or change the owner: chown {user} {directory}";
            return false;
        }

        var others = (facts.Mode & OthersWrite) != 0 ? "everybody on this host" : (facts.Mode & GroupWrite) != 0 ? "its group" : null;
        problem = others is null ? null
            : $"{setting} {directory} may be written by {others} (mode {Convert.ToString(facts.Mode & 0xFFF, 8)}): they could change in "
                + "it what counts as acknowledged, so that unshipped records would be skipped and deleted. Remove that permission: "
                + $"chmod go-w {directory}";
        return problem is null;
    }

    private static string NameOf(string directory, string component)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(directory + "\0" + component));
        return $"{component}-{Convert.ToHexStringLower(hash.AsSpan(0, 8))}";
    }
}
