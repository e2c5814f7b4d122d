using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>The result of reading on in a segment.</summary>
internal enum ReadOutcome
{
    /// <summary>A batch: <see cref="SegmentProgress.Current"/>, which is null if it has no data.</summary>
    Batch,

    /// <summary>Nothing yet: its writer still runs, or may still run.</summary>
    Waiting,

    /// <summary>Damage was skipped; call again.</summary>
    Skipped,

    /// <summary>The search for the next batch after damage is not done: call again soon, and read other segments meanwhile.</summary>
    Searching,

    /// <summary>Its writer is gone, and all of it was read.</summary>
    End,
}

/// <summary>One segment that is not done: reads it and keeps its acknowledged position. Not thread-safe.</summary>
internal sealed class SegmentProgress : IDisposable
{
    // About 10 ms, so that a search delays neither other logs nor the watchdog.
    private const long SearchBytesPerTurn = 16 << 20;

    private SegmentCheckpoint _saved; // its checkpoint; while it is open: as it was when it was opened
    private Reading? _reading; // null unless it is being read: of 100,000 waiting segments, only a few are
    private bool _isWrittenOver; // since it was opened, its last read batch was replaced, and the file is not shorter
    private bool _mayHaveSentNew; // new content may have been read and sent before the overwrite was detected

    /// <summary>A new segment.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="writtenBytes">See <see cref="WrittenBytes"/>.</param>
    /// <param name="head">See <see cref="SegmentHead.OfUnread"/>.</param>
    public SegmentProgress(SegmentName name, long bytes, long writtenBytes, uint? head)
        : this(new SegmentCheckpoint(name, default, writtenBytes, false, head)) => Bytes = bytes;

    /// <summary>A segment that is in the checkpoint.</summary>
    public SegmentProgress(SegmentCheckpoint saved)
    {
        _saved = saved;
        Bytes = saved.Bytes;
    }

    public SegmentName Name => _saved.Segment;

    /// <summary>The batches that were read and are not settled, in order.</summary>
    public IEnumerable<PendingBatch> Pending => _reading?.Tracker?.Pending ?? [];

    /// <summary>The batches after the acknowledged position, in order, including settled ones.</summary>
    public IEnumerable<PendingBatch> AfterAcknowledged => _reading?.Tracker?.AfterAcknowledged ?? [];

    public int PendingCount => _reading?.Tracker?.PendingCount ?? 0;

    /// <summary>The acknowledged position.</summary>
    public AcknowledgedPosition Acknowledged => _reading?.Tracker?.Acknowledged ?? _saved.Acknowledged;

    /// <summary>The size at the last check, in bytes.</summary>
    public long Bytes { get; private set; }

    /// <summary>Bytes that were certainly written: less than the size if a writer preallocated space. A loss is computed from it.</summary>
    public long WrittenBytes
    {
        get => _reading is { Tracker: not null } open ? open.WrittenBytes : _saved.Bytes;
        private set
        {
            if (_reading is { Tracker: not null } open)
            {
                open.WrittenBytes = value;
            }
            else
            {
                _saved = value == _saved.Bytes ? _saved : _saved with { Bytes = value };
            }
        }
    }

    /// <summary>See <see cref="SegmentCheckpoint.Head"/>.</summary>
    public uint? Head
    {
        get => _saved.Head;
        private set => _saved = value == _saved.Head ? _saved : _saved with { Head = value };
    }

    /// <summary>See <see cref="SegmentCheckpoint.HasUncopied"/>.</summary>
    public bool HasUncopied
    {
        get => _saved.HasUncopied;
        private set => _saved = value == _saved.HasUncopied ? _saved : _saved with { HasUncopied = value };
    }

    /// <summary>True when the writer is gone and all was read.</summary>
    public bool IsReadToEnd { get; private set; }

    /// <summary>True if other content was written into the open file: reading stops, see <see cref="CloseRewritten"/>.</summary>
    public bool IsRewritten { get; private set; }

