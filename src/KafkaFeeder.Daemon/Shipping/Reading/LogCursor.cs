using System.Runtime.ExceptionServices;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// All segments of one log, read in order. A segment whose writer lives is waited for only as long as no later one is
/// there: a writer closes its segment before it creates the next, so the later one is by somebody else, and there is no
/// order between the two. Segments that are done cost nothing from turn to turn. Not thread-safe.
/// </summary>
internal sealed class LogCursor : IBatchSource
{
    private const int MaxFoundToSave = 1000;

    private readonly string _directory;
    private readonly LossRecorder _book;
    private readonly TimeProvider _time;
    private readonly Action<FileReset> _onReset;
    private readonly SegmentSet _set;
    private readonly SegmentWatch _watch;
    private readonly SegmentTable<SegmentProgress> _segments = new(s => s.Name);
    private readonly SegmentTable<SegmentCheckpoint> _done = new(s => s.Segment);
    private readonly SegmentTable<SegmentProgress> _unread = new(s => s.Name);
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
        string directory, SegmentSet set, Checkpoint? start, LossRecorder book, TimeProvider time,
        Action<FileReset> onReset)
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

    public IEnumerable<PendingBatch> Pending => _segments.Where(s => s.PendingCount > 0).SelectMany(s => s.Pending);

    public IEnumerable<StoredBatch> AfterAcknowledged => _open.OrderBy(s => s.Name).SelectMany(s => s.AfterAcknowledged).Select(b => b.Stored);

    public int Count => _set.Names.Count - _taken.Count;

    public int AwaitingCount => _open.Count(s => s.IsReadToEnd);

    public long LagBytes => _closedLagBytes + _open.Sum(s => s.LagBytes);

    public UncertainFile? Uncertain { get; private set; }

    public UnshippedPlace? FirstUnshipped => _segments.FirstOrDefault(s => s.MissingSince is null && s.LagBytes > 0) is not { } first ? null
        : new UnshippedPlace(
            $"{first.Name}:{first.Acknowledged.Position}",
            first.OldestTimestamp(_directory) ?? first.Name.Start?.ToUnixTimeMilliseconds() ?? 0);

    public AbsentFiles Absent => new(
        Missing(),
        Removed(),
        _open.Count(s => s.IsUnlinked),
        _unreadable.Count == 0 ? null : new UnreadableFiles(_unreadable.Count, _unreadable.First().Value));

    public bool HasChanges => _changed.Count + _changedDone.Count + _removed.Count > 0;

    public bool HasFound => _found.Count > 0;

    private TimeSpan Patience => MissingPolicy.PatienceFor(_watch.IsSameDirectory, Count, _missing.Count);

    public bool TakeSearching()
    {
        var was = _isSearching;
        _isSearching = false;
        return was;
    }

    public void Refresh()
    {
        foreach (var segment in _waiting.Where(s => _segments.Find(s.Name) == s && s.MissingSince is null))
        {
            _unread.Set(segment);
        }

        _waiting.Clear();
        if (List() || !ReferenceEquals(_reconciled, _set.Names))
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

    public PendingBatch? TryReadNext(Func<bool> goesOn, out ReadOnlySpan<byte> stored)
    {
        var now = _time.GetUtcNow();
        while (_unread.First is { } segment)
        {
            ReadOutcome? outcome = TryOpen(segment) ? segment.Read(now, _book) : null;
            switch (outcome)
            {
                case null:
                    break; // the next one may be opened
                case ReadOutcome.Batch when segment.Current is { } batch:
                    stored = segment.CurrentBytes;
                    return batch;
                case ReadOutcome.Batch: // it has no data
                case ReadOutcome.Passed:
                    _changed.Add(segment);
                    break;
                case ReadOutcome.Searching:
                    WaitSearching(segment);
                    break;
                case ReadOutcome.Waiting:
                    Uncertain ??= segment.WaitsUntil is { } finalAt ? new UncertainFile(segment.Name.FileName, finalAt) : null;
                    Wait(segment);
                    break;
                default:
                    Finish(segment);
                    break;
            }

            if (!goesOn())
            {
                break;
            }
        }

        stored = default;
        return null;
    }

    public void DropBuffers()
    {
        foreach (var segment in _open)
        {
            segment.DropBuffer();
        }
    }

    public byte[]? ReadAgain(PendingBatch batch) => SegmentOf(batch).ReadAgain(batch.Stored);

    public void Settle(PendingBatch batch)
    {
        SegmentOf(batch).Settle(batch);
        Progressed(batch);
    }

    public void Progressed(PendingBatch batch)
    {
        var segment = SegmentOf(batch);
        _changed.Add(segment);
        if (segment.IsRewritten)
        {
            CloseRewritten(segment);
        }
        else if (segment.IsReadToEnd)
        {
            Finish(segment);
        }
    }

    public void RecordChanged(PendingBatch batch) => SegmentOf(batch).RecordChanged(batch.Stored, _book);

    public void RecordDamaged(PendingBatch batch, string reason) =>
        SegmentOf(batch).Account(new(batch.Stored.Position, batch.Stored.EndPosition, false, reason), _book);

    public CheckpointChange TakeChanges(bool withFound)
    {
        for (var i = 0; withFound && i < MaxFoundToSave && _found.TryDequeue(out var found); i++)
        {
            _changed.Add(found);
        }

        var segments = _changed.Where(s => _segments.Find(s.Name) == s).Select(s => s.Snapshot()).ToList();
        segments.AddRange(_changedDone.Where(d => ReferenceEquals(_done.Find(d.Segment), d)));
        var removed = _removed.Where(name => !_done.Contains(name) && !_segments.Contains(name)).ToList();
        _changed.Clear();
        _changedDone.Clear();
        _removed.Clear();
        return new CheckpointChange { Segments = segments, Removed = removed };
    }

    public void GiveBackChanges(CheckpointChange change)
    {
        foreach (var saved in change.Segments)
        {
            if (_done.Find(saved.Segment) is { } done)
            {
                _changedDone.Add(done);
            }
            else if (_segments.Find(saved.Segment) is { } segment)
            {
                _changed.Add(segment);
            }
        }

        _removed.AddRange(change.Removed);
    }

    public void Dispose()
    {
        foreach (var segment in _segments)
        {
            segment.Dispose();
        }
    }

    /// <summary>What is missing and not given up yet.</summary>
    private MissingFiles? Missing()
    {
        var segments = _missing.Where(s => s.LosableBytes > 0).ToList();
        var since = segments.Count == 0 ? default : segments.Min(s => s.MissingSince!.Value);
        return segments.Count == 0 ? null : new(segments.Count, segments.Sum(s => s.LosableBytes), since, since + Patience);
    }

    private RemovedFiles? Removed()
    {
        var (count, bytes) = (0, 0L);
        foreach (var segment in _open.Where(s => s.IsUnlinked && s.LagBytes > s.ReplacementBytes))
        {
            count++;
            bytes += segment.LagBytes - segment.ReplacementBytes;
        }

        return count == 0 ? null : new(count, bytes);
    }

    private static SegmentProgress SegmentOf(PendingBatch batch) => ((SegmentBatch)batch).Segment;

    private void Forget(SegmentName done)
    {
        _done.Remove(done);
        _missingDone.Remove(done);
        _removed.Add(done);
    }

    private void Forget(SegmentProgress missing)
    {
        _missing.Remove(missing);
        _segments.Remove(missing.Name);
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

        var segment = new SegmentProgress(saved);
        _segments.Set(segment);
        if (saved.MissingSince is null)
        {
            BeginToWait(segment);
        }
        else
        {
            _missing.Add(segment);
        }
    }

    /// <summary>A segment that is there is to be read.</summary>
    private void BeginToWait(SegmentProgress segment)
    {
        _unread.Set(segment);
        _closedLagBytes += segment.LagBytes;
    }

    /// <summary>Deals with what came and went. If it throws in the middle, it is all looked at again.</summary>
    private void Reconcile()
    {
        _watch.LookAtDirectory();
        var (came, went) = NameDifference.Between(_reconciled, _set.Names);
        _segments.Reserve(_segments.Count + came.Count);
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
        else if (_segments.Find(name) is { } segment)
        {
            CameBack(segment);
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
        if (_segments.Find(name) is { } segment)
        {
            Vanished(segment);
        }
        else if (_done.Find(name) is { } done && _missingDone.Add(name))
        {
            Replace(done with { MissingSince = _time.GetUtcNow() });
        }
    }

    private bool IsMissing(SegmentName name) =>
        _missingDone.Contains(name) || (_segments.Find(name) is { } segment && _missing.Contains(segment));

    private void Found(SegmentName name)
    {
        _taken.Remove(name);
        var (bytes, written, head) = _watch.SizeOf(name);
        var segment = new SegmentProgress(name, bytes, written, head);
        _segments.Set(segment);
        _found.Enqueue(segment);
        BeginToWait(segment);
    }

    private void CameBack(SegmentProgress segment)
    {
        RelinkIfBack(segment);

        if (_missing.Remove(segment))
        {
            _taken.Remove(segment.Name);
            segment.MissingSince = null;
            _changed.Add(segment);
            BeginToWait(segment);
        }
    }

    private bool HasItsName(SegmentProgress segment) =>
        _watch.FactsOf(segment.Name) is { } facts && facts.Id == FileFacts.Of(segment.File).Id;

    /// <summary>Another file of its name is looked at when this one is read to its end.</summary>
    private void RelinkIfBack(SegmentProgress segment)
    {
        if (segment.IsUnlinked && HasItsName(segment))
        {
            segment.Relink();
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
    private void Vanished(SegmentProgress segment)
    {
        if (segment.IsOpen)
        {
            segment.Unlink();
            _changed.Add(segment);
            return;
        }

        segment.Close(); // a search that goes on
        if (!_missing.Add(segment))
        {
            return;
        }

        _unread.Remove(segment.Name);
        _closedLagBytes -= segment.LagBytes;
        segment.MissingSince = _time.GetUtcNow();
        _changed.Add(segment);
    }

    /// <summary>What has been missing for too long is lost. It is remembered, for the case that it comes back after all.</summary>
    private void GiveUpMissing()
    {
        var now = _time.GetUtcNow();
        var patience = Patience;
        foreach (var segment in _missing.Where(s => s.LosableBytes > 0 && now - s.MissingSince >= patience))
        {
            var what = _taken.Contains(segment.Name) ? "something else took its name" : "the segment was removed";
            _book.Lost(segment.Name.FileName, segment.Acknowledged.Position, segment.WrittenBytes, $"{what} before it was shipped");
            segment.WasLost();
            _changed.Add(segment);
        }
    }

    /// <summary>
    /// Every few seconds: sizes of what is read or waits, of a part of what is done, and what has a name that was taken. One
    /// that cannot be dealt with keeps no other from being looked at.
    /// </summary>
    private void Recheck()
    {
        var first = RecheckOpen();
        foreach (var segment in _missing.Where(l => _watch.LengthOf(l.Name) is not null).ToList())
        {
            CameBack(segment); // it was gone for less than a look at the directory, or something else had its name
        }

        foreach (var name in _watch.Next(_set.Names))
        {
            first = Try(Recheck, name, first);
        }

        ForgetOldest();
        first?.Throw();
    }

    /// <summary>What is open, and what of it cannot be dealt with: one keeps no other from being looked at.</summary>
    private ExceptionDispatchInfo? RecheckOpen()
    {
        ExceptionDispatchInfo? first = null;
        foreach (var segment in _open.ToList())
        {
            first = Try(RecheckOpen, segment, first);
        }

        return first;
    }

    private static ExceptionDispatchInfo? Try<T>(Action<T> look, T one, ExceptionDispatchInfo? before)
    {
        try
        {
            look(one);
            return before;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return before ?? ExceptionDispatchInfo.Capture(e);
        }
    }

    /// <summary>Lists the directory. If it is gone, so are the names of what is open.</summary>
    private bool List()
    {
        try
        {
            return _set.Refresh();
        }
        catch (DirectoryNotFoundException)
        {
            foreach (var segment in _open.Where(s => !s.IsUnlinked))
            {
                Vanished(segment);
            }

            if (_watch.IsDue())
            {
                _ = RecheckOpen();
            }

            throw;
        }
    }

    private void RecheckOpen(SegmentProgress segment)
    {
        var named = _watch.FactsOf(segment.Name);
        var isOther = named is not null && named.Value.Id != FileFacts.Of(segment.File).Id;
        segment.ReplacementBytes = isOther ? named!.Value.Bytes : 0;
        if (isOther && !segment.IsUnlinked)
        {
            Vanished(segment); // another file has taken its name
        }
        else if (named is not null && !isOther && segment.IsUnlinked)
        {
            segment.Relink();
        }

        var written = segment.WrittenBytes;
        segment.LookAtSize(_book);
        if (segment.IsUnlinked && segment.WrittenBytes != written)
        {
            _changed.Add(segment);
        }

        if (segment.IsRewritten)
        {
            CloseRewritten(segment);
        }
        else if (segment.IsReadToEnd && segment.PendingCount == 0)
        {
            Finish(segment); // it could not be asked for its size when it was due
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
        else if (_segments.Find(name) is not { } segment)
        {
            FoundIfSegment(name);
        }
        else if (!segment.IsOpen && segment.MissingSince is null)
        {
            LookAtSize(segment);
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

    private void LookAtSize(SegmentProgress segment)
    {
        if (_watch.LengthOf(segment.Name) is { } bytes && bytes != segment.Bytes && !IsAnother(segment, bytes))
        {
            var before = segment.LagBytes;
            segment.SawSize(_watch.SizeOf(segment.Name), _book);
            _closedLagBytes += segment.LagBytes - before;
            _changed.Add(segment);
        }
    }

    /// <summary>Whether another file has its name: its size says nothing of what was written to the first one. Opening it tells.</summary>
    private bool IsAnother(SegmentProgress segment, long bytes)
    {
        try
        {
            return segment.Head is { } head && bytes >= RecordBatchHeader.Bytes
                && !SegmentHead.Has(_watch.PathOf(segment.Name), head);
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
        var segment = new SegmentProgress(done with { IsDone = false });
        _segments.Set(segment);
        _changed.Add(segment);
        BeginToWait(segment);
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
            if (!SegmentHead.Has(_watch.PathOf(name), head))
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

        foreach (var segment in _missing.Where(s => s.LosableBytes == 0 && now - s.MissingSince > MissingPolicy.Memory).ToList())
        {
            Forget(segment);
        }
    }

    /// <summary>False if it cannot be read now: it is no segment at all (a link, a FIFO), or its name went in this moment.</summary>
    private bool TryOpen(SegmentProgress segment)
    {
        if (segment.IsOpen)
        {
            return true;
        }

        try
        {
            var lag = segment.LagBytes;
            if (!segment.TryOpen(_directory, _book, out var reset))
            {
                WaitSearching(segment);
                return false;
            }

            _closedLagBytes -= lag;
            _open.Add(segment);
            if (reset is not null)
            {
                _changed.Add(segment);
                Report(segment, reset);
            }

            return true;
        }
        catch (FileNotFoundException)
        {
            Vanished(segment);
            return false;
        }
        catch (NotASegmentException e)
        {
            Taken(segment, e.Message);
            return false;
        }
    }

    /// <summary>
    /// Its name is that of what is no segment. What is known of it is waited for, as if it had gone; if nothing is, it only is
    /// looked at again and again.
    /// </summary>
    private void Taken(SegmentProgress segment, string what)
    {
        var isKnown = segment.LosableBytes > 0 || segment.Acknowledged != default;
        Report(segment, new SegmentReset(isKnown ? $"missing: {what}" : $"ignored: {what}", IsGoingBack: false));
        _taken.Add(segment.Name);
        Vanished(segment);
        if (!isKnown)
        {
            Forget(segment);
        }
    }

    private void Report(SegmentProgress segment, SegmentReset reset) =>
        _onReset(new FileReset(segment.Name.FileName, segment.StartMark, reset.What, reset.IsGoingBack));

    /// <summary>It goes on in the next turn.</summary>
    private void WaitSearching(SegmentProgress segment)
    {
        _isSearching = true;
        Wait(segment);
    }

    private void Wait(SegmentProgress segment)
    {
        _unread.Remove(segment.Name);
        _waiting.Add(segment);
    }

    /// <summary>It is reopened when all that was read of it has had its outcome.</summary>
    private void CloseRewritten(SegmentProgress segment)
    {
        _unread.Remove(segment.Name);
        if (segment.PendingCount == 0 && !segment.IsUnlinked && !HasItsName(segment))
        {
            Vanished(segment); // since anybody looked
        }

        if (segment.PendingCount == 0 && segment.IsUnlinked)
        {
            var reset = segment.ReadWrittenOver(_book);
            _changed.Add(segment);
            Report(segment, reset);
            _unread.Set(segment);
        }
        else if (segment.PendingCount == 0)
        {
            segment.CloseRewritten(_book);
            _open.Remove(segment);
            BeginToWait(segment);
        }
    }

    private void Finish(SegmentProgress segment)
    {
        if (!segment.TryFinish())
        {
            _unread.Remove(segment.Name);
            if (segment.IsRewritten)
            {
                CloseRewritten(segment);
            }
            else if (!segment.IsReadToEnd)
            {
                _unread.Set(segment); // it has grown after all
            }

            return;
        }

        _open.Remove(segment);
        _segments.Remove(segment.Name);
        _unread.Remove(segment.Name);
        segment.MissingSince = segment.IsUnlinked ? _time.GetUtcNow() : null;
        Replace(segment.Snapshot(isDone: true));
        if (segment.IsUnlinked)
        {
            _missingDone.Add(segment.Name);
        }

        // Another file may have taken its name while it was read.
        if (!segment.IsUnlinked)
        {
            ReopenIfChanged(segment.Name, _done.Find(segment.Name)!, looksAtHead: false);
        }
        else if (_watch.LengthOf(segment.Name) is not null)
        {
            CameBack(segment.Name, _done.Find(segment.Name)!);
        }
    }
}
