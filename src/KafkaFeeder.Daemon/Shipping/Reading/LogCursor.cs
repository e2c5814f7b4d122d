using System.Runtime.ExceptionServices;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// All segments of one log, read in order. A segment whose writer lives is waited for only as long as no later one is
/// there: a writer closes its segment before it creates the next, so the later one is by somebody else, and there is no
/// order between the two. Segments that are done cost nothing from turn to turn. Not thread-safe.
/// </summary>
internal sealed class LogCursor : IDisposable
{
    private const int MaxFoundToSave = 1000;

    private readonly string _directory;
    private readonly LossRecorder _book;
    private readonly TimeProvider _time;
    private readonly Action<SegmentProgress, SegmentReset> _onReset;
    private readonly SegmentSet _set;
    private readonly SegmentWatch _watch;
    private readonly SegmentTable<SegmentProgress> _lanes = new(l => l.Name);
    private readonly SegmentTable<SegmentCheckpoint> _done = new(s => s.Segment);
    private readonly SegmentTable<SegmentProgress> _unread = new(l => l.Name);
    private readonly List<SegmentProgress> _waiting = []; // until the next turn
    private readonly HashSet<SegmentProgress> _open = [];
    private readonly HashSet<SegmentProgress> _missing = [];
    private readonly HashSet<SegmentName> _taken = []; // names that are there, but of what is no segment
    private readonly Queue<SegmentProgress> _found = new(); // to be saved, some with each save
    private readonly HashSet<SegmentProgress> _changed = [];
    private readonly List<SegmentCheckpoint> _changedDone = [];
    private readonly List<SegmentName> _removed = [];
    private readonly HashSet<SegmentName> _missingDone = [];
    private readonly SortedDictionary<SegmentName, string> _unreadable = []; // of those, what is back and cannot be looked into
    private IReadOnlyList<SegmentName> _reconciled; // the names that were dealt with
    private long _closedLagBytes;
    private bool _isSearching;

    /// <param name="directory">The real path of the log's directory.</param>
    /// <param name="set">The segments in it.</param>
    /// <param name="start">What is confirmed, from an earlier run; or null.</param>
    /// <param name="book">Accounts for everything that will not be shipped.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onReset">Called when a file is not as the checkpoint says.</param>
    public LogCursor(
        string directory, SegmentSet set, Checkpoint? start, LossRecorder book, TimeProvider time, Action<SegmentProgress, SegmentReset> onReset)
    {
        _directory = directory;
        _book = book;
        _time = time;
        _onReset = onReset;
        _set = set;
        _watch = new SegmentWatch(directory, time);
        foreach (var saved in start?.Segments ?? [])
        {
            Add(saved);
        }

        _reconciled = [.. (start?.Segments ?? []).Where(s => s.MissingSince is null).Select(s => s.Segment).Order()];
    }

    /// <summary>The segments that are not done, in order.</summary>
    public IReadOnlyCollection<SegmentProgress> Lanes => _lanes;

    /// <summary>Segments that are there.</summary>
    public int Count => _set.Names.Count - _taken.Count;

    /// <summary>Segments that are held open though all of them was read: their outcomes are waited for.</summary>
    public int PendingCount => _open.Count(l => l.IsReadToEnd);

    /// <summary>Bytes that are there and not confirmed.</summary>
    public long LagBytes => _closedLagBytes + _open.Sum(l => l.LagBytes);

    /// <summary>A segment of which nobody can tell whether its writer lives; null: none was found so far.</summary>
    public SegmentProgress? Uncertain { get; private set; }

    /// <summary>The first segment that is there and not all confirmed; null if there is none.</summary>
    public SegmentProgress? FirstWithLag => _lanes.FirstOrDefault(l => l.MissingSince is null && l.LagBytes > 0);

    /// <summary>What is missing from the directory and not given up yet: segments, bytes that are not shipped, and when the first is lost.</summary>
    public (int Count, long Bytes, DateTimeOffset Since, DateTimeOffset Until)? Missing
    {
        get
        {
            var lanes = _missing.Where(l => l.LosableBytes > 0).ToList();
            var since = lanes.Count == 0 ? default : lanes.Min(l => l.MissingSince!.Value);
            return lanes.Count == 0 ? null : (lanes.Count, lanes.Sum(l => l.LosableBytes), since, since + Patience);
        }
    }

