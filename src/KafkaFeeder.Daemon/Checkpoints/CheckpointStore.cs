using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The checkpoints of all logs on disk. A save appends the changes to one file that all logs share. Saves that come while another
/// one is being synced are written together next (group commit), so 1,000 logs cost no more fsyncs than one. When that file is large,
/// a snapshot of everything is written and a new file is started.
/// What a crash leaves:
/// <list type="bullet">
/// <item>during a save: a complete frame, or an incomplete one that is ignored; the save was not reported as done yet;</item>
/// <item>while a snapshot is written: a <c>.new</c> file that is never read, and the previous files, unchanged;</item>
/// <item>after the rename of the snapshot: the new pair, perhaps still without its file of changes, and the previous pair.</item>
/// </list>
/// After a failed fsync the file is never written or synced again: the next save starts with a snapshot. Thread-safe.
/// </summary>
internal sealed class CheckpointStore : IDisposable
{
    /// <summary>The most bytes of changes before a snapshot is written.</summary>
    public const long DefaultMaxChangesBytes = 16 << 20;

    /// <summary>While no snapshot can be written, the file of changes may grow to this many times its limit.</summary>
    private const int MaxOvergrowth = 4;

    private readonly string _directory;
    private readonly long _maxChangesBytes;
    private readonly Thread? _thread;
    private readonly object _gate = new();
    private readonly Dictionary<(string Directory, string Component), StoredCheckpoint> _logs;
    private List<PendingSave> _queue = [];
    private bool _isDisposed;

    // Used only by the committing thread.
    private readonly List<string> _version1;
    private SafeFileHandle? _changes;
    private string _changesPath = "";
    private FileId _changesIdentity;
    private long _changesBytes;
    private long _number;

    private CheckpointStore(
        string directory, Dictionary<(string, string), StoredCheckpoint> logs, long maxChangesBytes, bool commitsInline)
    {
        _directory = directory;
        _logs = logs;
        _maxChangesBytes = maxChangesBytes;
        _version1 = [.. CheckpointFiles.FindVersion1(directory)];
        _number = CheckpointFiles.Find(directory).Select(f => f.Number).LastOrDefault();
        if (!commitsInline)
        {
            _thread = new Thread(CommitAll) { IsBackground = true, Name = "checkpoints" };
            _thread.Start();
        }
    }

    /// <summary>Where a stalled save is reported; null: it is not.</summary>
    public Loops? Loops { get; set; }

    /// <summary>How often changes were synced to disk.</summary>
    public int Syncs { get; private set; }

