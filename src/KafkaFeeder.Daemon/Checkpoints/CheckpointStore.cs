using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The checkpoints of all logs on disk. A save appends what has changed to one file that all logs share; saves that come
/// while another is being forced to the disk go together in the next write (group commit), so a thousand logs cost no
/// more fsyncs than one. When that file is large, a snapshot of everything is written and a new one begun.
/// What a crash leaves:
/// <list type="bullet">
/// <item>in a save: a frame that is whole, or one that is cut short and ignored; its caller was told nothing yet;</item>
/// <item>while a snapshot is written: a <c>.new</c> file that is never read, and the files before it as they were;</item>
/// <item>after its rename: the new pair, of which the changes may not be there yet, and the pair before.</item>
/// </list>
/// After a failed fsync the file is never written or synced again: the next save begins with a snapshot. Thread-safe.
/// </summary>
internal sealed class CheckpointStore : IDisposable
{
    /// <summary>The most bytes of changes before a snapshot is written.</summary>
    public const long DefaultMaxChangesBytes = 16 << 20;

    /// <summary>How many times that the file may grow while no snapshot can be written.</summary>
    private const int MaxOvergrowth = 4;

    private readonly string _directory;
    private readonly long _maxChangesBytes;
    private readonly Thread? _thread;
    private readonly object _gate = new();
    private readonly Dictionary<(string Directory, string Component), StoredCheckpoint> _logs;
    private List<PendingSave> _queue = [];
    private bool _isDisposed;

    // Of the committing thread alone.
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

    /// <summary>Where a save that hangs is seen; null: nowhere.</summary>
    public Loops? Loops { get; set; }

    /// <summary>How often changes were forced to the disk.</summary>
    public int Syncs { get; private set; }

    /// <summary>Reads what is there.</summary>
    /// <param name="directory">The checkpoint directory.</param>
    /// <param name="onProblem">Takes what could not be read, with the consequence.</param>
    /// <param name="maxChangesBytes">The most bytes of changes before a snapshot is written.</param>
    /// <param name="commitsInline">True: a save is done when <see cref="SaveAsync"/> returns. For tests.</param>
    /// <exception cref="NewerCheckpointException">It is by a later version of this program: do not begin over it.</exception>
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

    /// <summary>The checkpoints of all logs that there ever were.</summary>
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

    /// <summary>Makes a change durable. A log may have one save in progress at a time.</summary>
    /// <returns>Done when it is on disk; fails with an <see cref="IOException"/> if it could not be written: try again later.</returns>
    /// <exception cref="CheckpointException">It is inconsistent: a fault of this log, and of this program.</exception>
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

    /// <summary>Returns when everything that was to be saved is saved, or has failed.</summary>
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

            using var turns = Loops?.Enter("the checkpoint store", LoopKind.Vital);
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
            // EFBIG comes as ArgumentOutOfRangeException.
            failure = e as IOException ?? new IOException($"the checkpoints in {_directory} cannot be written: {e.Message}", e);
            _changes?.Dispose();
            _changes = null; // never to be synced again
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

    /// <summary>A full disk may have room for a few more changes and none for a snapshot.</summary>
    private void BeginNextIfPossible(long bytes)
    {
        try
        {
            BeginNext();
        }
        catch (Exception e) when (_changes is not null && _changesBytes + bytes < MaxOvergrowth * _maxChangesBytes
            && e is IOException or UnauthorizedAccessException)
        {
            return; // the file that is there is sound: it goes on for now
        }
    }

    /// <summary>A snapshot of everything, a new file for changes, and the files before the last pair deleted.</summary>
    private void BeginNext()
    {
        var number = _number + 1;
        WriteSnapshot(CheckpointFiles.SnapshotPath(_directory, number));
        var path = CheckpointFiles.ChangesPath(_directory, number);
        File.Delete(path); // left by a try that failed here
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

    /// <summary>What cannot be deleted is in nobody's way, and is tried again with the next snapshot.</summary>
    private void DeleteBefore(long number)
    {
        try
        {
            foreach (var path in _version1.ToList())
            {
                File.Move(path, path + ".imported", overwrite: true);
                _version1.Remove(path);
            }

            foreach (var (_, path) in CheckpointFiles.Find(_directory).Where(f => f.Number < number))
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return;
        }
    }

    /// <summary>A change that is to be saved, and what it looks like on disk.</summary>
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
