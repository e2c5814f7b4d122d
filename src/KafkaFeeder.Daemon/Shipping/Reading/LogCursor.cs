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
/// Reads all segments of one log in order. If the writer of a segment still runs, the next segment is read as well: a writer closes
/// its segment before it creates the next, so the later one is by another writer, and there is no order between the two. Segments
/// that are done cost nothing per turn. Not thread-safe.
/// </summary>
internal sealed class LogCursor : IBatchSource
{
    private const int MaxFoundToSave = 1000;

    private readonly string _directory;
    private readonly LossRecorder _recorder;
    private readonly TimeProvider _time;
    private readonly Action<FileReset> _onReset;
    private readonly SegmentSet _set;
    private readonly SegmentWatch _watch;
    private readonly SegmentTable<SegmentProgress> _segments = new(s => s.Name);
    private readonly SegmentTable<SegmentCheckpoint> _done = new(s => s.Segment);
    private readonly SegmentTable<SegmentProgress> _toRead = new(s => s.Name);
    private readonly List<SegmentProgress> _waiting = []; // until the next turn
    private readonly HashSet<SegmentProgress> _open = [];
    private readonly HashSet<SegmentProgress> _missing = [];
    private readonly HashSet<SegmentName> _notSegments = []; // names that exist, but not as regular files
    private readonly Queue<SegmentProgress> _found = new(); // new ones to be saved, a part with each save
    private readonly HashSet<SegmentProgress> _changed = [];
    private readonly List<SegmentCheckpoint> _changedDone = [];
    private readonly List<SegmentName> _removed = [];
    private readonly HashSet<SegmentName> _missingDone = [];
    private readonly SortedDictionary<SegmentName, string> _unreadable = []; // those of _missingDone that are back but cannot be read
    private IReadOnlyList<SegmentName> _reconciled; // the names at the last Reconcile
    private long _closedLagBytes;
    private bool _isSearching;