    /// <summary>Opens the store and reads the checkpoints.</summary>
    /// <param name="directory">The checkpoint directory.</param>
    /// <param name="onProblem">Called for each file or part that could not be read, with a text that says the consequence.</param>
    /// <param name="maxChangesBytes">The most bytes of changes before a snapshot is written.</param>
    /// <param name="commitsInline">True: a save is done when <see cref="SaveAsync"/> returns. For tests.</param>
    /// <exception cref="NewerCheckpointException">A newer version of this program wrote it: do not overwrite it.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static CheckpointStore Open(
        string directory,
        Action<string> onProblem,
        long maxChangesBytes = DefaultMaxChangesBytes,
        bool commitsInline = false) =>
        new(directory, CheckpointFiles.Load(directory, onProblem), maxChangesBytes, commitsInline);

    /// <summary>The checkpoint of a log; an empty one if there is none.</summary>
    public StoredCheckpoint Of(string directory, string component)
    {
        lock (_gate)
        {
            if (!_logs.TryGetValue((directory, component), out var log))
            {
                _logs[(directory, component)] = log = new StoredCheckpoint(directory, component);
            }

            return log;
        }
    }

    /// <summary>The checkpoints of all logs that were ever shipped.</summary>
    public IReadOnlyList<StoredCheckpoint> All
    {
        get
        {
            lock (_gate)
            {
                return [.. _logs.Values];
            }
        }
    }

    /// <summary>Saves a change and syncs it. A log may have one save in progress at a time.</summary>
    /// <returns>Completes when it is on disk; fails with an <see cref="IOException"/> if it could not be written: try later.</returns>
    /// <exception cref="CheckpointException">The change is inconsistent, because of a bug in this program.</exception>
    public Task SaveAsync(StoredCheckpoint log, CheckpointChange change)
    {
        var save = new PendingSave(log, change);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _queue.Add(save);
            Monitor.Pulse(_gate);
        }

        if (_thread is null)
        {
            Commit(TakeQueue());
        }

        return save.Done;
    }

    /// <summary>Returns when all pending saves have succeeded or failed.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            Monitor.Pulse(_gate);
        }

        _thread?.Join();
        _changes?.Dispose();
    }

    private void CommitAll()
    {
        while (true)
        {
            lock (_gate)
            {
                while (_queue.Count == 0)
                {
                    if (_isDisposed)
                    {
                        return;
                    }

                    Monitor.Wait(_gate);
                }
            }

            using var progress = Loops?.Enter("the checkpoint store", LoopKind.Vital);
            Commit(TakeQueue());
        }
    }

    private List<PendingSave> TakeQueue()
    {
        lock (_gate)
        {
            (var taken, _queue) = (_queue, []);
            return taken;
        }
    }

    private void Commit(List<PendingSave> group)
    {
        Exception? failure = null;
        try
        {
            Append([.. group.Select(s => (ReadOnlyMemory<byte>)s.Frame)]);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            // .NET reports EFBIG as ArgumentOutOfRangeException.
            failure = e as IOException ?? new IOException($"the checkpoints in {_directory} cannot be written: {e.Message}", e);
            _changes?.Dispose();
            _changes = null; // must never be synced again
        }

        group.ForEach(save => save.Complete(failure));
    }

    private void Append(IReadOnlyList<ReadOnlyMemory<byte>> frames)
    {
        var bytes = frames.Sum(f => (long)f.Length);
        if (_changes is null || _changesBytes + bytes > _maxChangesBytes)
        {
            BeginNextIfPossible(bytes);
        }

        RandomAccess.Write(_changes!, frames, _changesBytes);
        DurableFile.Sync(_changes!, _changesPath);
        Syncs++;
        if (FileFacts.Of(_changesPath).Id != _changesIdentity)
        {
            throw new IOException($"{_changesPath} is not the file that was written: somebody moved or removed it");
        }

        _changesBytes += bytes;
    }

    /// <summary>A full disk may have room for a few more changes but not for a snapshot.</summary>
    private void BeginNextIfPossible(long bytes)
    {
        try
        {
            BeginNext();
        }
        catch (Exception e) when (_changes is not null && _changesBytes + bytes < MaxOvergrowth * _maxChangesBytes
            && e is IOException or UnauthorizedAccessException)
        {
            return; // continue with the current file for now
        }
    }

    /// <summary>Writes a snapshot of everything, starts a new file of changes, and deletes files older than the previous pair.</summary>
    private void BeginNext()
    {
        var number = _number + 1;
        WriteSnapshot(CheckpointFiles.SnapshotPath(_directory, number));
        var path = CheckpointFiles.ChangesPath(_directory, number);
        File.Delete(path); // left by an attempt that failed here
        var changes = StateDirectory.CreateFile(path);
        try
        {
            DurableFile.SyncDirectory(_directory);
        }
        catch
        {
            changes.Dispose();
            throw;
        }

        _changes?.Dispose();
        (_changes, _changesPath, _changesBytes, _number) = (changes, path, 0, number);
        _changesIdentity = FileFacts.Of(path).Id;
        DeleteBefore(number - 1);
    }

    private void WriteSnapshot(string path)
    {
        List<StoredCheckpoint> logs;
        lock (_gate)
        {
            logs = [.. _logs.Values.Where(l => l.Generation > 0)];
        }

        var next = path + ".new";
        File.Delete(next);
        using (var file = new FileStream(next, StateDirectory.Private(FileMode.CreateNew, FileAccess.Write, FileShare.Read)))
        {
            foreach (var log in logs)
            {
                CheckpointText.WriteTo(file, log.Snapshot());
            }

            file.Flush();
            DurableFile.Sync(file.SafeFileHandle, next);
        }

        File.Move(next, path, overwrite: true);
    }

    /// <summary>
    /// Deletes older files, changes before the snapshot that they follow: a crash between the two must not leave changes that follow
    /// nothing. A file that cannot be deleted does no harm; the next snapshot tries again.
    /// </summary>
    private void DeleteBefore(long number)
    {
        try
        {
            foreach (var path in _version1.ToList())
            {
                File.Move(path, path + ".imported", overwrite: true);
                _version1.Remove(path);
            }

            foreach (var (_, path) in CheckpointFiles.Find(_directory).Where(f => f.Number < number).Reverse())
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    /// <summary>A change that is to be saved, and its frame.</summary>
    private sealed class PendingSave
    {
        private readonly StoredCheckpoint _log;
        private readonly CheckpointChange _change;
        private readonly long _generation;
        private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public PendingSave(StoredCheckpoint log, CheckpointChange change)
        {
            _log = log;
            _change = change;
            _generation = log.Generation + 1;
            Frame = log.NeedsFull
                ? CheckpointText.Write(Whole(log, change, _generation))
                : CheckpointText.WriteChange(log.Component, log.Directory, _generation, change);
        }

        public byte[] Frame { get; }

        public Task Done => _done.Task;

        public void Complete(Exception? failure)
        {
            if (failure is not null)
            {
                _log.NeedsFull = true;
                _done.SetException(failure);
                return;
            }

            _log.NeedsFull = false;
            _log.Apply(_generation, _change);
            _done.SetResult();
        }

        private static Checkpoint Whole(StoredCheckpoint log, CheckpointChange change, long generation)
        {
            var next = new StoredCheckpoint(log.Directory, log.Component);
            next.Apply(generation, new CheckpointChange { Segments = [.. log.Snapshot().Segments] });
            next.Apply(generation, change);
            return next.Snapshot();
        }
    }
}
