using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Units;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The checkpoint and journal of a log in one run: loads the state of the last run, counts possible duplicates, writes the journal,
/// and decides when to save. Used only by the log's shipper.
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
    private DuplicateWindow _unresolved;
    private IReadOnlyList<(string Segment, SentMark Mark)> _unresolvedFrom = [];
    private string? _resumedAt; // until the transport has found out what the brokers have
    private bool _mustSave;

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

    /// <summary>The checkpoint of the last run. May be called once: it may be large and is not kept.</summary>
    public Checkpoint TakeStart() => Interlocked.Exchange(ref _start, null) ?? throw new InvalidOperationException("it was taken");

    /// <summary>Records that may be in the topic twice, over all runs.</summary>
    public long PossibleDuplicates => _possibleDuplicates;

    /// <summary>True if the last save failed.</summary>
    public bool HasFailed => _failures > 0;

    /// <summary>True if there is nothing to save and no save is in progress.</summary>
    public bool IsClean => !_isDirty && _saving is null;

    /// <summary>True while a save is in progress.</summary>
    public bool IsSaving => _saving is not null;

    /// <summary>
    /// True while nothing may be sent before the next save. A segment is read again from an earlier position: after a crash, the
    /// checkpoint on disk would be ahead of the acknowledgements. Or records that may be sent twice are not counted on disk yet.
    /// </summary>
    public bool MustSave => _mustSave || _goingBack.Count > 0 || _saving is { IsAwaited: true };

    /// <summary>True if the last run may have sent records after the checkpoint.</summary>
    public bool MayHaveSent { get; private init; }

    /// <summary>What the transport needs to continue at the checkpoint.</summary>
    public string TransportState { get; private init; } = "";

    /// <summary>
    /// Loads the checkpoint, counts possible duplicates (records after it that the last run sent according to its journal), saves that
    /// count, and starts the journal again from the checkpoint. If the transport finds out which of these records the brokers have, the
    /// journal keeps them, and they are counted by <see cref="Resolve"/>.
    /// </summary>
    /// <exception cref="IOException">The state directories cannot be used.</exception>
    public static async Task<CheckpointKeeper> OpenAsync(
        CheckpointStore store, StateDirectory state, string directory, string component, TimeSpan interval, ILogger logger,
        TimeProvider time, bool findsOut = false)
    {
        var stored = store.Of(directory, component);
        var start = stored.Snapshot();
        var journalPath = state.JournalPath(directory, component);
        var (sent, hasRebooted) = Journal.ReadLast(journalPath);
        var twice = DuplicateWindow.Between(start, sent);
        if (!findsOut && (twice.Records > 0 || start.TransportState.Length > 0))
        {
            // Saved before the journal is overwritten. A crash between the two counts them twice, but never not at all.
            // What another transport has saved does not hold any more.
            start = start with { PossibleDuplicates = start.PossibleDuplicates + twice.Records, TransportState = "" };
            var counted = new CheckpointChange { PossibleDuplicates = start.PossibleDuplicates };
            await store.SaveAsync(stored, counted).ConfigureAwait(false);
        }

        var journal = Journal.Restore(journalPath, start, findsOut ? sent : new Dictionary<string, SentMark>());
        var keeper = new CheckpointKeeper(store, stored, journal, start, time)
        {
            _unresolved = findsOut ? twice : default,
            _unresolvedFrom = findsOut ? DuplicateWindow.BeginningsOf(start, sent) : [],
            _resumedAt = findsOut ? PlaceOf(start) : null,
            MayHaveSent = twice.Records > 0 || hasRebooted,
            TransportState = start.TransportState,
        };
        if (!findsOut)
        {
            FeederLog.Resumed(logger, component, PlaceOf(start), twice.Records, twice.Where);
        }

        if (hasRebooted && start.Segments.Count > 0)
        {
            FeederLog.Rebooted(logger, component, DurationText.Format(interval));
        }

        return keeper;
    }

    /// <summary>Writes to the journal that a batch is about to be sent.</summary>
    /// <exception cref="IOException">The journal could not be written: do not send the batch.</exception>
    public void Sending(string segment, SentMark mark)
    {
        _journal.Sending(segment, mark);
        _saving?.Removed.Remove(segment); // another file has the name of a removed segment
    }

    /// <summary>A segment is read again from an earlier position: see <see cref="MustSave"/>.</summary>
    public void GoBack(string segment, SentMark mark)
    {
        _goingBack.Add((segment, mark));
        _isDirty = true;
    }

    /// <summary>
    /// The transport has found out what the brokers have. If that is not exact, what the last run sent after the checkpoint counts as
    /// possible duplicates, and that is saved before anything is sent.
    /// </summary>
    /// <param name="isExact">True if it is known record by record.</param>
    /// <param name="how">By which means, or why not.</param>
    /// <param name="isNews">False: nothing was found that was not known, so only the first time is logged.</param>
    /// <param name="logger">Logs it.</param>
    public void Resolve(bool isExact, string how, bool isNews, ILogger logger)
    {
        var twice = isExact ? default : _unresolved;
        _goingBack.AddRange(isExact ? [] : _unresolvedFrom);

        AddPossibleDuplicates(twice.Records);
        _unresolved = default;
        _unresolvedFrom = [];
        _mustSave |= !isExact;
        _isDirty |= !isExact;
        if (_resumedAt is { } place)
        {
            FeederLog.Resumed(logger, _stored.Component, place, twice.Records, $"{twice.Where} ({how})");
        }
        else if (isNews)
        {
            FeederLog.Found(logger, _stored.Component, how);
        }

        _resumedAt = null;
    }

    /// <summary>The checkpoint has changed, but not by an acknowledgement.</summary>
    public void MarkChanged() => _isDirty = true;

    /// <summary>This many more bytes are acknowledged.</summary>
    public void MarkAcknowledged(long bytes)
    {
        _isDirty = true;
        _unsavedBytes += bytes;
    }

    /// <summary>Counts possible duplicates: these records are sent again, and the brokers may have them already.</summary>
    public void AddPossibleDuplicates(long records)
    {
        _possibleDuplicates += records;
        _isDirty |= records > 0;
    }

    /// <summary>
    /// True if a save is due: after the interval, or earlier if many bytes were acknowledged. After a failure the retry time applies
    /// instead, since nothing is sent until a save succeeds.
    /// </summary>
    public bool IsDue(TimeSpan interval, long windowBytes)
    {
        if ((!_isDirty && !MustSave) || _saving is not null)
        {
            return false;
        }

        var since = _time.GetElapsedTime(_savedAt);
        return HasFailed
            ? since >= RetryAfter(_failures)
            : since >= interval || _unsavedBytes >= windowBytes || MustSave;
    }

    /// <summary>Begins to save a change. <see cref="TakeSaved"/> returns its result when it is done.</summary>
    /// <param name="changed">The change; the number of possible duplicates is filled in here.</param>
    public void BeginSave(CheckpointChange changed)
    {
        var change = changed with { PossibleDuplicates = _possibleDuplicates };
        _savedAt = _time.GetTimestamp();
        var task = Save(change);
        _saving = new Saving(
            task, change, _unsavedBytes, _mustSave, _goingBack.Count, [.. change.Removed.Select(name => name.FileName)]);
        _isDirty = false;
        _mustSave = false;
        _unsavedBytes = 0;
    }

    /// <summary>Returns the result of a save that has ended; null if none has.</summary>
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
            _mustSave |= saving.IsAwaited;
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
            _failures++; // nothing is sent before the journal can be written
            return new SaveResult(saving.Change, $"the journal cannot be written: {e.Message}");
        }

        return new SaveResult(saving.Change, null);
    }

    /// <summary>Completes when no save is in progress.</summary>
    public Task WhenSavedAsync() => _saving is { } saving ? saving.Task.ContinueWith(_ => { }, TaskScheduler.Default) : Task.CompletedTask;

    public void Dispose() => _journal.Dispose();

    /// <summary>An inconsistent checkpoint fails the save of this log like any other error.</summary>
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

    private sealed record Saving(
        Task Task, CheckpointChange Change, long Bytes, bool IsAwaited, int GoingBack, HashSet<string> Removed);
}

/// <summary>How a save ended.</summary>
/// <param name="Change">The change.</param>
/// <param name="Error">Why it was not saved; null: it is on disk.</param>
internal sealed record SaveResult(CheckpointChange Change, string? Error);
