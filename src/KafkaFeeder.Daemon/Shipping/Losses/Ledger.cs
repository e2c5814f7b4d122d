using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>Why something did not reach Kafka as it should have.</summary>
internal enum LedgerKind
{
    /// <summary>A record that the brokers refused; the whole record is in quarantine.</summary>
    Rejected,

    /// <summary>The start of a batch at the end of a file: its writer died before it wrote the rest, or the rest was cut off.</summary>
    Torn,

    /// <summary>Bytes that are not a record batch; a copy is in quarantine, or the reason says that there is none.</summary>
    Damaged,

    /// <summary>A segment, or bytes of one, that vanished before being shipped.</summary>
    Lost,

    /// <summary>Bytes of a segment that vanished after they were shipped.</summary>
    Vanished,
}

/// <summary>
/// Records everything that was not shipped as it was: one JSON object per line, synced before the acknowledged position moves past
/// it. Counts are kept for each log, over all runs. When the file is large, it is renamed, and the new file starts with the counts.
/// <c>kafkafeeder acknowledge</c> writes to it from another process. Thread-safe.
/// </summary>
internal sealed class Ledger
{
    /// <summary>From this size on, in bytes, a new file is started.</summary>
    public const long StandardMaxBytes = 32 << 20;

    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly LedgerTally _tally = new();
    private readonly string _path;
    private readonly long _maxBytes;
    private readonly TimeProvider _time;
    private FileId _countedFile;
    private long _countedTo;
    private long _rotateAt;

    /// <param name="path">Its file, which need not exist.</param>
    /// <param name="time">The clock.</param>
    /// <param name="maxBytes">From this size on, in bytes, a new file is started.</param>
    public Ledger(string path, TimeProvider time, long maxBytes = StandardMaxBytes)
    {
        _path = path;
        _time = time;
        _maxBytes = maxBytes;
        _rotateAt = maxBytes;
        try
        {
            CatchUp();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The loop that polls it reports the error, and so does the next entry.
        }
    }

    /// <summary>The previous file, if there is one.</summary>
    public string OlderPath => Path.ChangeExtension(_path, ".1.jsonl");

    private string NewPath => _path + ".new";

    /// <summary>The counts of a log. They are kept up to date.</summary>
    public LedgerAccount AccountOf(string directory, string component) => _tally.Of(directory, component);

    /// <summary>Polls for entries that another process has added, every two seconds.</summary>
    public Task RunAsync(LoopProgress progress, CancellationToken stopping) => progress.RepeatAsync(CatchUp, PollInterval, _time, stopping);

    /// <summary>Counts the entries that were added to the file since it was last read.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public void CatchUp()
    {
        lock (_lock)
        {
            if (File.Exists(_path) && (FileFacts.Of(_path) is var facts) && (facts.Id != _countedFile || facts.Bytes != _countedTo))
            {
                using var file = File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                Count(file);
            }
        }
    }

    /// <summary>Adds an entry and syncs it to disk.</summary>
    /// <exception cref="IOException">It could not be written: do not move the acknowledged position past it.</exception>
    public void Add(LedgerKind kind, string directory, string segment, long position, long endPosition, long records, string reason) =>
        Add([new LedgerEntry(kind, directory, segment, position, endPosition, records, reason)]);

    /// <summary>Adds entries and syncs them to disk together.</summary>
    /// <exception cref="IOException">They could not be written: do not move the acknowledged position past them.</exception>
    public void Add(IReadOnlyList<LedgerEntry> entries)
    {
        var now = _time.GetUtcNow();
        Write([.. entries.Select(e => LedgerLine.Of(e, now))]);
    }

