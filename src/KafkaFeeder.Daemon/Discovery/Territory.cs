using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Which directories may hold logs and their configuration: those at or below log_dir and
/// <see cref="WatcherOptions.AllowDirectories"/>, but for the daemon's own state. All paths are real ones, as they are now.
/// </summary>
internal sealed class Territory
{
    private readonly string[] _allowed;
    private readonly string[] _state;

    private Territory(string logDir, FeederOptions options)
    {
        LogDir = logDir;
        _allowed = [.. options.Watcher.AllowDirectories.Select(RealPath.OrLexical)];
        _state = [RealPath.OrLexical(options.CheckpointDir), RealPath.OrLexical(options.JournalDir)];
        Permissions = [.. options.Permissions.Select(p => p with { Directory = RealPath.OrLexical(p.Directory) })];
    }

    /// <summary>The real path of log_dir.</summary>
    public string LogDir { get; }

    /// <summary>What conf.yaml says of who may use which topics and brokers.</summary>
    public IReadOnlyList<PermissionOptions> Permissions { get; }

    /// <summary>Looks where the directories of conf.yaml lie now.</summary>
    /// <param name="options">conf.yaml.</param>
    /// <param name="errno">Why log_dir cannot be resolved; 0 if it can. The territory is then that of its name.</param>
    public static Territory Of(FeederOptions options, out int errno) => new(
        RealPath.TryResolve(options.LogDir, out var real, out errno) ? real : options.LogDir,
        options);

    /// <summary>True where logs and their configuration may lie.</summary>
    public bool MayHoldLogs(string real) => !IsState(real) && (RealPath.IsAtOrBelow(real, LogDir) || IsAllowed(real));

    /// <summary>True at or below a directory of <see cref="WatcherOptions.AllowDirectories"/>.</summary>
    public bool IsAllowed(string real) => !IsState(real) && _allowed.Any(a => RealPath.IsAtOrBelow(real, a));

    /// <summary>True at or below checkpoint_dir and journal_dir: what lies there is never a log.</summary>
    public bool IsState(string real) => _state.Any(s => RealPath.IsAtOrBelow(real, s));

    /// <summary>
    /// The first-level directory that a directory belongs to: what limits are counted by, so that one application's
    /// directories leave room for the others'. Of log_dir itself: log_dir.
    /// </summary>
    public string BranchOf(string real)
    {
        var root = RealPath.IsAtOrBelow(real, LogDir) ? LogDir : _allowed.FirstOrDefault(a => RealPath.IsAtOrBelow(real, a));
        if (root is null || real == root)
        {
            return real;
        }

        var end = real.IndexOf('/', root.Length + (root == "/" ? 0 : 1));
        return end < 0 ? real : real[..end];
    }
}