    /// <summary>
    /// What was removed from the directory while it is read: segments, and their bytes that are not shipped. These can be read
    /// as long as the file is open, and are in <see cref="LagBytes"/>. Null: none.
    /// </summary>
    public (int Count, long Bytes)? Removed
    {
        get
        {
            var (count, bytes) = (0, 0L);
            foreach (var lane in _open.Where(l => l.IsUnlinked && l.LagBytes > 0))
            {
                count++;
                bytes += lane.LagBytes;
            }

            return count == 0 ? null : (count, bytes);
        }
    }

    /// <summary>
    /// Segments that were shipped, are back and cannot be read, so that nobody knows whether they are the same: how many, and
    /// why not. Null: none.
    /// </summary>
    public (int Count, string Error)? Unreadable => _unreadable.Count == 0 ? null : (_unreadable.Count, _unreadable.First().Value);

    /// <summary>True if there is something to save, besides what <see cref="HasFound"/> tells.</summary>
    public bool HasChanges => _changed.Count + _changedDone.Count + _removed.Count > 0;

    /// <summary>
    /// True if there are segments that were found and are not saved. Nothing has to wait for them: if it ends before, they are
    /// found again.
    /// </summary>
    public bool HasFound => _found.Count > 0;

    private TimeSpan Patience => MissingPolicy.PatienceFor(_watch.IsSameDirectory, Count, _missing.Count);

    /// <summary>
    /// Whether, since this was asked last, a search past damage was left to be gone on with: soon, though there is no
    /// batch now.
    /// </summary>
    public bool TakeSearching()
    {
        var was = _isSearching;
        _isSearching = false;
        return was;
    }

    /// <summary>
    /// Looks for segments that came or went, and every few seconds at sizes: so it is to be called in every turn, also while
    /// nothing can be sent.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be read, or a loss cannot be accounted for; it is looked at again.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be read.</exception>
    public void Refresh()
    {
        foreach (var lane in _waiting.Where(l => _lanes.Find(l.Name) == l && l.MissingSince is null))
        {
            _unread.Set(lane);
        }

        _waiting.Clear();
        if (_set.Refresh() || !ReferenceEquals(_reconciled, _set.Names))
        {
            Reconcile();
        }

        if (_watch.IsDue())
        {
            Recheck();
        }

        if (_missing.Count > 0)
        {
            GiveUpMissing();
        }
    }

    /// <summary>Reads the next batch of the log. Null: there is none now.</summary>
    /// <param name="goesOn">Asked between steps that give no batch; false: enough for this turn.</param>
    /// <exception cref="IOException">A segment cannot be read; nothing was consumed.</exception>
    /// <exception cref="UnsupportedBatchException">A segment holds what this version does not read.</exception>
    public SegmentProgress? TryReadNext(Func<bool> goesOn)
    {
        var now = _time.GetUtcNow();
        while (_unread.First is { } lane)
        {
            if (!TryOpen(lane))
            {
                if (!goesOn())
                {
                    return null;
                }

                continue;
            }

            switch (lane.Read(now, _book))
            {
                case ReadOutcome.Batch:
                    return lane;
                case ReadOutcome.Passed:
                    _changed.Add(lane);
                    break;
                case ReadOutcome.Searching:
                    WaitSearching(lane);
                    break;
                case ReadOutcome.Waiting:
                    Uncertain ??= lane.WaitsUntil is null ? null : lane;
                    Wait(lane);
                    break;
                default:
                    Finish(lane);
                    break;
            }

            if (!goesOn())
            {
                return null;
            }
        }

        return null;
    }

    /// <summary>Between turns nothing is held in memory of what is on disk: a log that waits costs no more than its place.</summary>
    public void DropBuffers()
    {
        foreach (var lane in _open)
        {
            lane.DropBuffer();
        }
    }

