using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>Why something did not reach Kafka as it should have.</summary>
internal enum LedgerKind
{
    /// <summary>A record that the brokers refuse; it is in quarantine, whole.</summary>
    Rejected,

    /// <summary>The start of a batch at the end of a file: the rest was not written before its writer died, or was cut off.</summary>
    Torn,

    /// <summary>Bytes that are no record batch; a copy is in quarantine, or the reason says that there is none.</summary>
    Damaged,

    /// <summary>A segment, or bytes of one, vanished before it was shipped.</summary>
    Lost,

    /// <summary>Bytes of a segment vanished after they were shipped.</summary>
    Vanished,
}

/// <summary>
/// The account of everything that was not shipped as it was: a JSON object a line, synced before the watermark passes
/// what it is about. It is added up for each log, over all runs; a file that has grown large is put aside, and the next
/// begins with what it added up to. <c>kafkafeeder acknowledge</c> adds to it from another process. Thread-safe.
/// </summary>
internal sealed class Ledger
{
    /// <summary>From this size on a new file is begun.</summary>
    public const long StandardMaxBytes = 32 << 20;

    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(2);

    private readonly Lock _lock = new();
    private readonly LedgerTally _tally = new();
    private readonly string _path;
    private readonly long _maxBytes;
    private readonly TimeProvider _time;
    private FileId _countedFile;
    private long _countedTo;
    private long _rotateAt;

    /// <param name="path">Its file, which need not be there.</param>
    /// <param name="time">The clock.</param>
    /// <param name="maxBytes">From this size on a new file is begun.</param>
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
            // It is said by the loop that looks at it, and by whatever is to be added.
        }
    }

    /// <summary>The file before this one, once there is one.</summary>
    public string OlderPath => Path.ChangeExtension(_path, ".1.jsonl");

    private string NewPath => _path + ".new";

    /// <summary>The counts of a log, kept up to date.</summary>
    public LedgerAccount AccountOf(string directory, string component) => _tally.Of(directory, component);

    /// <summary>Notices what another process has added, every few seconds.</summary>
    public Task RunAsync(LoopProgress turns, CancellationToken stopping) => turns.RepeatAsync(CatchUp, LookInterval, _time, stopping);

    /// <summary>Counts what has come to the file since it was last read.</summary>
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

    /// <summary>Adds an entry and forces it to the disk.</summary>
    /// <exception cref="IOException">It could not be written: do not pass what it is about.</exception>
    public void Add(LedgerKind kind, string directory, string segment, long position, long endPosition, long records, string reason) =>
        Add([new LedgerEntry(kind, directory, segment, position, endPosition, records, reason)]);

    /// <summary>Adds entries and forces them to the disk together.</summary>
    /// <exception cref="IOException">They could not be written: do not pass what they are about.</exception>
    public void Add(IReadOnlyList<LedgerEntry> entries)
    {
        var now = _time.GetUtcNow();
        Write([.. entries.Select(e => LedgerLine.Of(e, now))]);
    }

    /// <summary>Somebody has looked at what is in it.</summary>
    /// <param name="component">Of which logs; null: of all.</param>
    /// <param name="by">Who.</param>
    /// <returns>The logs that had something to look at, with their counts until now.</returns>
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

        var all = new LedgerTally(); // another file, or one that was cut: all of it
        _countedTo = all.Read(file, 0);
        _countedFile = facts.Id;
        _tally.Replace(all);
    }

    /// <summary>
    /// Begins a new file with what this one adds up to. The file of this name is whole at each moment: a copy of it gets the
    /// older name, then the new one takes its place.
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
            _rotateAt = new FileInfo(_path).Length + (_maxBytes / 32); // no room, maybe: it goes on in the same file
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
        File.Delete(NewPath); // of a rotation that a crash cut short
        using var file = new FileStream(NewPath, StateDirectory.Private(FileMode.CreateNew, FileAccess.Write, FileShare.None));
        using var buffered = new BufferedStream(file, 64 << 10);
        write(buffered);
        buffered.Flush();
        DurableFile.Sync(file.SafeFileHandle, NewPath);
    }

    /// <summary>Goes to the end; a line that a crash cut short gets its end, so that the next is one of its own.</summary>
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
