using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The checkpoint of one log on disk, with the generation before it. A save writes a new file, syncs it, renames the
/// present one to <c>.previous</c>, renames the new one into its place and syncs the directory. What a crash leaves:
/// <list type="bullet">
/// <item>while writing: a <c>.new</c> file that is never read, and both generations as they were;</item>
/// <item>between the renames: the present generation as <c>.previous</c>, and nothing in its place;</item>
/// <item>before the directory is synced: this generation or the one before it.</item>
/// </list>
/// So at least one whole generation is always there, and none is ever ahead of the acknowledgements.
/// </summary>
internal sealed class CheckpointFile(string path)
{
    private readonly string _new = path + ".new";
    private readonly string _previous = path + ".previous";

    /// <summary>Where the present generation is.</summary>
    public string Path => path;

    /// <summary>Makes a checkpoint durable.</summary>
    /// <exception cref="IOException">It could not be saved; both generations are as they were. Try again later.</exception>
    public void Save(Checkpoint checkpoint)
    {
        var bytes = CheckpointText.Write(checkpoint);
        File.Delete(_new);
        using (var file = new FileStream(_new, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            BufferSize = 0,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(bytes);
            DurableFile.Sync(file.SafeFileHandle, _new);
        }

        if (File.Exists(path))
        {
            File.Move(path, _previous, overwrite: true);
        }

        File.Move(_new, path, overwrite: true);
        DurableFile.SyncDirectory(System.IO.Path.GetDirectoryName(path)!);
    }

    /// <summary>
    /// The newest generation that can be read; null if there is none. What could not be read is told, with its
    /// consequence.
    /// </summary>
    /// <exception cref="NewerCheckpointException">It is by a later version of this program: do not begin anew over it.</exception>
    public Checkpoint? Load(Action<string> onUnreadable)
    {
        foreach (var (candidate, consequence) in ((string, string)[])
        [
            (path, "Going back to the previous generation: what was confirmed since is sent again."),
            (_previous, "There is no other: every segment that is still there is sent again from its start."),
        ])
        {
            try
            {
                if (File.Exists(candidate))
                {
                    return CheckpointText.Read(File.ReadAllBytes(candidate));
                }
            }
            catch (Exception e) when (e is CheckpointException or UnauthorizedAccessException or (IOException and not NewerCheckpointException))
            {
                onUnreadable($"The checkpoint {candidate} cannot be used: {e.Message}. {consequence}");
            }
        }

        return null;
    }
}
