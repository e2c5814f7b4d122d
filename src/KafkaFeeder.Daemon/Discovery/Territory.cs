using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// The directories that may contain logs and their configuration: those at or below log_dir and
/// <see cref="WatcherOptions.AllowDirectories"/>, except the daemon's own state. All paths are real paths, resolved when this is created.
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

    /// <summary>The permissions of conf.yaml: which directories may use which topics and broker groups.</summary>
    public IReadOnlyList<PermissionOptions> Permissions { get; }

    /// <summary>Resolves the directories of conf.yaml.</summary>
    /// <param name="options">conf.yaml.</param>
    /// <param name="errno">Why log_dir cannot be resolved; 0 if it can. If it cannot, its configured path is used.</param>
    public static Territory Of(FeederOptions options, out int errno) => new(
        RealPath.TryResolve(options.LogDir, out var real, out errno) ? real : options.LogDir,
        options);

    /// <summary>True if a directory may contain logs and their configuration.</summary>
    public bool MayHoldLogs(string real) => !IsState(real) && (RealPath.IsAtOrBelow(real, LogDir) || IsAllowed(real));

    /// <summary>True at or below a directory of <see cref="WatcherOptions.AllowDirectories"/>.</summary>
    public bool IsAllowed(string real) => !IsState(real) && _allowed.Any(a => RealPath.IsAtOrBelow(real, a));

    /// <summary>True at or below checkpoint_dir and journal_dir: they never contain logs.</summary>
    public bool IsState(string real) => _state.Any(s => RealPath.IsAtOrBelow(real, s));

    /// <summary>
    /// The first-level directory that a directory belongs to; for log_dir, log_dir itself. Limits are counted per first-level
    /// directory, so that one application's directories leave room for those of others.
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