    /// <summary>To be called when something of a segment was confirmed: closes it when that was the last.</summary>
    public void Confirmed(SegmentProgress lane)
    {
        _changed.Add(lane);
        if (lane.IsRewritten)
        {
            CloseRewritten(lane);
        }
        else if (lane.IsReadToEnd)
        {
            Finish(lane);
        }
    }

    /// <summary>
    /// Takes what has changed since this was asked last, to be saved; of segments that were found, and of which nothing is
    /// confirmed, a bounded number.
    /// </summary>
    /// <param name="withFound">False: none of those.</param>
    public (List<SegmentCheckpoint> Segments, List<SegmentName> Removed) TakeChanges(bool withFound)
    {
        for (var i = 0; withFound && i < MaxFoundToSave && _found.TryDequeue(out var found); i++)
        {
            _changed.Add(found);
        }

        var segments = _changed.Where(l => _lanes.Find(l.Name) == l).Select(l => l.Snapshot()).ToList();
        segments.AddRange(_changedDone.Where(d => ReferenceEquals(_done.Find(d.Segment), d)));
        var removed = _removed.Where(name => !_done.Contains(name) && !_lanes.Contains(name)).ToList();
        _changed.Clear();
        _changedDone.Clear();
        _removed.Clear();
        return (segments, removed);
    }

    /// <summary>What was taken could not be saved: it has to be saved yet.</summary>
    public void GiveBackChanges(CheckpointChange change)
    {
        foreach (var segment in change.Segments)
        {
            if (_done.Find(segment.Segment) is { } done)
            {
                _changedDone.Add(done);
            }
            else if (_lanes.Find(segment.Segment) is { } lane)
            {
                _changed.Add(lane);
            }
        }

        _removed.AddRange(change.Removed);
    }

    public void Dispose()
    {
        foreach (var lane in _lanes)
        {
            lane.Dispose();
        }
    }

    private void Forget(SegmentName done)
    {
        _done.Remove(done);
        _missingDone.Remove(done);
        _removed.Add(done);
    }

    private void Forget(SegmentProgress missing)
    {
        _missing.Remove(missing);
        _lanes.Remove(missing.Name);
        _removed.Add(missing.Name);
    }

    private void Add(SegmentCheckpoint saved)
    {
        if (saved.IsDone)
        {
            _done.Set(saved);
            if (saved.MissingSince is not null)
            {
                _missingDone.Add(saved.Segment);
            }

            return;
        }

        var lane = new SegmentProgress(saved);
        _lanes.Set(lane);
        if (saved.MissingSince is null)
        {
            BeginToWait(lane);
        }
        else
        {
            _missing.Add(lane);
        }
    }

    /// <summary>A segment that is there is to be read.</summary>
    private void BeginToWait(SegmentProgress lane)
    {
        _unread.Set(lane);
        _closedLagBytes += lane.LagBytes;
    }

    /// <summary>Deals with what came and went. If it throws in the middle, it is all looked at again.</summary>
    private void Reconcile()
    {
        _watch.LookAtDirectory();
        var (came, went) = NameDifference.Between(_reconciled, _set.Names);
        _lanes.Reserve(_lanes.Count + came.Count);
        _unread.Reserve(_unread.Count + came.Count);
        _found.EnsureCapacity(_found.Count + came.Count);
        foreach (var name in came)
        {
            Came(name);
        }

        foreach (var name in went)
        {
            Went(name);
        }

        if (_missing.Count == 0 && (Count > 0 || _missingDone.Count == 0))
        {
            _watch.ThisIsTheDirectory();
        }

        _reconciled = _set.Names;
    }

    private void Came(SegmentName name)
    {
        if (IsMissing(name) && _watch.LengthOf(name) is null)
        {
            _taken.Add(name);
        }
        else if (_lanes.Find(name) is { } lane)
        {
            CameBack(lane);
        }
        else if (_done.Find(name) is { } done)
        {
            CameBack(name, done);
        }
        else if (!_taken.Contains(name))
        {
            Found(name);
        }
    }

