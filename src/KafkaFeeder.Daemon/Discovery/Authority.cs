using System.Globalization;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Whose word counts: root's, the daemon's own user's, that of conf.yaml's owner, who could say there what he likes, and, for
/// a log, that of the owner of the segments' directory.
/// docs/SECURITY.md says what follows.
/// </summary>
/// <param name="administrators">Users who may configure every log.</param>
/// <param name="unmapped">The number by which the kernel shows all users that this process's user namespace does not have; null: it
/// has all.</param>
internal sealed class Authority(IReadOnlySet<uint> administrators, uint? unmapped)
{
    private const uint Root = 0;

    /// <summary>For this process, and, where it is not the daemon itself, for the daemon whose state directory it is.</summary>
    public static Authority Of(FeederOptions options)
    {
        var administrators = new HashSet<uint> { Root, FileCalls.EffectiveUser() };
        if (FileFacts.TryOf(options.CheckpointDir, out var state, out _))
        {
            administrators.Add(state.Owner); // the daemon itself does not start on a directory of somebody else's
        }

        if (FileFacts.TryOf(options.SourceFile, out var conf, out _))
        {
            administrators.Add(conf.Owner);
        }

        return new Authority(administrators, UnmappedUser());
    }

    /// <summary>True for root, the daemon's user and the owner of conf.yaml.</summary>
    public bool IsAdministrator(uint user) => administrators.Contains(user);

    /// <summary>True if it is not known which user this is.</summary>
    public bool IsUnknown(uint user) => user == unmapped && !IsAdministrator(user);

    /// <summary>True if what this user writes may decide about a log in a directory of that owner.</summary>
    public bool MayConfigure(uint user, uint directoryOwner) =>
        IsAdministrator(user) || (user == directoryOwner && !IsUnknown(user));

    /// <summary>A user namespace that has every user is as good as none.</summary>
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
