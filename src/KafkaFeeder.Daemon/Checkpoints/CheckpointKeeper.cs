using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// A log's checkpoint and journal over one run: takes up where the last one ended and says what may arrive twice, notes
/// what is sent, decides when a save is due. Used by the log's shipper alone, but for <see cref="Saved"/>.
/// </summary>
internal sealed class CheckpointKeeper : IDisposable
{
    private readonly CheckpointFile _file;
    private readonly Journal _journal;
    private readonly TimeProvider _time;
    private readonly string _component;
    private readonly string _directory;
    private long _possibleDuplicates;
    private long _unsavedBytes;
    private bool _isDirty;
    private long _savedAt;

    private CheckpointKeeper(CheckpointFile file, Journal journal, Checkpoint start, TimeProvider time)
    {
        _file = file;
        _journal = journal;
        _time = time;
        _component = start.Component;
        _directory = start.Directory;
        _possibleDuplicates = start.PossibleDuplicates;
        Start = start;
        Saved = start;
        _savedAt = time.GetTimestamp();
    }

    /// <summary>What the last run left.</summary>
    public Checkpoint Start { get; }

    /// <summary>What is on disk now.</summary>
    public Checkpoint Saved { get; private set; }

    /// <summary>Records that may have arrived twice since the log was first seen, over all runs.</summary>
    public long PossibleDuplicates => _possibleDuplicates;

    /// <summary>True while the last try to save failed.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>
    /// Loads the checkpoint, counts what may arrive twice (what the last run's journal says was sent beyond it) and saves
    /// the count, and copies the checkpoint over the journal.
    /// </summary>
    /// <exception cref="IOException">The state directories cannot be used.</exception>
    public static CheckpointKeeper Open(StateDirectory state, string component, LogStatus status, TimeSpan interval, ILogger logger, TimeProvider time)
    {
        var file = new CheckpointFile(state.CheckpointPath(status.Directory, component));
        var journalPath = state.JournalPath(status.Directory, component);
        var start = file.Load(problem =>
        {
            status.AddCheckpointReset();
            FeederLog.CheckpointUnreadable(logger, problem);
        }) ?? new Checkpoint { Component = component, Directory = status.Directory };
        if (start.Component != component || start.Directory != status.Directory)
        {
            throw new IOException($"{file.Path} is of {start.Component} in {start.Directory}, not of {component} in {status.Directory}");
        }

        var (sent, hasRebooted) = Journal.ReadLast(journalPath);
        var twice = DuplicateWindow.Between(start, sent, name => File.Exists(Path.Combine(status.Directory, name)));
        if (twice.Records > 0)
        {
            // On disk before the journal is written over. A crash between the two counts them once more, never once less.
            start = start with { Generation = start.Generation + 1, PossibleDuplicates = start.PossibleDuplicates + twice.Records };
            file.Save(start);
        }

        var keeper = new CheckpointKeeper(file, Journal.Restore(journalPath, start), start, time);
        status.PossibleDuplicates = keeper.PossibleDuplicates;
        var open = start.Segments.FirstOrDefault(s => !s.IsDone);
        FeederLog.Resumed(logger, component, open is null ? "the start" : $"{open.Name}:{open.Watermark.Position}", twice.Records, twice.Where);
        if (hasRebooted && start.Segments.Count > 0)
        {
            FeederLog.Rebooted(logger, component, interval);
        }

        return keeper;
    }

    /// <summary>A batch is about to be sent.</summary>
    /// <exception cref="IOException">It could not be noted: do not send it.</exception>
    public void Sending(string segment, long endPosition, long nextOffset) => _journal.Sending(segment, endPosition, nextOffset);

    /// <summary>Something was confirmed, so there is something to save.</summary>
    public void Touch(long confirmedBytes)
    {
        _isDirty = true;
        _unsavedBytes += confirmedBytes;
    }

    /// <summary>Records may be stored twice: they are sent again, and the brokers may have them.</summary>
    public void AddPossibleDuplicates(long records)
    {
        _possibleDuplicates += records;
        _isDirty |= records > 0;
    }

    /// <summary>Whether to save: after the interval, or earlier when much was confirmed.</summary>
    public bool IsDue(TimeSpan interval, long windowBytes) =>
        _isDirty && (_time.GetElapsedTime(_savedAt) >= interval || (_unsavedBytes >= windowBytes && !HasFailed));

    /// <summary>Saves what the segments say, if anything has changed.</summary>
    /// <exception cref="IOException">It could not be saved.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be saved.</exception>
    public void Save(IReadOnlyCollection<SegmentLane> lanes)
    {
        if (_isDirty)
        {
            Write([.. lanes.Select(l => l.Snapshot())]);
        }
    }

    public void Dispose() => _journal.Dispose();

    private void Write(IReadOnlyList<SegmentCheckpoint> segments)
    {
        var checkpoint = Saved with
        {
            Generation = Saved.Generation + 1,
            PossibleDuplicates = _possibleDuplicates,
            Segments = segments,
        };
        _savedAt = _time.GetTimestamp();
        try
        {
            _file.Save(checkpoint);
        }
        catch
        {
            HasFailed = true;
            throw;
        }

        HasFailed = false;
        foreach (var done in segments.Where(s => s.IsDone))
        {
            _journal.Forget(done.Name);
        }

        Saved = checkpoint;
        _isDirty = false;
        _unsavedBytes = 0;
    }
}
