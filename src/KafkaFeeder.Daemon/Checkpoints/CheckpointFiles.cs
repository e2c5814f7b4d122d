using System.Globalization;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The files with the checkpoints of all logs: a snapshot with everything, and a file with the changes since, both with the same
/// number. The previous pair is kept, so a damaged snapshot loses nothing. Reading the files changes nothing.
/// </summary>
internal static class CheckpointFiles
{
    private const string Prefix = "checkpoints-";
    private const string SnapshotExtension = ".snapshot";
    private const string ChangesExtension = ".changes";
    private const string Version1Pattern = "*.checkpoint";

    public static string SnapshotPath(string directory, long number) => Path.Combine(directory, NameOf(number, SnapshotExtension));

    public static string ChangesPath(string directory, long number) => Path.Combine(directory, NameOf(number, ChangesExtension));

    /// <summary>All files, ordered by number; for each number, the snapshot first.</summary>
    public static IReadOnlyList<(long Number, string Path)> Find(string directory) =>
    [
        .. Directory.EnumerateFiles(directory, Prefix + "*")
            .Select(path => (Number: NumberOf(path), Path: path))
            .Where(f => f.Number > 0)
            .OrderBy(f => f.Number)
            .ThenBy(f => f.Path.EndsWith(SnapshotExtension, StringComparison.Ordinal) ? 0 : 1),
    ];

    /// <summary>Files of version 1 of this program, one per log, that are not imported yet.</summary>
    public static IReadOnlyList<string> FindVersion1(string directory) => [.. Directory.EnumerateFiles(directory, Version1Pattern)];

    /// <summary>Reads the checkpoints from disk, by directory and component of the log.</summary>
    /// <param name="directory">The checkpoint directory.</param>
    /// <param name="onProblem">Called for each file or part that could not be read, with a text that says the consequence.</param>
    /// <exception cref="NewerCheckpointException">A newer version of this program wrote it: do not overwrite it.</exception>
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
                        $"{path}: {key.Component} in {key.Directory}: generation {frame.Checkpoint.Generation} follows "
                            + $"{log.Generation}, the generations between are missing. Records acknowledged since are sent again.");
                }
            },
            (problem, isEnd) =>
            {
                if (!isEnd || !isNewest || path.EndsWith(SnapshotExtension, StringComparison.Ordinal))
                {
                    onProblem(
                        $"{path}: {problem}. The previous files are used instead; records that they do not cover are sent again.");
                }
            });
    }

    private static void LoadVersion1(string path, Dictionary<(string, string), StoredCheckpoint> logs, Action<string> onProblem)
    {
        foreach (var (candidate, consequence) in ((string, string)[])
        [
            (path, "Going back to the previous generation: records acknowledged since are sent again."),
            (path + ".previous", "There is no other: every segment that still exists is sent again from its start."),
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
