using System.Buffers;
using System.ComponentModel;
using KafkaLog.Format.Compression;

namespace KafkaLog.Format.Segments;

/// <summary>
/// The segments of a writer, one after the other: opens, rolls, syncs, abandons. Not thread-safe: its writer calls it
/// under the file lock.
/// </summary>
/// <param name="options">The writer's.</param>
/// <param name="recycle">Takes back a batch that is finished.</param>
internal sealed class SegmentRoller(LogWriterOptions options, Action<PendingBatch> recycle) : IDisposable
{
    private const int NameAttempts = 1000;
    private const int NamesTriedBlindly = 16;
    private const int MaxClosedUnsynced = 64; // each is an open descriptor

    private readonly RollPolicy _policy = new(options.Interval, options.FileSizeLimitBytes);
    private readonly ICompressionCodec? _codec = CompressionCodecs.For(options.Codec, options.Magic);
    private ArrayBufferWriter<byte> _compressed = new();
    private readonly List<PendingBatch> _awaitingSync = [];
    private readonly Queue<UnsyncedFile> _closedUnsynced = new();
    private readonly HashSet<string> _unsyncedDirectories = []; // directories with new entries
    private SegmentFile? _segment;
    private LogWriteException? _unreported;
    private readonly Queue<LogWriteException> _notices = new();
    private bool _hasNoticedLock;
    private DateTimeOffset _lastName = DateTimeOffset.MinValue;

    /// <summary>True while the open segment has to be checked now and then, or something has to be reported.</summary>
    public bool NeedsLooks => _segment is not null || _notices.Count > 0;

    /// <summary>The open segment, if another thread than the one that writes should prepare space for it; otherwise null.</summary>
    public SegmentFile? WantsPreparation => _segment is { WantsPreparation: true } segment ? segment : null;

    /// <summary>Memory that is kept for batches to come, in bytes.</summary>
    public long KeptBytes => _compressed.Capacity;

    /// <summary>A batch was written: keeps it if somebody waits for it to be on the disk.</summary>
    public void Written(PendingBatch batch)
    {
        if (batch.Sync is null)
        {
            recycle(batch);
        }
        else
        {
            _awaitingSync.Add(batch);
        }
    }

    /// <summary>Ends the segment if its interval is over; the next is created with the next batch.</summary>
    public void CloseIfOver()
    {
        if (_segment is { } segment && _policy.IsOver(segment.Opened, options.TimeProvider.GetUtcNow()))
        {
            Close();
        }
    }

    /// <summary>Leaves a segment that was removed, replaced or cut: records written to it from now on would be lost.</summary>
    public void CloseIfGone()
    {
        if (_segment is not { } segment || segment.IsInPlace(out var fault))
        {
            return;
        }

        NoticeLoss(segment, fault, segment.NextOffset);
        Settle(_awaitingSync.Count == 0 ? null : RewriteAwaiting());
        if (ReferenceEquals(_segment, segment))
        {
            CloseSegment();
        }
    }

    private void NoticeLoss(SegmentFile segment, string fault, long records) => _notices.Enqueue(new LogWriteException(
        $"{segment.Path} {fault} while it was written to: {records} records in it are lost unless they were shipped. "
        + "Writing continues in a new segment.",
        null));

    /// <summary>Ends the segment, and the writer.</summary>
    public void Dispose()
    {
        Close();
        while (_closedUnsynced.TryDequeue(out var file))
        {
            file.Dispose();
        }
    }

    /// <summary>Ends the segment.</summary>
    public void Close()
    {
        SyncAwaiting();
        CloseSegment();
    }

    /// <summary>Writes a batch to the segment that it belongs to, rolling before it if need be.</summary>
    /// <exception cref="IOException">Nothing of the batch was written.</exception>
    public void Write(PendingBatch batch)
    {
        var now = options.TimeProvider.GetUtcNow();
        if (_segment is { } current
            && (current.IsAbandoned || _policy.IsOver(current.Opened, now) || _policy.IsFull(current.Position, batch.Builder.Bytes)))
        {
            SyncAwaiting(); // their callers wait for this very file
            CloseSegment();
        }

        _segment ??= OpenSegment(now);
        try
        {
            WriteTo(_segment, batch);
        }
        catch (IOException) when (_segment is { IsAtSizeLimit: true, Position: > 0 })
        {
            SyncAwaiting();
            CloseSegment();
            WriteTo(_segment = OpenSegment(now), batch);
        }
    }

    private void WriteTo(SegmentFile segment, PendingBatch batch)
    {
        var bytes = batch.Builder.Complete(segment.NextOffset, segment.Id, _codec, _compressed, segment.LockMark);
        segment.Write(bytes, batch.Builder.RecordsCount);
        if (_compressed.Capacity > 4L * options.BatchBytes)
        {
            _compressed = new ArrayBufferWriter<byte>(); // after an unusually large record
        }
    }

    private SegmentFile OpenSegment(DateTimeOffset now)
    {
        CreateDirectory();
        var named = now.AddTicks(-(now.UtcTicks % TimeSpan.TicksPerSecond));
        if (named <= _lastName)
        {
            named = _lastName.AddSeconds(1); // a later segment's name is later, whatever the clock does
        }

        HashSet<string>? taken = null;
        for (var attempt = 0; attempt < NameAttempts; named = named.AddSeconds(1))
        {
            var name = SegmentName.Create(named, options.Interval, options.Component);
            if (attempt == NamesTriedBlindly)
            {
                // A writer that rolls more than once a second, in this process or the last one, has names far ahead of the clock.
                taken ??= [
                    .. Directory.EnumerateFiles(options.Directory, "*" + SegmentName.Extension).Select(path => Path.GetFileName(path))];
            }

            if (taken is not null && taken.Contains(name.FileName))
            {
                continue;
            }

            attempt++;
            if (SegmentFile.TryCreate(options.Directory, name, now, options.Mapped) is { } segment)
            {
                _lastName = named;
                _unsyncedDirectories.Add(Path.GetFullPath(options.Directory));
                NoticeMissingLock(segment);
                return segment;
            }
        }

        throw new LogWriteException(
            $"No free name for a segment of {options.Component} in {options.Directory}: {NameAttempts} names from {now:u} on are taken.",
            null);
    }