    private void Went(SegmentName name)
    {
        _taken.Remove(name);
        _unreadable.Remove(name);
        if (_lanes.Find(name) is { } lane)
        {
            Vanished(lane);
        }
        else if (_done.Find(name) is { } done && _missingDone.Add(name))
        {
            Replace(done with { MissingSince = _time.GetUtcNow() });
        }
    }

    private bool IsMissing(SegmentName name) =>
        _missingDone.Contains(name) || (_lanes.Find(name) is { } lane && _missing.Contains(lane));

    private void Found(SegmentName name)
    {
        _taken.Remove(name);
        var (bytes, written, head) = _watch.SizeOf(name);
        var lane = new SegmentProgress(name, bytes, written, head);
        _lanes.Set(lane);
        _found.Enqueue(lane);
        BeginToWait(lane);
    }

    private void CameBack(SegmentProgress lane)
    {
        if (lane.IsUnlinked)
        {
            RelinkIfBack(lane);
        }

        if (_missing.Remove(lane))
        {
            _taken.Remove(lane.Name);
            lane.MissingSince = null;
            _changed.Add(lane);
            BeginToWait(lane);
        }
    }

    /// <summary>Another file of its name is looked at when this one is read to its end.</summary>
    private void RelinkIfBack(SegmentProgress lane)
    {
        if (_watch.FactsOf(lane.Name) is { } facts && facts.Id == FileFacts.Of(lane.File).Id)
        {
            lane.Relink();
        }
    }