    /// <param name="directory">The real path of the log's directory.</param>
    /// <param name="set">The segments in it.</param>
    /// <param name="start">The checkpoint of an earlier run; or null.</param>
    /// <param name="recorder">Records everything that will not be shipped.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onReset">Called when a file is not as the checkpoint says.</param>
    public LogCursor(
        string directory, SegmentSet set, Checkpoint? start, LossRecorder recorder, TimeProvider time,
        Action<FileReset> onReset)
    {
        _directory = directory;
        _recorder = recorder;
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

    public IEnumerable<BatchPlace> AfterAcknowledged => _open.OrderBy(s => s.Name).SelectMany(s => s.AfterAcknowledged)
        .Select(b => new BatchPlace(b.Stored, b.LeadingSettled));

    public Action<string>? OnSkipped { private get; set; }

    public int Count => _set.Names.Count - _notSegments.Count;

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
            _toRead.Set(segment);
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
        while (_toRead.First is { } segment)
        {
            ReadOutcome? outcome = TryOpen(segment) ? segment.Read(now, _recorder) : null;
            switch (outcome)
            {
                case null:
                    break; // continue with the next segment
                case ReadOutcome.Batch when segment.Current is { } batch:
                    stored = segment.CurrentBytes;
                    return batch;
                case ReadOutcome.Batch: // a batch without data
                    _changed.Add(segment);
                    break;
                case ReadOutcome.Skipped:
                    _changed.Add(segment);
                    OnSkipped?.Invoke(segment.Name.FileName);
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

    public void RecordChanged(PendingBatch batch) => SegmentOf(batch).RecordChanged(batch.Stored, _recorder);

    public void RecordDamaged(PendingBatch batch, string reason) =>
        SegmentOf(batch).RecordDamage(new(batch.Stored.Position, batch.Stored.EndPosition, false, reason), _recorder);

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

    /// <summary>The missing segments that do not count as lost yet.</summary>
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
            QueueForReading(segment);
        }
        else
        {
            _missing.Add(segment);
        }
    }

    /// <summary>Adds a segment that exists to those that are to be read.</summary>
    private void QueueForReading(SegmentProgress segment)
    {
        _toRead.Set(segment);
        _closedLagBytes += segment.LagBytes;
    }

    /// <summary>Handles added and removed segments. If it throws, all of them are handled again at the next call.</summary>
    private void Reconcile()
    {
        _watch.CheckDirectory();
        var (came, went) = NameDifference.Between(_reconciled, _set.Names);
        _segments.Reserve(_segments.Count + came.Count);
        _toRead.Reserve(_toRead.Count + came.Count);
        _found.EnsureCapacity(_found.Count + came.Count);
        foreach (var name in came)
        {
            NameAppeared(name);
        }

        foreach (var name in went)
        {
            NameDisappeared(name);
        }

        if (_missing.Count == 0 && (Count > 0 || _missingDone.Count == 0))
        {
            _watch.AcceptDirectory();
        }

        _reconciled = _set.Names;
    }

    private void NameAppeared(SegmentName name)
    {
        if (IsMissing(name) && _watch.LengthOf(name) is null)
        {
            _notSegments.Add(name);
        }
        else if (_segments.Find(name) is { } segment)
        {
            CameBack(segment);
        }
        else if (_done.Find(name) is { } done)
        {
            CameBack(name, done);
        }
        else if (!_notSegments.Contains(name))
        {
            Found(name);
        }
    }

    private void NameDisappeared(SegmentName name)
    {
        _notSegments.Remove(name);
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
        _notSegments.Remove(name);
        var (bytes, written, head) = _watch.SizeOf(name);
        var segment = new SegmentProgress(name, bytes, written, head);
        _segments.Set(segment);
        _found.Enqueue(segment);
        QueueForReading(segment);
    }

    private void CameBack(SegmentProgress segment)
    {
        RelinkIfBack(segment);

        if (_missing.Remove(segment))
        {
            _notSegments.Remove(segment.Name);
            segment.MissingSince = null;
            _changed.Add(segment);
            QueueForReading(segment);
        }
    }

    private bool HasItsName(SegmentProgress segment) =>
        _watch.FactsOf(segment.Name) is { } facts && facts.Id == FileFacts.Of(segment.File).Id;

    /// <summary>If the same file is back, it counts as having its name again. Another file of its name is read after this one.</summary>
    private void RelinkIfBack(SegmentProgress segment)
    {
        if (segment.IsUnlinked && HasItsName(segment))
        {
            segment.Relink();
        }
    }

    /// <summary>
    /// A segment that was done is back. If it is the same file, nothing happens; otherwise it is read. If it cannot be read, it is
    /// tried again, and other segments go on meanwhile, since it is not known to have unshipped bytes.
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
            if (!ReopenIfChanged(name, back, checksHead: true))
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
        _notSegments.Remove(name);
    }

    private void Replace(SegmentCheckpoint done)
    {
        _done.Set(done);
        _changedDone.Add(done);
    }

    /// <summary>A name is gone. If the file is open, it is read to its end; otherwise it is missing and may come back.</summary>
    private void Vanished(SegmentProgress segment)
    {
        if (segment.IsOpen)
        {
            segment.Unlink();
            _changed.Add(segment);
            return;
        }

        segment.Close(); // ends a search that is in progress
        if (!_missing.Add(segment))
        {
            return;
        }

        _toRead.Remove(segment.Name);
        _closedLagBytes -= segment.LagBytes;
        segment.MissingSince = _time.GetUtcNow();
        _changed.Add(segment);
    }

    /// <summary>Records segments that are missing for too long as lost. They are remembered in case they come back.</summary>
    private void GiveUpMissing()
    {
        var now = _time.GetUtcNow();
        var patience = Patience;
        foreach (var segment in _missing.Where(s => s.LosableBytes > 0 && now - s.MissingSince >= patience))
        {
            var what = _notSegments.Contains(segment.Name) ? "something else took its name" : "the segment was removed";
            _recorder.Lost(segment.Name.FileName, segment.Acknowledged.Position, segment.WrittenBytes, $"{what} before it was shipped");
            segment.MarkLost();
            _changed.Add(segment);
        }
    }

