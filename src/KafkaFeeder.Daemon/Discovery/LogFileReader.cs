using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Discovery;

/// <summary>
/// Reads the <c>kafkafeeder.yaml</c> files that a search has found; each is parsed only if it has changed. A user may put a link, a
/// FIFO or another user's file under that name: so the checks are done on the opened file, not on the path. Not thread-safe.
/// </summary>
internal sealed class LogFileReader(Authority authority)
{
    private readonly Dictionary<string, (Stamp Stamp, LogFile File)> _known = new(StringComparer.Ordinal);

    /// <summary>The next <see cref="Read(IReadOnlyList{string}, Territory)"/> reads every file again, changed or not.</summary>
    public void Forget() => _known.Clear();

    /// <summary>Reads these files.</summary>
    public IReadOnlyList<LogFile> Read(IReadOnlyList<string> paths, Territory territory)
    {
        IReadOnlyList<LogFile> files = [.. paths.Select(path => Read(path, territory))];
        foreach (var gone in _known.Keys.Except(paths).ToList())
        {
            _known.Remove(gone);
        }

        return files;
    }

    private LogFile Read(string path, Territory territory)
    {
        if (!RealPath.TryResolve(path, out var real, out var errno) && !Errors.IsAbsent(errno))
        {
            return LogFile.Unreadable(path, $"cannot be opened: {Errors.Text(errno)}.");
        }

        if (real is null || !territory.MayHoldLogs(real))
        {
            return LogFile.Unreadable(path, "is a link to nothing, or out of log_dir: it is not read. Directories elsewhere can be named "
                + "under watcher.allow_directories of conf.yaml.");
        }

        if (!RealFile.TryOpen(real, out var handle, out errno))
        {
            return LogFile.Unreadable(path, $"cannot be opened: {Errors.Text(errno)}.");
        }

        using (handle)
        {
            var facts = FileFacts.Of(handle!);
            return !facts.IsRegular ? LogFile.Unreadable(path, "is a directory, a pipe or a device; expected a regular file.")
                : authority.IsUnknown(facts.Owner) ? LogFile.Unreadable(path, $"belongs to a user whom this process cannot tell from "
                    + $"others (shown as {facts.Owner}): it runs in a user namespace that lacks that user, as with PrivateUsers= of "
                        + $"systemd. It is not read.")
                : Read(path, real, handle!, facts);
        }
    }

    private LogFile Read(string path, string real, Microsoft.Win32.SafeHandles.SafeFileHandle handle, FileFacts facts)
    {
        var mayQuote = IsItsAuthors(path, real, facts, out var why);
        var stamp = new Stamp(real, facts.Id, facts.Changed, facts.Bytes, mayQuote);
        if (_known.TryGetValue(path, out var known) && known.Stamp == stamp)
        {
            return known.File;
        }

        var file = BoundedFile.TryReadText(handle, real, ConfigLoader.MaxLogFileBytes, out var text, out var reason)
            ? new LogFile(path, facts.Owner, mayQuote, ConfigLoader.LoadLogsText(text, path)) { WhyHidden = why }
            : LogFile.Unreadable(path, reason + ".");
        _known[path] = (stamp, file);
        return file;
    }

    /// <summary>
    /// True if this is a file of that name in its directory (or below it, as the kubelet does it), its owner may configure logs there,
    /// and it has no other name. Then whoever created the name could read the file anyway.
    /// </summary>
    private bool IsItsAuthors(string path, string real, FileFacts facts, out string why)
    {
        var folder = Path.GetDirectoryName(path)!;
        if (facts.Links > 1 || !RealPath.IsAtOrBelow(real, folder) || Path.GetFileName(real) != ConfigurationScan.FileName
            || !FileFacts.TryOf(folder, out var directory, out _))
        {
            why = "the file is a link to another.";
            return false;
        }

        why = $"the file belongs to user {facts.Owner}, its directory to user {directory.Owner}. It must belong to that user, to root or "
            + "to the daemon's user.";
        return authority.MayConfigure(facts.Owner, directory.Owner);
    }

    /// <summary>Detects whether a file has changed. The owner of a file cannot set its change time (ctime).</summary>
    private readonly record struct Stamp(string RealPath, FileId Id, long Changed, long Bytes, bool MayQuote);
}