    /// <summary>
    /// A segment that was done is there again. If it is the same file nothing happens; else it is read. What cannot be looked
    /// into is looked at again, and others go on meanwhile: nothing of it is known to be unshipped.
    /// </summary>
    private void CameBack(SegmentName name, SegmentCheckpoint done)
    {
        _unreadable.Remove(name);
        if (!_missingDone.Contains(name) || _watch.LengthOf(name) is null)
        {
            return;
        }

        try
        {
            var back = done with { MissingSince = null };
            if (!ReopenIfChanged(name, back, looksAtHead: true))
            {
                Replace(back);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _unreadable[name] = e.Message;
            return;
        }

        _missingDone.Remove(name);
        _taken.Remove(name);
    }

    private void Replace(SegmentCheckpoint done)
    {
        _done.Set(done);
        _changedDone.Add(done);
    }

    /// <summary>A name is gone. What is open is read to its end; what is not is waited for, since it may come back.</summary>
    private void Vanished(SegmentProgress lane)
    {
        if (lane.IsOpen)
        {
            lane.Unlink();
            _changed.Add(lane);
            return;
        }

        lane.Close(); // a search that goes on
        if (!_missing.Add(lane))
        {
            return;
        }

        _unread.Remove(lane.Name);
        _closedLagBytes -= lane.LagBytes;
        lane.MissingSince = _time.GetUtcNow();
        _changed.Add(lane);
    }

    /// <summary>What has been missing for too long is lost. It is remembered, for the case that it comes back after all.</summary>
    private void GiveUpMissing()
    {
        var now = _time.GetUtcNow();
        var patience = Patience;
        foreach (var lane in _missing.Where(l => l.LosableBytes > 0 && now - l.MissingSince >= patience))
        {
            var what = _taken.Contains(lane.Name) ? "something else took its name" : "the segment was removed";
            _book.Lost(lane.Name.FileName, lane.Acknowledged.Position, lane.WrittenBytes, $"{what} before it was shipped");
            lane.WasLost();
            _changed.Add(lane);
        }
    }

    /// <summary>
    /// Every few seconds: sizes of what is read or waits, of a part of what is done, and what has a name that was taken. One
    /// that cannot be dealt with keeps no other from being looked at.
    /// </summary>
    private void Recheck()
    {
        ExceptionDispatchInfo? first = null;
        foreach (var lane in _open.ToList())
        {
            Try(RecheckOpen, lane);
        }

        foreach (var lane in _missing.Where(l => _watch.LengthOf(l.Name) is not null).ToList())
        {
            CameBack(lane); // it was gone for less than a look at the directory, or something else had its name
        }

        foreach (var name in _watch.Next(_set.Names))
        {
            Try(Recheck, name);
        }

        ForgetOldest();
        first?.Throw();

        void Try<T>(Action<T> look, T one)
        {
            try
            {
                look(one);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                first ??= ExceptionDispatchInfo.Capture(e);
            }
        }
    }

    private void RecheckOpen(SegmentProgress lane)
    {
        if (!lane.IsUnlinked && _watch.FactsOf(lane.Name) is { } named && named.Id != FileFacts.Of(lane.File).Id)
        {
            Vanished(lane); // another file has taken its name
        }

        var written = lane.WrittenBytes;
        lane.LookAtSize(_book);
        if (lane.IsUnlinked && lane.WrittenBytes != written)
        {
            _changed.Add(lane);
        }

        if (lane.IsRewritten)
        {
            CloseRewritten(lane);
        }
        else if (lane.IsReadToEnd && lane.PendingCount == 0)
        {
            Finish(lane); // it could not be asked for its size when it was due
        }
    }

    private void Recheck(SegmentName name)
    {
        if (_missingDone.Contains(name))
        {
            CameBack(name, _done.Find(name)!);
        }
        else if (_done.Find(name) is { } done)
        {
            ReopenIfChanged(name, done, looksAtHead: false);
        }
        else if (_lanes.Find(name) is not { } lane)
        {
            FoundIfSegment(name);
        }
        else if (!lane.IsOpen && lane.MissingSince is null)
        {
            LookAtSize(lane);
        }
    }

    /// <summary>A name of which nothing is known: it was no segment when it was looked at last, or was missing for too long.</summary>
    private void FoundIfSegment(SegmentName name)
    {
        if (_watch.LengthOf(name) is not null)
        {
            Found(name);
        }
    }

    private void LookAtSize(SegmentProgress lane)
    {
        if (_watch.LengthOf(lane.Name) is { } bytes && bytes != lane.Bytes && !IsAnother(lane, bytes))
        {
            var before = lane.LagBytes;
            lane.SawSize(_watch.SizeOf(lane.Name), _book);
            _closedLagBytes += lane.LagBytes - before;
            _changed.Add(lane);
        }
    }

    /// <summary>Whether another file has its name: its size says nothing of what was written to the first one. Opening it tells.</summary>
    private bool IsAnother(SegmentProgress lane, long bytes)
    {
        try
        {
            return lane.Head is { } head && bytes >= RecordBatchHeader.Bytes && !SegmentProgress.HasHead(_watch.PathOf(lane.Name), head);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // opening it to read tells what is wrong
        }
    }

    /// <summary>
    /// A file that was called done has another size, or is another file: it is read on. Smaller, it is another file under the
    /// same name, or has lost its end: opening it tells which.
    /// </summary>
    private bool ReopenIfChanged(SegmentName name, SegmentCheckpoint done, bool looksAtHead)
    {
        if (_watch.FactsOf(name) is not { } facts
            || (facts.Bytes == done.Bytes && !HasAnotherHead(name, done, facts.Changed, looksAtHead)))
        {
            return false;
        }

        _done.Remove(name);
        var lane = new SegmentProgress(done with { IsDone = false });
        _lanes.Set(lane);
        _changed.Add(lane);
        BeginToWait(lane);
        return true;
    }

    /// <summary>
    /// Whether a file that has the size of one that is done is another one. What has not changed since it was looked at is not:
    /// so each is opened once in a run, and when something was done to it.
    /// </summary>
    /// <exception cref="IOException">It cannot be read, and is to be looked at in any case.</exception>
    private bool HasAnotherHead(SegmentName name, SegmentCheckpoint done, long changed, bool inAnyCase)
    {
        if (done.Head is not { } head || (!inAnyCase && changed == done.ComparedAt))
        {
            return false;
        }

        try
        {
            if (!SegmentProgress.HasHead(_watch.PathOf(name), head))
            {
                return true;
            }
        }
        catch (Exception e) when (!inAnyCase && (e is IOException or UnauthorizedAccessException))
        {
            return false; // nothing of it is needed now; it is looked at again
        }

        done.ComparedAt = changed;
        return false;
    }

    /// <summary>What is gone for good is forgotten in the end.</summary>
    private void ForgetOldest()
    {
        var now = _time.GetUtcNow();
        var isDoubtful = Count == 0 && !_watch.IsSameDirectory; // perhaps a directory that is not mounted
        var gone = _missingDone.Except(_unreadable.Keys).Select(name => _done.Find(name)!).OrderByDescending(d => d.MissingSince).ToList();
        foreach (var done in gone.Where((d, i) => MissingPolicy.IsForgotten(now - d.MissingSince!.Value, isDoubtful ? 0 : i)))
        {
            Forget(done.Segment);
        }

        foreach (var lane in _missing.Where(l => l.LosableBytes == 0 && now - l.MissingSince > MissingPolicy.Memory).ToList())
        {
            Forget(lane);
        }
    }

    /// <summary>False if it cannot be read now: it is no segment at all (a link, a FIFO), or its name went in this moment.</summary>
    private bool TryOpen(SegmentProgress lane)
    {
        if (lane.IsOpen)
        {
            return true;
        }

        try
        {
            var lag = lane.LagBytes;
            if (!lane.TryOpen(_directory, _book, out var reset))
            {
                WaitSearching(lane);
                return false;
            }

            _closedLagBytes -= lag;
            _open.Add(lane);
            if (reset is not null)
            {
                _changed.Add(lane);
                _onReset(lane, reset);
            }

            return true;
        }
        catch (FileNotFoundException)
        {
            Vanished(lane);
            return false;
        }
        catch (NotASegmentException e)
        {
            Taken(lane, e.Message);
            return false;
        }
    }

    /// <summary>
    /// Its name is that of what is no segment. What is known of it is waited for, as if it had gone; if nothing is, it only is
    /// looked at again and again.
    /// </summary>
    private void Taken(SegmentProgress lane, string what)
    {
        var isKnown = lane.LosableBytes > 0 || lane.Acknowledged != default;
        _onReset(lane, new SegmentReset(isKnown ? $"missing: {what}" : $"ignored: {what}", IsGoingBack: false));
        _taken.Add(lane.Name);
        Vanished(lane);
        if (!isKnown)
        {
            Forget(lane);
        }
    }

    /// <summary>It goes on in the next turn.</summary>
    private void WaitSearching(SegmentProgress lane)
    {
        _isSearching = true;
        Wait(lane);
    }

    private void Wait(SegmentProgress lane)
    {
        _unread.Remove(lane.Name);
        _waiting.Add(lane);
    }

    /// <summary>It is opened anew when all that was read of it has had its outcome.</summary>
    private void CloseRewritten(SegmentProgress lane)
    {
        _unread.Remove(lane.Name);
        if (lane.PendingCount == 0 && lane.IsUnlinked)
        {
            var reset = lane.ReadWrittenOver(_book);
            _changed.Add(lane);
            _onReset(lane, reset);
            _unread.Set(lane);
        }
        else if (lane.PendingCount == 0)
        {
            lane.CloseRewritten(_book);
            _open.Remove(lane);
            BeginToWait(lane);
        }
    }

    private void Finish(SegmentProgress lane)
    {
        if (!lane.TryFinish())
        {
            _unread.Remove(lane.Name);
            if (lane.IsRewritten)
            {
                CloseRewritten(lane);
            }
            else if (!lane.IsReadToEnd)
            {
                _unread.Set(lane); // it has grown after all
            }

            return;
        }

        _open.Remove(lane);
        _lanes.Remove(lane.Name);
        _unread.Remove(lane.Name);
        lane.MissingSince = lane.IsUnlinked ? _time.GetUtcNow() : null;
        Replace(lane.Snapshot(isDone: true));
        if (lane.IsUnlinked)
        {
            _missingDone.Add(lane.Name);
        }

        // Another file may have taken its name while it was read.
        if (!lane.IsUnlinked)
        {
            ReopenIfChanged(lane.Name, _done.Find(lane.Name)!, looksAtHead: false);
        }
        else if (_watch.LengthOf(lane.Name) is not null)
        {
            CameBack(lane.Name, _done.Find(lane.Name)!);
        }
    }
}