    /// <summary>
    /// Runs every few seconds. Checks the sizes of open and waiting segments and of a part of those that are done, and whether names
    /// that were no regular files are segments now. An error with one segment does not prevent checking the others.
    /// </summary>
    private void Recheck()
    {
        var first = RecheckOpen();
        foreach (var segment in _missing.Where(l => _watch.LengthOf(l.Name) is not null).ToList())
        {
            CameBack(segment); // it was gone between two listings, or its name was not a regular file
        }

        foreach (var name in _watch.Next(_set.Names))
        {
            first = Capture(Recheck, name, first);
        }

        ForgetOldest();
        first?.Throw();
    }

    /// <summary>Checks the open segments. Returns the first error; it does not prevent checking the others.</summary>
    private ExceptionDispatchInfo? RecheckOpen()
    {
        ExceptionDispatchInfo? first = null;
        foreach (var segment in _open.ToList())
        {
            first = Capture(RecheckOpen, segment, first);
        }

        return first;
    }

    private static ExceptionDispatchInfo? Capture<T>(Action<T> check, T item, ExceptionDispatchInfo? before)
    {
        try
        {
            check(item);
            return before;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return before ?? ExceptionDispatchInfo.Capture(e);
        }
    }

    /// <summary>Lists the directory. If it is gone, the names of the open segments are gone too.</summary>
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
            Vanished(segment); // another file has its name
        }
        else if (named is not null && !isOther && segment.IsUnlinked)
        {
            segment.Relink();
        }

        var written = segment.WrittenBytes;
        segment.CheckSize(_recorder);
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
            Finish(segment); // an earlier attempt failed, because its size could not be read
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
            ReopenIfChanged(name, done, checksHead: false);
        }
        else if (_segments.Find(name) is not { } segment)
        {
            FoundIfSegment(name);
        }
        else if (!segment.IsOpen && segment.MissingSince is null)
        {
            CheckSize(segment);
        }
    }

    /// <summary>For a name that is not tracked: it was no regular file at the last check, or was missing for too long.</summary>
    private void FoundIfSegment(SegmentName name)
    {
        if (_watch.LengthOf(name) is not null)
        {
            Found(name);
        }
    }

    private void CheckSize(SegmentProgress segment)
    {
        if (_watch.LengthOf(segment.Name) is { } bytes && bytes != segment.Bytes && !IsAnother(segment, bytes))
        {
            var before = segment.LagBytes;
            segment.UpdateSize(_watch.SizeOf(segment.Name), _recorder);
            _closedLagBytes += segment.LagBytes - before;
            _changed.Add(segment);
        }
    }

    /// <summary>
    /// True if another file has its name. Then its size must not be used for the first file: the difference is handled when the file
    /// is opened.
    /// </summary>
    private bool IsAnother(SegmentProgress segment, long bytes)
    {
        try
        {
            return segment.Head is { } head && bytes >= RecordBatchHeader.Bytes
                && !SegmentHead.Has(_watch.PathOf(segment.Name), head);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false; // opening it to read reports what is wrong
        }
    }

    /// <summary>
    /// If a file that was done has another size, or is another file, it is read again from its acknowledged position. A smaller file
    /// is another one of the same name, or was cut: that is determined when it is opened.
    /// </summary>
    private bool ReopenIfChanged(SegmentName name, SegmentCheckpoint done, bool checksHead)
    {
        if (_watch.FactsOf(name) is not { } facts
            || (facts.Bytes == done.Bytes && !HasAnotherHead(name, done, facts.Changed, checksHead)))
        {
            return false;
        }

        _done.Remove(name);
        var segment = new SegmentProgress(done with { IsDone = false });
        _segments.Set(segment);
        _changed.Add(segment);
        QueueForReading(segment);
        return true;
    }

    /// <summary>
    /// True if a file with the same size as a segment that is done is another file. A file whose change time is the same as at the
    /// last comparison is not opened, so each file is opened once per run, and again after it changed.
    /// </summary>
    /// <exception cref="IOException">It cannot be read, and <paramref name="always"/> is true.</exception>
    private bool HasAnotherHead(SegmentName name, SegmentCheckpoint done, long changed, bool always)
    {
        if (done.Head is not { } head || (!always && changed == done.ComparedAt))
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
        catch (Exception e) when (!always && (e is IOException or UnauthorizedAccessException))
        {
            return false; // nothing of it is needed now; it is checked again later
        }

        done.ComparedAt = changed;
        return false;
    }

    /// <summary>Removes segments from the checkpoint that have been gone for too long.</summary>
    private void ForgetOldest()
    {
        var now = _time.GetUtcNow();
        var isDoubtful = Count == 0 && !_watch.IsSameDirectory; // the directory may not be mounted
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

    /// <summary>
    /// False if the segment cannot be read now: a search in it is not done, it is not a regular file (a link, a FIFO), or its name
    /// has just disappeared.
    /// </summary>
    private bool TryOpen(SegmentProgress segment)
    {
        if (segment.IsOpen)
        {
            return true;
        }

        try
        {
            var lag = segment.LagBytes;
            if (!segment.TryOpen(_directory, _recorder, out var reset))
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
            NameTaken(segment, e.Message);
            return false;
        }
    }

    /// <summary>
    /// The name is not a regular file. If something is known about the segment, it counts as missing; otherwise it is only checked
    /// again from time to time.
    /// </summary>
    private void NameTaken(SegmentProgress segment, string what)
    {
        var isKnown = segment.LosableBytes > 0 || segment.Acknowledged != default;
        Report(segment, new SegmentReset(isKnown ? $"missing: {what}" : $"ignored: {what}", IsGoingBack: false));
        _notSegments.Add(segment.Name);
        Vanished(segment);
        if (!isKnown)
        {
            Forget(segment);
        }
    }

    private void Report(SegmentProgress segment, SegmentReset reset) =>
        _onReset(new FileReset(segment.Name.FileName, segment.StartMark, reset.What, reset.IsGoingBack));

    /// <summary>The search in this segment continues in the next turn.</summary>
    private void WaitSearching(SegmentProgress segment)
    {
        _isSearching = true;
        Wait(segment);
    }

    private void Wait(SegmentProgress segment)
    {
        _toRead.Remove(segment.Name);
        _waiting.Add(segment);
    }

    /// <summary>Reopens a segment with other content, as soon as all batches that were read from it have had their outcome.</summary>
    private void CloseRewritten(SegmentProgress segment)
    {
        _toRead.Remove(segment.Name);
        if (segment.PendingCount == 0 && !segment.IsUnlinked && !HasItsName(segment))
        {
            Vanished(segment); // its name disappeared since the last check
        }

        if (segment.PendingCount == 0 && segment.IsUnlinked)
        {
            var reset = segment.ReadWrittenOver(_recorder);
            _changed.Add(segment);
            Report(segment, reset);
            _toRead.Set(segment);
        }
        else if (segment.PendingCount == 0)
        {
            segment.CloseRewritten(_recorder);
            _open.Remove(segment);
            QueueForReading(segment);
        }
    }

    private void Finish(SegmentProgress segment)
    {
        if (!segment.TryFinish())
        {
            _toRead.Remove(segment.Name);
            if (segment.IsRewritten)
            {
                CloseRewritten(segment);
            }
            else if (!segment.IsReadToEnd)
            {
                _toRead.Set(segment); // it has grown
            }

            return;
        }

        _open.Remove(segment);
        _segments.Remove(segment.Name);
        _toRead.Remove(segment.Name);
        segment.MissingSince = segment.IsUnlinked ? _time.GetUtcNow() : null;
        Replace(segment.Snapshot(isDone: true));
        if (segment.IsUnlinked)
        {
            _missingDone.Add(segment.Name);
        }

        // Another file may have taken its name while it was read.
        if (!segment.IsUnlinked)
        {
            ReopenIfChanged(segment.Name, _done.Find(segment.Name)!, checksHead: false);
        }
        else if (_watch.LengthOf(segment.Name) is not null)
        {
            CameBack(segment.Name, _done.Find(segment.Name)!);
        }
    }
}