    /// <summary>Creates the directory and its parents. Each new one is an entry of its parent, which has to be synced, too.</summary>
    private void CreateDirectory()
    {
        var missing = Path.GetFullPath(options.Directory);
        while (!Directory.Exists(missing) && Path.GetDirectoryName(missing) is { } parent)
        {
            _unsyncedDirectories.Add(parent);
            missing = parent;
        }

        Directory.CreateDirectory(options.Directory);
    }

    private void NoticeMissingLock(SegmentFile segment)
    {
        if (segment.LockError == 0 || _hasNoticedLock)
        {
            return;
        }

        _hasNoticedLock = true;
        var reason = new Win32Exception(segment.LockError);
        _notices.Enqueue(new LogWriteException(
            $"{segment.Path} cannot be locked: {reason.Message} (errno {segment.LockError}). Nothing is lost, but readers cannot tell "
            + "whether its writer lives: they count a segment as finished, and clean it, only when its interval is over and nothing has "
            + "been written for a while. This is reported once.",
            reason));
    }

    /// <summary>The next error that no caller can get, the oldest first; null if there are no more.</summary>
    public LogWriteException? TakeNotice() => _notices.TryDequeue(out var notice) ? notice : null;

    private void CloseSegment()
    {
        if (_segment is not { } segment)
        {
            return;
        }

        _segment = null;
        if (segment.Close() is not { } unsynced)
        {
            return;
        }

        _closedUnsynced.Enqueue(unsynced);
        if (_closedUnsynced.Count > MaxClosedUnsynced)
        {
            SyncOldestClosed(); // none is forgotten
        }
    }

    /// <summary>
    /// Forces the batches that somebody waits for to the disk. Where that fails the segment is abandoned
    /// and they are written once more, to a new one: a second sync of the same file would only seem to succeed. Returns the
    /// error for the callers that wait; null if all is well.
    /// </summary>
    public LogWriteException? SyncAwaiting()
    {
        if (_awaitingSync.Count == 0)
        {
            return null;
        }

        LogWriteException? failure = null;
        try
        {
            SyncSegment();
        }
        catch (DurabilityException e)
        {
            // Batches that nobody waits for are no longer in memory.
            if (_segment is { } segment
                && (segment.IsSynced ? segment.NextOffset : segment.UnsyncedRecords)
                    > _awaitingSync.Sum(batch => batch.Builder.RecordsCount))
            {
                _unreported ??= NotSynced(e);
            }

            if (_segment is { HasNoName: true } removed)
            {
                NoticeLoss(removed, SegmentFile.Removed, removed.NextOffset - _awaitingSync.Sum(batch => batch.Builder.RecordsCount));
            }

            failure = RewriteAwaiting();
        }

        Settle(failure);
        return failure;
    }

    /// <summary>Gives the callers that wait for the disk the outcome of their batches.</summary>
    private void Settle(LogWriteException? failure)
    {
        foreach (var batch in _awaitingSync)
        {
            batch.Sync!.IsSynced = failure is null;
            batch.Sync.Failure = failure;
            recycle(batch);
        }

        _awaitingSync.Clear();
    }

    private LogWriteException? RewriteAwaiting()
    {
        CloseSegment();
        try
        {
            _segment = OpenSegment(options.TimeProvider.GetUtcNow());
            foreach (var batch in _awaitingSync)
            {
                WriteTo(_segment, batch);
            }

            SyncSegment();
            return null;
        }
        catch (Exception e) when (SegmentFile.IsWriteFailure(e))
        {
            CloseSegment();
            return new LogWriteException(
                $"{options.Component}: records were written but could not be forced to the disk, twice: {e.Message}. "
                + "They may be lost if the machine stops.",
                e,
                RecordState.Written);
        }
    }

    private void SyncSegment()
    {
        _segment?.Sync();
        SyncDirectories();
    }

    private void SyncDirectories()
    {
        foreach (var directory in _unsyncedDirectories)
        {
            DurableFile.SyncDirectory(directory);
        }

        _unsyncedDirectories.Clear();
    }

    /// <summary>
    /// Forces everything that was ever written to the disk, closed segments too. If that fails, the file is left and never
    /// synced again: a later success covers only what is written from then on. A sync that failed before, for records that
    /// nobody waited for, is reported here.
    /// </summary>
    /// <exception cref="LogWriteException">It could not be done.</exception>
    public void SyncEverything()
    {
        var failed = SyncAwaiting();
        _unreported ??= failed;
        while (_closedUnsynced.Count > 0)
        {
            SyncOldestClosed();
        }

        try
        {
            SyncSegment();
        }
        catch (DurabilityException e)
        {
            _unreported ??= NotSynced(e);
            CloseSegment();
        }

        if (_unreported is { } failure)
        {
            _unreported = null;
            throw failure;
        }
    }

    private void SyncOldestClosed()
    {
        using var file = _closedUnsynced.Dequeue();
        try
        {
            file.Sync();
        }
        catch (FileNotFoundException)
        {
            // shipped and cleaned, or removed
        }
        catch (IOException e)
        {
            _unreported ??= NotSynced(e);
        }
    }

    private LogWriteException NotSynced(IOException e) =>
        new($"{options.Component}: {e.Message}. Records that were written may be lost if the machine stops.", e, RecordState.Written);
}