    /// <summary>True if its name disappeared while the file is open, and the same file is not back.</summary>
    public bool IsUnlinked { get; private set; }

    /// <summary>Since when there is no file of its name; null if there is one, or while the file is still open.</summary>
    public DateTimeOffset? MissingSince
    {
        get => _saved.MissingSince;
        set => _saved = value == _saved.MissingSince ? _saved : _saved with { MissingSince = value };
    }

    /// <summary>When it counts as final if it cannot be determined whether its writer still runs; null: it can.</summary>
    public DateTimeOffset? WaitsUntil => _reading?.WaitsUntil;

    public bool IsOpen => Reader is not null;

    /// <summary>Bytes on disk that are not acknowledged.</summary>
    public long LagBytes => Math.Max(0, Bytes - Acknowledged.Position) + ReplacementBytes;

    /// <summary>Size of another file that has its name while this one is open. That file is read after this one.</summary>
    public long ReplacementBytes
    {
        get => _reading?.ReplacementBytes ?? 0;
        set => _reading!.ReplacementBytes = value;
    }

    /// <summary>Bytes that are lost if the file does not come back: written and not acknowledged.</summary>
    public long LosableBytes => Math.Max(0, WrittenBytes - Acknowledged.Position);

    /// <summary>The batch that was read last; null if it has no data.</summary>
    public PendingBatch? Current => _reading?.Current;

    /// <summary>Its bytes, until the next read.</summary>
    public ReadOnlySpan<byte> CurrentBytes => Reader!.Batch.Span;

    /// <summary>The open file, for quarantine.</summary>
    public SafeFileHandle File => Reader!.File;

    /// <summary>Where reading started, in the form that the journal uses.</summary>
    public SentMark StartMark => new(_saved.Acknowledged.Position, _saved.Acknowledged.NextOffset, _saved.Acknowledged.Records);

    private SegmentReader? Reader => _reading?.Reader;

    /// <summary>The position after the last byte that was read or skipped.</summary>
    private long EndPosition => _reading?.Tracker?.EndPosition ?? _saved.Acknowledged.Position;

    /// <summary>Its checkpoint now. If its head cannot be read, the position is saved without it, and the head is read later.</summary>
    public SegmentCheckpoint Snapshot(bool isDone = false)
    {
        try
        {
            ReadHead();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Reading the segment reports what is wrong.
        }

        return AsOfNow(isDone);
    }

    private SegmentCheckpoint AsOfNow(bool isDone)
    {
        var bytes = Math.Max(WrittenBytes, Acknowledged.Position);
        return _reading?.Tracker is null && _saved.Bytes == bytes && _saved.IsDone == isDone
            ? _saved
            : _saved with { Acknowledged = Acknowledged, Bytes = bytes, IsDone = isDone, ComparedAt = 0 };
    }

