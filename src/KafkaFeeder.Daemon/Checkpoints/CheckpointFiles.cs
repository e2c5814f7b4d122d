using System.Globalization;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The files in which the checkpoints of all logs are: a snapshot with everything, and beside it the changes since, both
/// under one number. The pair before is kept, so a damaged snapshot costs nothing. Reading them changes nothing.
/// </summary>
internal static class CheckpointFiles
{
    private const string Prefix = "checkpoints-";
    private const string SnapshotExtension = ".snapshot";
    private const string ChangesExtension = ".changes";
    private const string Version1Pattern = "*.checkpoint";

    public static string SnapshotPath(string directory, long number) => Path.Combine(directory, NameOf(number, SnapshotExtension));

    public static string ChangesPath(string directory, long number) => Path.Combine(directory, NameOf(number, ChangesExtension));

    /// <summary>The files there are, by number; of a number, the snapshot first.</summary>
    public static IReadOnlyList<(long Number, string Path)> Find(string directory) =>
    [
        .. Directory.EnumerateFiles(directory, Prefix + "*")
            .Select(path => (Number: NumberOf(path), Path: path))
            .Where(f => f.Number > 0)
            .OrderBy(f => f.Number)
            .ThenBy(f => f.Path.EndsWith(SnapshotExtension, StringComparison.Ordinal) ? 0 : 1),
    ];

    /// <summary>The files of version 1 of this program, one a log, that were not imported yet.</summary>
    public static IReadOnlyList<string> FindVersion1(string directory) => [.. Directory.EnumerateFiles(directory, Version1Pattern)];

    /// <summary>Reads what is on disk: each log, by directory and component.</summary>
    /// <param name="directory">The checkpoint directory.</param>
    /// <param name="onProblem">Takes what could not be read, with the consequence.</param>
    /// <exception cref="NewerCheckpointException">It is by a later version of this program: do not begin over it.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static Dictionary<(string Directory, string Component), StoredCheckpoint> Load(string directory, Action<string> onProblem)
    {
        var logs = new Dictionary<(string, string), StoredCheckpoint>();
        var files = Find(directory);
        foreach (var (number, path) in files)
        {
            LoadFile(path, number == files[^1].Number, logs, onProblem);
        }

        foreach (var path in FindVersion1(directory))
        {
            LoadVersion1(path, logs, onProblem);
        }

        return logs;
    }

    private static void LoadFile(
        string path, bool isNewest, Dictionary<(string, string), StoredCheckpoint> logs, Action<string> onProblem)
    {
        var missing = new HashSet<(string, string)>();
        CheckpointText.ReadFrames(
            File.ReadAllBytes(path),
            frame =>
            {
                var key = (frame.Checkpoint.Directory, frame.Checkpoint.Component);
                if (!logs.TryGetValue(key, out var log))
                {
                    logs[key] = log = new StoredCheckpoint(key.Directory, key.Component);
                }

                if (!log.Apply(frame) && missing.Add(key))
                {
                    onProblem(
                        $"{path}: of {key.Component} in {key.Directory} generation {frame.Checkpoint.Generation} follows "
                            + $"{log.Generation}, what lies between is missing. What was confirmed since is sent again.");
                }
            },
            (problem, isEnd) =>
            {
                if (!isEnd || !isNewest || path.EndsWith(SnapshotExtension, StringComparison.Ordinal))
                {
                    onProblem(
                        $"{path}: {problem}. The files before it are used for what stood there; what they do not have is sent again.");
                }
            });
    }

    private static void LoadVersion1(string path, Dictionary<(string, string), StoredCheckpoint> logs, Action<string> onProblem)
    {
        foreach (var (candidate, consequence) in ((string, string)[])
        [
            (path, "Going back to the previous generation: what was confirmed since is sent again."),
            (path + ".previous", "There is no other: every segment that is still there is sent again from its start."),
        ])
        {
            try
            {
                if (File.Exists(candidate))
                {
                    var frame = CheckpointText.Read(File.ReadAllBytes(candidate));
                    var key = (frame.Checkpoint.Directory, frame.Checkpoint.Component);
                    if (!logs.ContainsKey(key))
                    {
                        var log = new StoredCheckpoint(key.Directory, key.Component);
                        log.Apply(frame);
                        logs.Add(key, log);
                    }

                    return;
                }
            }
            catch (CheckpointException e)
            {
                onProblem($"The checkpoint {candidate} cannot be used: {e.Message}. {consequence}");
            }
        }
    }

    private static string NameOf(long number, string extension) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{number:d8}{extension}");

    private static long NumberOf(string path)
    {
        var name = Path.GetFileName(path);
        var isOurs = name.EndsWith(SnapshotExtension, StringComparison.Ordinal)
            || name.EndsWith(ChangesExtension, StringComparison.Ordinal);
        return isOurs && long.TryParse(
            Path.GetFileNameWithoutExtension(name).AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : 0;
    }
}
