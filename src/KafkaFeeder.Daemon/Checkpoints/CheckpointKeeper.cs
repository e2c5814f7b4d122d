using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// A log's checkpoint and journal over one run: takes up where the last one ended and says what may arrive twice, notes
/// what is sent, decides when a save is due. Used by the log's shipper alone.
/// </summary>
internal sealed class CheckpointKeeper : IDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromSeconds(10);

    private readonly CheckpointStore _store;
    private readonly StoredCheckpoint _stored;
    private readonly Journal _journal;
    private readonly TimeProvider _time;
    private readonly List<(string Segment, SentMark Mark)> _goingBack = [];
    private long _possibleDuplicates;
    private long _unsavedBytes;
    private bool _isDirty;
    private long _savedAt;
    private int _failures;
    private Saving? _saving;
    private Checkpoint? _start;

    private CheckpointKeeper(CheckpointStore store, StoredCheckpoint stored, Journal journal, Checkpoint start, TimeProvider time)
    {
        _store = store;
        _stored = stored;
        _journal = journal;
        _time = time;
        _possibleDuplicates = start.PossibleDuplicates;
        _start = start;
        _savedAt = time.GetTimestamp();
    }

    /// <summary>What the last run left; once, since it may be large.</summary>
    public Checkpoint TakeStart() => Interlocked.Exchange(ref _start, null) ?? throw new InvalidOperationException("it was taken");

    /// <summary>Records that may have arrived twice since the log was first seen, over all runs.</summary>
    public long PossibleDuplicates => _possibleDuplicates;

    /// <summary>True while the last try to save failed.</summary>
    public bool HasFailed => _failures > 0;

    /// <summary>True if everything that is to be saved is on disk.</summary>
    public bool IsClean => !_isDirty && _saving is null;

    /// <summary>True while a save is in progress.</summary>
    public bool IsSaving => _saving is not null;

    /// <summary>
    /// True while a segment that is read again from an earlier place is not in the checkpoint on disk yet: nothing of it may
    /// be sent before, or a crash would leave a checkpoint that claims more than is confirmed.
    /// </summary>
    public bool IsGoingBack => _goingBack.Count > 0;

    /// <summary>
    /// Loads the checkpoint, counts what may arrive twice (what the last run's journal says was sent beyond it) and saves
    /// the count, and copies the checkpoint over the journal.
    /// </summary>
    /// <exception cref="IOException">The state directories cannot be used.</exception>
    public static async Task<CheckpointKeeper> OpenAsync(
        CheckpointStore store, StateDirectory state, string directory, string component, TimeSpan interval, ILogger logger,
        TimeProvider time)
    {
        var stored = store.Of(directory, component);
        var start = stored.Snapshot();
        var journalPath = state.JournalPath(directory, component);
        var (sent, hasRebooted) = Journal.ReadLast(journalPath);
        var twice = DuplicateWindow.Between(start, sent);
        if (twice.Records > 0)
        {
            // On disk before the journal is written over. A crash between the two counts them once more, never once less.
            start = start with { PossibleDuplicates = start.PossibleDuplicates + twice.Records };
            var counted = new CheckpointChange { PossibleDuplicates = start.PossibleDuplicates, TransportState = start.TransportState };
            await store.SaveAsync(stored, counted).ConfigureAwait(false);
        }

        var keeper = new CheckpointKeeper(store, stored, Journal.Restore(journalPath, start), start, time);
        FeederLog.Resumed(logger, component, PlaceOf(start), twice.Records, twice.Where);
        if (hasRebooted && start.Segments.Count > 0)
        {
            FeederLog.Rebooted(logger, component, interval);
        }

        return keeper;
    }

    /// <summary>A batch is about to be sent.</summary>
    /// <exception cref="IOException">It could not be noted: do not send it.</exception>
    public void Sending(string segment, SentMark mark)
    {
        _journal.Sending(segment, mark);
        _saving?.Removed.Remove(segment); // another file has its name
    }

    /// <summary>A segment is read again from an earlier place: see <see cref="IsGoingBack"/>.</summary>
    public void GoBack(string segment, SentMark mark)
    {
        _goingBack.Add((segment, mark));
        _isDirty = true;
    }

    /// <summary>The checkpoint has changed otherwise than by an acknowledgement.</summary>
    public void MarkChanged() => _isDirty = true;

    /// <summary>So many bytes more are acknowledged.</summary>
    public void MarkAcknowledged(long bytes)
    {
        _isDirty = true;
        _unsavedBytes += bytes;
    }

    /// <summary>Records may be stored twice: they are sent again, and the brokers may have them.</summary>
    public void AddPossibleDuplicates(long records)
    {
        _possibleDuplicates += records;
        _isDirty |= records > 0;
    }

    /// <summary>
    /// Whether to save: after the interval, or earlier when much was confirmed. After a failure sooner or later than that:
    /// nothing is sent until it succeeds.
    /// </summary>
    public bool IsDue(TimeSpan interval, long windowBytes)
    {
        if ((!_isDirty && _goingBack.Count == 0) || _saving is not null)
        {
            return false;
        }

        var since = _time.GetElapsedTime(_savedAt);
        return HasFailed
            ? since >= RetryAfter(_failures)
            : since >= interval || _unsavedBytes >= windowBytes || _goingBack.Count > 0;
    }

    /// <summary>Begins to save what has changed. <see cref="TakeSaved"/> says when it is done.</summary>
    /// <param name="changed">What has changed; the number of possible duplicates is filled in here.</param>
    public void BeginSave(CheckpointChange changed)
    {
        var change = changed with { PossibleDuplicates = _possibleDuplicates };
        _savedAt = _time.GetTimestamp();
        var task = Save(change);
        _saving = new Saving(task, change, _unsavedBytes, _goingBack.Count, [.. change.Removed.Select(name => name.FileName)]);
        _isDirty = false;
        _unsavedBytes = 0;
    }

    /// <summary>Takes the result of a save that has ended; null if none has.</summary>
    public SaveResult? TakeSaved()
    {
        if (_saving is not { Task.IsCompleted: true } saving)
        {
            return null;
        }

        _saving = null;
        if (saving.Task.Exception?.InnerException is { } failure)
        {
            _failures++;
            _isDirty = true;
            _unsavedBytes += saving.Bytes;
            return new SaveResult(saving.Change, failure.Message);
        }

        _failures = 0;
        foreach (var segment in saving.Change.Segments.Where(s => s.IsDone))
        {
            _journal.Forget(segment.Name);
        }

        try
        {
            foreach (var name in saving.Removed)
            {
                _journal.NoteForgotten(name);
            }

            for (var i = 0; i < saving.GoingBack; i++)
            {
                _journal.GoBack(_goingBack[0].Segment, _goingBack[0].Mark);
                _goingBack.RemoveAt(0);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _failures++; // nothing is sent before it can be noted
            return new SaveResult(saving.Change, $"the journal cannot be written: {e.Message}");
        }

        return new SaveResult(saving.Change, null);
    }

    /// <summary>Done when no save is in progress.</summary>
    public Task WhenSavedAsync() => _saving is { } saving ? saving.Task.ContinueWith(_ => { }, TaskScheduler.Default) : Task.CompletedTask;

    public void Dispose() => _journal.Dispose();

    /// <summary>A checkpoint that is inconsistent is a failure like others: of this log alone, and told.</summary>
    private Task Save(CheckpointChange change)
    {
        try
        {
            return _store.SaveAsync(_stored, change);
        }
        catch (CheckpointException e)
        {
            return Task.FromException(e);
        }
    }

    private static TimeSpan RetryAfter(int failures)
    {
        var wait = FirstRetry * Math.Pow(2, Math.Min(failures - 1, 10));
        return wait < LongestRetry ? wait : LongestRetry;
    }

    private static string PlaceOf(Checkpoint start)
    {
        var open = start.Segments.Where(s => !s.IsDone).MinBy(s => s.Name, StringComparer.Ordinal);
        return open is not null ? $"{open.Name}:{open.Acknowledged.Position}"
            : start.Segments.Count > 0 ? "the end: all that is known is shipped"
            : "the start";
    }

    private sealed record Saving(Task Task, CheckpointChange Change, long Bytes, int GoingBack, HashSet<string> Removed);
}

/// <summary>How a save ended.</summary>
/// <param name="Change">What was to be saved.</param>
/// <param name="Error">Why it was not; null: it is on disk.</param>
internal sealed record SaveResult(CheckpointChange Change, string? Error);