    /// <summary>
    /// Opens the file and checks that it is still the one in the checkpoint. Everything that may fail is done first: if this throws,
    /// the state of the segment has not changed.
    /// </summary>
    /// <param name="directory">The directory of the segment.</param>
    /// <param name="recorder">Records bytes that are gone.</param>
    /// <param name="reset">How the file differs from the checkpoint; null: it does not.</param>
    /// <returns>False if the search for its last whole batch is not done: call again soon, and read other segments meanwhile.</returns>
    /// <exception cref="IOException">It cannot be opened, or a loss cannot be recorded.</exception>
    public bool TryOpen(string directory, LossRecorder recorder, out SegmentReset? reset)
    {
        reset = null;
        var path = Path.Combine(directory, Name.FileName);
        var file = SegmentHandle.OpenForReading(path);
        SegmentReader? reader = null;
        try
        {
            var modified = SegmentHandle.Stat(file).Modified.UtcTicks;
            var (bytes, written) = SegmentWatch.SizeOf(file);
            var facts = OpenFacts.Of(file, bytes, _saved, _isWrittenOver);
            if (OpenPlan.Of(facts, limit => Intact(file, path, limit)) is not { } plan)
            {
                file.Dispose();
                return false;
            }

            var start = plan.Start;
            reader = new SegmentReader(file, path, start.Position, start.BatchOffset)
            {
                SearchBudgetBytes = SearchBytesPerTurn,
            };
            var identity = SegmentHead.IdentityOf(file);
            var head = written > 0 ? SegmentHead.OfUnread(file, written) : null;
            RecordLoss(plan, bytes, recorder);

            Apply(plan);
            Head ??= head;
            Close(); // the search
            _reading = new Reading
            {
                Reader = reader,
                Tracker = new AcknowledgementTracker(_saved.Acknowledged),
                Identity = identity,
                ModifiedTicks = modified,
                SkippedTailAt = plan.SkippedTailAt,
                CutTo = plan.CutTo,
                LastBatch = start is { LastBatchPosition: { } at, LastBatchCrc: not 0 } ? (at, start.LastBatchCrc) : null,
            };
            Bytes = bytes;
            WrittenBytes = Math.Max(EndPosition, written);
            reset = plan.Reset;
            return true;
        }
        catch
        {
            reader?.Dispose();
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads on.</summary>
    /// <param name="now">The time, to decide whether the file is still being written.</param>
    /// <param name="recorder">Records damage before it is skipped.</param>
    /// <exception cref="IOException">The file cannot be read; nothing was consumed.</exception>
    /// <exception cref="UnsupportedBatchException">A batch cannot be read, because a library for it is not installed.</exception>
    public ReadOutcome Read(DateTimeOffset now, LossRecorder recorder)
    {
        if (IsRewritten)
        {
            return ReadOutcome.End;
        }

        var isAtItsEnd = IsAtItsEnd();
        if (_reading!.SkippedTailAt is not null)
        {
            IsReadToEnd = true; // if the file has grown, TryFinish reads again from the start of the tail
            return ReadOutcome.End;
        }

        if (!isAtItsEnd && TakeNext(recorder) is { } first)
        {
            return first;
        }

        var writer = SegmentLock.Probe(Reader!.File);
        if (writer == WriterState.Alive)
        {
            Bytes = isAtItsEnd ? Reader.Position : Reader.WrittenEnd; // less than the length if space is preallocated
            WrittenBytes = IsUnlinked ? WrittenBytes : Reader.Position; // the writer may take a half-written batch back
            return ReadOutcome.Waiting;
        }

        // The writer may have written and ended between our read and the check of its lock.
        if (TakeNext(recorder) is { } last)
        {
            return last;
        }

        var stat = SegmentHandle.Stat(Reader.File);
        Bytes = Math.Max(Bytes, stat.Bytes);
        _reading!.WaitsUntil = writer == WriterState.Unknown ? SegmentFinality.FinalAt(IsUnlinked ? null : Name, stat.Modified) : null;
        if (!SegmentFinality.IsFinal(writer, IsUnlinked ? null : Name, stat.Modified, now))
        {
            return ReadOutcome.Waiting;
        }

        var tail = Reader.TryReadTail();
        if (tail != SegmentReadStatus.NeedMore && DetectsRewritten())
        {
            return ReadOutcome.End;
        }

        switch (tail)
        {
            case SegmentReadStatus.Searching:
                return ReadOutcome.Searching;
            case SegmentReadStatus.Corrupt when Reader.Damage!.EndPosition < stat.Bytes:
                Skip(Reader.Damage, recorder); // a whole batch follows
                return ReadOutcome.Skipped;
            case SegmentReadStatus.Corrupt:
                SkipTail(writer == WriterState.Gone ? Reader.Damage! : Reader.Damage!.WithUnknownWriter(), recorder);
                break;
        }

        IsReadToEnd = true;
        Reader.DropBuffer();
        return ReadOutcome.End;
    }

    /// <summary>
    /// Records written bytes that are no longer in the file as lost. To be called when a size was read. Bytes that were read already
    /// are not lost: they are in flight or will be sent.
    /// </summary>
    /// <exception cref="IOException">The loss could not be recorded; call again.</exception>
    private void RecordIfCut(long bytes, LossRecorder recorder)
    {
        var from = Math.Max(bytes, EndPosition);
        if (WrittenBytes > from)
        {
            recorder.Lost(Name.FileName, from, WrittenBytes, OpenPlan.ReasonOfCut(bytes));
            WrittenBytes = from;
        }

        Bytes = Math.Max(bytes, Acknowledged.Position);
    }

    /// <summary>
    /// Checks the size of the open file, and whether its content is still the same. <see cref="WrittenBytes"/> does not grow here,
    /// since a writer may take back what is not read yet. For a file without a name it does, since no later run can read that file.
    /// </summary>
    /// <exception cref="IOException">The file cannot be examined, or a loss cannot be recorded.</exception>
    public void CheckSize(LossRecorder recorder)
    {
        var stat = SegmentHandle.Stat(Reader!.File);
        if (IsRewritten || (stat.Bytes == Bytes && stat.Modified.UtcTicks == _reading!.ModifiedTicks))
        {
            return;
        }

        var isOther = Head is { } head && SegmentHead.Of(Reader.File) != head;
        _reading!.ModifiedTicks = stat.Modified.UtcTicks;
        IsRewritten = isOther || (stat.Bytes < EndPosition && !IsUnlinked) || IsLastBatchGone();
        if (!isOther && stat.Bytes != Bytes)
        {
            var (bytes, written) = SegmentWatch.SizeOf(Reader.File);
            UpdateSize((bytes, IsUnlinked && !IsRewritten ? written : Math.Min(written, WrittenBytes), null), recorder);
        }
    }

    /// <summary>Its name is gone from the directory: bytes that are not shipped when the daemon stops are lost.</summary>
    public void Unlink()
    {
        IsUnlinked = true;
        try
        {
            IsRewritten = IsRewritten || (Head is { } head && SegmentHead.Of(Reader!.File) != head) || IsLastBatchGone();
            WrittenBytes = IsRewritten ? WrittenBytes : Math.Max(WrittenBytes, SegmentWatch.SizeOf(Reader!.File).Written);
        }
        catch (IOException)
        {
            // CheckSize checks it again.
        }
    }

    /// <summary>The same file is back under its name.</summary>
    public void Relink() => IsUnlinked = false;

    /// <summary>Takes over the size and head that were read from the file.</summary>
    /// <exception cref="IOException">A loss cannot be recorded; call again.</exception>
    public void UpdateSize((long Bytes, long Written, uint? Head) size, LossRecorder recorder)
    {
        var before = Bytes;
        RecordIfCut(size.Bytes, recorder);
        Bytes = size.Written == 0 && size.Bytes > before ? before : Bytes; // more zeros are preallocated space, not lag
        WrittenBytes = Math.Max(WrittenBytes, size.Written);
        Head ??= size.Head;
    }

    private void Grow(long bytes)
    {
        Bytes = Math.Max(Bytes, bytes);
        WrittenBytes = Math.Max(WrittenBytes, bytes);
    }

    /// <summary>Its unshipped bytes are recorded as lost: they no longer count as lag, and are not recorded again.</summary>
    public void MarkLost() => Bytes = WrittenBytes = Acknowledged.Position;

    /// <summary>Closes the file and returns true if all of it is read and acknowledged. If the file has grown, reading continues.</summary>
    public bool TryFinish()
    {
        if (PendingCount > 0 || IsRewritten)
        {
            return false;
        }

        Bytes = WrittenBytes = Math.Max(SegmentHandle.Stat(Reader!.File).Bytes, EndPosition);
        if (Bytes > EndPosition)
        {
            if (_reading!.SkippedTailAt is { } tail)
            {
                ReadTailAgain(tail); // the rest of that batch may have been written
            }

            IsReadToEnd = false;
            return false;
        }

        ReadHead(); // while the file is open
        Close();
        return true;
    }

    /// <summary>
    /// Reads the file again from the start of a skipped tail, of which nothing was sent. The file is reopened for that; if its name is
    /// gone, the open file is read from there.
    /// </summary>
    /// <exception cref="IOException">It cannot be read; the state of the segment has not changed.</exception>
    private void ReadTailAgain(long tail)
    {
        if (!IsUnlinked)
        {
            IsRewritten = true;
            return;
        }

        ReadOpenFileFrom(Acknowledged with { Position = tail, LastBatchPosition = null }, isSameContent: true);
    }

    /// <summary>
    /// Handles a file whose name is gone and that was written over, when none of its batches is pending. It cannot be reopened, so the
    /// open file is read from its start.
    /// </summary>
    /// <exception cref="IOException">It cannot be read, or a loss cannot be recorded; the state of the segment has not changed.</exception>
    public SegmentReset ReadWrittenOver(LossRecorder recorder)
    {
        RecordWrittenOver(recorder);
        var sentTo = Math.Max(_saved.SentTo, _reading!.SkippedTailAt ?? EndPosition);
        ReadOpenFileFrom(default, isSameContent: false);
        _saved = _saved with { Head = null, SentTo = sentTo };
        IsRewritten = IsReadToEnd = _isWrittenOver = false;
        return new SegmentReset(
            "it was written over, and its name is gone: reading what is open from its start; what is sent again counts as possible "
                + "duplicates",
            IsGoingBack: true);
    }

    private void ReadOpenFileFrom(AcknowledgedPosition start, bool isSameContent)
    {
        var before = _reading!;
        var file = Reader!.File;
        var reader = new SegmentReader(file, Reader.Path, start.Position, start.BatchOffset) { SearchBudgetBytes = SearchBytesPerTurn };
        var identity = isSameContent ? before.Identity : SegmentHead.IdentityOf(file);
        var written = isSameContent ? before.WrittenBytes : SegmentWatch.SizeOf(file).Written; // everything that may fail comes first
        before.Reader!.DropBuffer(); // not disposed: the new reader uses its file
        _saved = _saved with { Acknowledged = start };
        _reading = new Reading
        {
            Reader = reader,
            Tracker = new AcknowledgementTracker(start),
            WrittenBytes = written,
            Identity = identity,
            ModifiedTicks = before.ModifiedTicks,
            CutTo = isSameContent ? before.CutTo : 0,
            LastBatch = isSameContent ? before.LastBatch : null,
            ReplacementBytes = before.ReplacementBytes,
        };
    }

    /// <summary>Reads a batch again, to send it again.</summary>
    /// <returns>The bytes in an array of the shared pool; null if they are no longer that batch.</returns>
    public byte[]? ReadAgain(StoredBatch batch)
    {
        var bytes = ArrayPool<byte>.Shared.Rent((int)batch.Bytes);
        var span = bytes.AsSpan(0, (int)batch.Bytes);
        var total = 0;
        while (total < span.Length && RandomAccess.Read(Reader!.File, span[total..], batch.Position + total) is > 0 and var read)
        {
            total += read;
        }

        if (total == span.Length && RecordBatchHeader.ComputeCrc(span) == batch.StoredCrc)
        {
            if (span[RecordBatchHeader.MagicPosition] == 2)
            {
                BinaryPrimitives.WriteInt64BigEndian(span, batch.BaseOffset); // the reader corrected it if it was damaged
            }

            return bytes;
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return null;
    }

    /// <summary>The timestamp of the first unacknowledged record, ms since 1970 UTC; null if it cannot be determined.</summary>
    public long? OldestTimestamp(string directory)
    {
        if (Pending.FirstOrDefault() is { } pending)
        {
            return pending.Stored.BaseTimestamp;
        }

        try
        {
            using var own = Reader is null ? SegmentHandle.OpenForReading(Path.Combine(directory, Name.FileName)) : null;
            Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
            return RecordBatchHeader.TryRead(head[..RandomAccess.Read(own ?? Reader!.File, head, Acknowledged.Position)], out var header)
                && header.BaseTimestamp > 0 ? header.BaseTimestamp : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Frees the read buffer, including <see cref="CurrentBytes"/>.</summary>
    public void DropBuffer()
    {
        if (_reading is { } reading)
        {
            reading.Reader?.DropBuffer();
            reading.IsBuffered = false;
        }
    }

    /// <summary>
    /// Closes a file with other content, when none of its batches is pending. Opening it again determines what is lost and where to
    /// continue. The last batches that were read may have been new content, so those that are sent again count as possible
    /// duplicates.
    /// </summary>
    /// <exception cref="IOException">A loss cannot be recorded; the state of the segment has not changed.</exception>
    public void CloseRewritten(LossRecorder recorder)
    {
        if (_isWrittenOver)
        {
            RecordWrittenOver(recorder);
        }

        var sentTo = Math.Max(_saved.SentTo, _reading!.SkippedTailAt ?? EndPosition); // nothing of a tail was sent
        _mayHaveSentNew = true;
        IsReadToEnd = false;
        IsRewritten = false;
        Close();
        _saved = _saved with { SentTo = sentTo };
    }

    /// <summary>The old content that was not read is gone: records it as lost.</summary>
    private void RecordWrittenOver(LossRecorder recorder)
    {
        LostIfAny(recorder, EndPosition, "the file was written over before they were shipped");
        WrittenBytes = Math.Min(WrittenBytes, EndPosition);
    }

    /// <summary>Marks all records of one of its batches as settled. A batch that is not pending changes nothing.</summary>
    public void Settle(PendingBatch batch) => _reading?.Tracker?.Settle(batch);

    public void Close()
    {
        if (_reading is { } reading)
        {
            _saved = AsOfNow(isDone: false);
            _reading = null;
            reading.Dispose();
        }
    }

    public void Dispose() => Close();

    private void ReadHead() =>
        Head ??= Reader is { } reader && !IsRewritten && Acknowledged.Position >= RecordBatchHeader.Bytes
            ? SegmentHead.Of(reader.File)
            : null;

    /// <summary>
    /// True if there is nothing after the last byte that was read. For a quiet log that is the usual case: then no buffer is taken for
    /// a read that gives nothing.
    /// </summary>
    private bool IsAtItsEnd() => !_reading!.IsBuffered && SegmentHandle.Stat(Reader!.File).Bytes == Reader.Position;

    private ReadOutcome? TakeNext(LossRecorder recorder)
    {
        var isFirst = !_reading!.IsBuffered;
        _reading.IsBuffered = true;
        var read = Reader!.TryRead();
        if (read != SegmentReadStatus.NeedMore && (isFirst || read != SegmentReadStatus.Batch) && DetectsRewritten())
        {
            return ReadOutcome.End;
        }

        switch (read)
        {
            case SegmentReadStatus.Batch:
                Take();
                return ReadOutcome.Batch;
            case SegmentReadStatus.Corrupt:
                Skip(Reader.Damage!, recorder);
                return ReadOutcome.Skipped;
            case SegmentReadStatus.Searching:
                return ReadOutcome.Searching;
            default:
                return null;
        }
    }

    /// <summary>
    /// True if other content was written into the file since its last batch was read. Then the bytes that are read now may be the
    /// middle of a batch, and new content before them would never be read. Checked with the first read of a turn, and before anything
    /// counts as damage, since the file may have been cut and have grown past the read position since the last check. Costs one
    /// small read.
    /// <para>
    /// Two cases are not detected. First: within one turn, the new content has a batch exactly where the last read batch ends. Second:
    /// the last batch, or its header, is as before, and only the content before it is other. Of that content only the first batch is
    /// compared, by <see cref="CheckSize"/>.
    /// </para>
    /// </summary>
    private bool DetectsRewritten() => IsRewritten = IsLastBatchGone();

    /// <summary>
    /// True if the last batch that was read is no longer in the file. If the file is shorter than what was read, it was cut, and the
    /// rest of it may be as before; otherwise it was written over. If the file cannot be read, reopening it reports why.
    /// </summary>
    private bool IsLastBatchGone()
    {
        try
        {
            if (_reading!.LastBatch is not { } last || SegmentHead.HeaderAt(Reader!.File, last.Position)?.StoredCrc == last.Crc)
            {
                return false;
            }

            _isWrittenOver = SegmentHandle.Stat(Reader!.File).Bytes >= EndPosition;
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return true;
        }
    }

    private void Take()
    {
        var reading = _reading!;
        var reader = reading.Reader!;
        var tracker = reading.Tracker!;
        var header = reader.Header;
        if (reading.Identity.Length == 0)
        {
            reading.Identity = SegmentHead.IdentityOf(reader.File);
        }

        var stored = new StoredBatch
        {
            FileName = Name.FileName,
            FileIdentity = reading.Identity,
            Position = reader.BatchPosition,
            EndPosition = reader.Position,
            BaseOffset = header.BaseOffset,
            NextOffset = header.NextOffset,
            RecordsCount = header.RecordsCount,
            EndRecords = tracker.EndRecords + header.RecordsCount,
            StoredCrc = header.StoredCrc,
            BaseTimestamp = Math.Max(0, header.BaseTimestamp), // magic 0 has no timestamp
        };
        var batch = new SegmentBatch(this, stored) { MayHaveBeenSent = stored.Position < _saved.SentTo };
        if (stored.Position == _saved.Acknowledged.Position)
        {
            for (var i = 0; i < Math.Min(_saved.Acknowledged.Record, header.RecordsCount); i++)
            {
                batch.Settle(i); // acknowledged in an earlier run
            }
        }

        if (stored is { Position: 0, Bytes: >= RecordBatchHeader.Bytes })
        {
            ReadHeadBeforeSending();
        }

        Grow(stored.EndPosition);
        tracker.Add(batch);
        reading.LastBatch = (stored.Position, stored.StoredCrc);
        reading.Current = batch;
        if (header.IsControl || header.RecordsCount == 0)
        {
            tracker.Settle(batch); // no data, so nothing to send
            reading.Current = null;
        }
    }

    /// <summary>Reads the head of the file before anything of it is sent.</summary>
    private void ReadHeadBeforeSending()
    {
        try
        {
            Head ??= SegmentHead.Of(Reader!.File);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is read again when a checkpoint is saved.
        }
    }

    /// <summary>Records damage. Then it may be skipped.</summary>
    /// <exception cref="IOException">It could not be recorded: do not skip it.</exception>
    public void RecordDamage(SegmentDamage damage, LossRecorder recorder) => HasUncopied |= !recorder.Damaged(File, Name.FileName, damage);

    /// <summary>Records that a batch that was read is no longer in the file.</summary>
    /// <exception cref="IOException">It could not be recorded.</exception>
    public void RecordChanged(StoredBatch batch, LossRecorder recorder)
    {
        var bytes = SegmentHandle.Stat(File).Bytes;
        if (bytes < batch.EndPosition)
        {
            recorder.Lost(Name.FileName, batch.Position, batch.EndPosition, OpenPlan.ReasonOfCut(bytes));
        }
        else
        {
            RecordDamage(new(batch.Position, batch.EndPosition, false, "the batch has changed since it was read"), recorder);
        }
    }

    private void Skip(SegmentDamage damage, LossRecorder recorder)
    {
        RecordDamage(damage, recorder);
        Reader!.Pass(damage);
        _reading!.Tracker!.AddSkipped(damage.Position, damage.EndPosition, Reader.NextOffset);
        Grow(damage.EndPosition);
    }

    /// <summary>
    /// Skips the end of the file, which is not a whole batch. If the file grows, it is read again from the start of this tail, so the
    /// checkpoint stores that position (as its last batch, with CRC 0). A tail that was acknowledged before the file was cut is not
    /// recorded.
    /// </summary>
    private void SkipTail(SegmentDamage tail, LossRecorder recorder)
    {
        if (tail.EndPosition > _reading!.CutTo)
        {
            RecordDamage(tail, recorder);
        }

        Reader!.Pass(tail);
        _reading.Tracker!.AddSkipped(tail.Position, tail.EndPosition, Reader.NextOffset, isTail: true);
        _reading.SkippedTailAt = tail.Position;
        Grow(tail.EndPosition);
    }

    /// <summary>The whole batches before a position. Null while the search is not done.</summary>
    private IntactPart? Intact(SafeFileHandle file, string path, long limit)
    {
        if (_reading?.Intact is { } other && (!other.IsOf(file) || other.Limit != limit))
        {
            Close();
        }

        _reading ??= new Reading();
        var search = _reading.Intact ??= new IntactSearch(SegmentHandle.OpenForReading(path), path, limit);
        return search.Advance(SearchBytesPerTurn) && search.IsOf(file) ? new(search.Found, search.IsFollowedByBatch) : null;
    }

    private void RecordLoss(OpenPlan plan, long bytes, LossRecorder recorder)
    {
        if (plan.IsCut)
        {
            recorder.Cut(Name.FileName, bytes, _saved.Acknowledged.Position, WrittenBytes, plan.LostReason);
        }
        else
        {
            LostIfAny(recorder, plan.LostFrom, plan.LostReason);
        }
    }

    private void Apply(OpenPlan plan)
    {
        _saved = plan.IsOther
            ? _saved with { Acknowledged = plan.Start, Head = null, HasUncopied = false, SentTo = _mayHaveSentNew ? _saved.SentTo : 0 }
            : _saved with { Acknowledged = plan.Start, SentTo = Math.Max(_saved.SentTo, plan.AcknowledgedBefore) };
        _isWrittenOver = _mayHaveSentNew = false;
    }

    private void LostIfAny(LossRecorder recorder, long from, string reason)
    {
        if (WrittenBytes > from)
        {
            recorder.Lost(Name.FileName, from, WrittenBytes, reason);
        }
    }

    /// <summary>The state of a segment that is being opened or is open.</summary>
    private sealed class Reading : IDisposable
    {
        /// <summary>Reads the open file; null while it is being opened.</summary>
        public SegmentReader? Reader { get; init; }

        /// <summary>Keeps what was read and the acknowledged position; null while the file is being opened.</summary>
        public AcknowledgementTracker? Tracker { get; init; }

        /// <summary>See <see cref="SegmentProgress.WrittenBytes"/>.</summary>
        public long WrittenBytes { get; set; }

        public string Identity { get; set; } = "";

        /// <summary>See <see cref="SegmentProgress.ReplacementBytes"/>.</summary>
        public long ReplacementBytes { get; set; }

        /// <summary>The modification time at the last check of the size, in ticks.</summary>
        public long ModifiedTicks { get; set; }

        /// <summary>True if the reader may have bytes in its buffer that were not parsed.</summary>
        public bool IsBuffered { get; set; }

        /// <summary>Where a skipped tail starts; null: none was skipped.</summary>
        public long? SkippedTailAt { get; set; }

        /// <summary>A tail that ends at or before this position was acknowledged before the file was cut.</summary>
        public long CutTo { get; init; }

        /// <summary>Where the batch that was read last starts, and its CRC as stored; null: none was read.</summary>
        public (long Position, uint Crc)? LastBatch { get; set; }

        /// <summary>The search for the last whole batch, while the file is being opened.</summary>
        public IntactSearch? Intact { get; set; }

        public PendingBatch? Current { get; set; }

        public DateTimeOffset? WaitsUntil { get; set; }

        public void Dispose()
        {
            Reader?.Dispose();
            Intact?.Dispose();
        }
    }
}
