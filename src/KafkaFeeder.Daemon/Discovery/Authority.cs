using System.Globalization;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Decides which users may configure logs: root, the user of the daemon, the owner of conf.yaml (who can configure everything there
/// anyway), and, for a log, the owner of the directory of its segments. See docs/SECURITY.md.
/// </summary>
/// <param name="administrators">Users who may configure every log.</param>
/// <param name="unmapped">
/// The user number that the kernel shows for all users that are not in the user namespace of this process; null: all users are in it.
/// </param>
internal sealed class Authority(IReadOnlySet<uint> administrators, uint? unmapped)
{
    private const uint Root = 0;

    /// <summary>For this process and, if it is not the daemon itself, for the daemon with this state directory.</summary>
    public static Authority Of(FeederOptions options)
    {
        var administrators = new HashSet<uint> { Root, FileCalls.EffectiveUser() };
        if (FileFacts.TryOf(options.CheckpointDir, out var state, out _))
        {
            administrators.Add(state.Owner); // the user of the daemon: it does not start with another user's directory
        }

        if (FileFacts.TryOf(options.SourceFile, out var conf, out _))
        {
            administrators.Add(conf.Owner);
        }

        return new Authority(administrators, UnmappedUser());
    }

    /// <summary>True for root, the daemon's user and the owner of conf.yaml.</summary>
    public bool IsAdministrator(uint user) => administrators.Contains(user);

    /// <summary>True if it cannot be determined which user this is.</summary>
    public bool IsUnknown(uint user) => user == unmapped && !IsAdministrator(user);

    /// <summary>True if this user may configure a log in a directory of that owner.</summary>
    public bool MayConfigure(uint user, uint directoryOwner) =>
        IsAdministrator(user) || (user == directoryOwner && !IsUnknown(user));

    /// <summary>The number of all users outside the user namespace; null if the namespace contains all users.</summary>
    private static uint? UnmappedUser()
    {
        try
        {
            var map = File.ReadAllText("/proc/self/uid_map").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return map is ["0", "0", "4294967295"]
                ? null
                : uint.Parse(File.ReadAllText("/proc/sys/kernel/overflowuid"), CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            return null; // a kernel without user namespaces, or no /proc
        }
    }
}