    /// <summary>Records that a person has seen the incidents (<c>kafkafeeder acknowledge</c>).</summary>
    /// <param name="component">The component of the logs; null: all logs.</param>
    /// <param name="by">The person.</param>
    /// <returns>The logs with something unacknowledged, with their counts before this call.</returns>
    /// <exception cref="IOException">It could not be read or written.</exception>
    public IReadOnlyList<KeyValuePair<(string Directory, string Component), LedgerCounts>> Acknowledge(string? component, string by)
    {
        CatchUp();
        var open = _tally.All.Where(a => (component is null || a.Key.Component == component) && a.Value.Unacknowledged != default).ToList();
        if (open.Count > 0)
        {
            Write([new LedgerLine { Time = _time.GetUtcNow(), Kind = LedgerLine.AcknowledgedKind, Component = component, By = by }]);
        }

        return open;
    }

    private void Write(IReadOnlyList<LedgerLine> lines)
    {
        using var buffer = new MemoryStream();
        foreach (var line in lines)
        {
            line.WriteTo(buffer);
        }

        lock (_lock)
        {
            using var _ = LedgerLock.Take(Path.GetDirectoryName(_path)!);
            RotateIfLarge();
            var isNew = !File.Exists(_path);
            using var file = new FileStream(
                _path, StateDirectory.Private(FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete));
            EndTornLine(file);
            file.Write(buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
            DurableFile.Sync(file.SafeFileHandle, _path);
            if (isNew)
            {
                DurableFile.SyncDirectory(Path.GetDirectoryName(_path)!);
            }

            Count(file.SafeFileHandle);
        }
    }

    private void Count(SafeFileHandle file)
    {
        var facts = FileFacts.Of(file);
        if (facts.Id == _countedFile && facts.Bytes >= _countedTo)
        {
            _countedTo = _tally.Read(file, _countedTo);
            return;
        }

        var all = new LedgerTally(); // the file was replaced or cut: count all of it
        _countedTo = all.Read(file, 0);
        _countedFile = facts.Id;
        _tally.Replace(all);
    }

    /// <summary>
    /// Starts a new file with the counts of this one. There is a complete file at this path at all times: first a copy of it gets the
    /// older name, then the new file replaces it.
    /// </summary>
    private void RotateIfLarge()
    {
        if (!File.Exists(_path) || new FileInfo(_path).Length < _rotateAt)
        {
            return;
        }

        try
        {
            Rotate();
            _rotateAt = _maxBytes;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _rotateAt = new FileInfo(_path).Length + (_maxBytes / 32); // perhaps the disk is full: continue with the same file
        }
    }

    private void Rotate()
    {
        CatchUp();
        WriteNew(file =>
        {
            using var old = File.OpenHandle(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var source = new FileStream(old, FileAccess.Read);
            source.CopyTo(file);
        });
        File.Move(NewPath, OlderPath, overwrite: true);
        var now = _time.GetUtcNow();
        WriteNew(file =>
        {
            foreach (var (key, counts) in _tally.All.Where(a => a.Value != LedgerCounts.None))
            {
                LedgerLine.Of(key.Directory, key.Component, counts, now).WriteTo(file);
            }
        });
        File.Move(NewPath, _path, overwrite: true);
        DurableFile.SyncDirectory(Path.GetDirectoryName(_path)!);
    }

    private void WriteNew(Action<Stream> write)
    {
        File.Delete(NewPath); // left by a rotation that a crash interrupted
        using var file = new FileStream(NewPath, StateDirectory.Private(FileMode.CreateNew, FileAccess.Write, FileShare.None));
        using var buffered = new BufferedStream(file, 64 << 10);
        write(buffered);
        buffered.Flush();
        DurableFile.Sync(file.SafeFileHandle, NewPath);
    }

    /// <summary>Seeks to the end. If a crash left the last line incomplete, ends it, so that the next entry gets its own line.</summary>
    private static void EndTornLine(FileStream file)
    {
        if (file.Length > 0)
        {
            file.Position = file.Length - 1;
            if (file.ReadByte() != '\n')
            {
                file.WriteByte((byte)'\n');
            }
        }
    }
}
