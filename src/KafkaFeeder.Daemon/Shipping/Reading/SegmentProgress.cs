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

/// <summary>What a segment has for its caller.</summary>
internal enum ReadOutcome
{
    /// <summary>A batch: <see cref="SegmentProgress.Current"/>, which is null if it has no data.</summary>
    Batch,

    /// <summary>Nothing yet: its writer lives.</summary>
    Waiting,

    /// <summary>Damage was passed; ask again.</summary>
    Passed,

    /// <summary>The next batch behind damage is being searched: ask again soon, others meanwhile.</summary>
    Searching,

    /// <summary>Its writer is gone, and all of it was read.</summary>
    End,
}

/// <summary>One segment that is not done: where it is read, and what of it is confirmed. Not thread-safe.</summary>
internal sealed class SegmentProgress : IDisposable
{
    // Some 10 ms: other logs, and the watchdog, wait for no search.
    private const long SearchBytesPerTurn = 16 << 20;

    private SegmentCheckpoint _saved; // what a checkpoint says, or said when it was opened
    private Reading? _reading; // of a hundred thousand that wait, few are read
    private bool _isWrittenOver; // since it was opened last: what was read last is not there any more, and the file is as long
    private bool _mayHaveSentNew; // it was read on after it was written over, before anybody saw that

    /// <summary>A segment that was found.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="bytes">Its length.</param>
    /// <param name="writtenBytes">See <see cref="WrittenBytes"/>.</param>
    /// <param name="head">See <see cref="SegmentHead.OfUnread"/>.</param>
    public SegmentProgress(SegmentName name, long bytes, long writtenBytes, uint? head)
        : this(new SegmentCheckpoint(name, default, writtenBytes, false, head)) => Bytes = bytes;

    /// <summary>A segment that the checkpoint knows.</summary>
    public SegmentProgress(SegmentCheckpoint saved)
    {
        _saved = saved;
        Bytes = saved.Bytes;
    }

    public SegmentName Name => _saved.Segment;

    /// <summary>The batches that were read and are not settled, in order.</summary>
    public IEnumerable<PendingBatch> Pending => _reading?.Tracker?.Pending ?? [];

    /// <summary>The batches after the acknowledged position, in order, also those of them that are settled.</summary>
    public IEnumerable<PendingBatch> AfterAcknowledged => _reading?.Tracker?.AfterAcknowledged ?? [];

    public int PendingCount => _reading?.Tracker?.PendingCount ?? 0;

    /// <summary>What is confirmed.</summary>
    public AcknowledgedPosition Acknowledged => _reading?.Tracker?.Acknowledged ?? _saved.Acknowledged;

    /// <summary>The size that was seen last.</summary>
    public long Bytes { get; private set; }

    /// <summary>What certainly was written: less than the size where a writer has prepared space. What a loss is booked by.</summary>
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

    /// <summary>True if other content was written into the open file: it is read no further, see <see cref="CloseRewritten"/>.</summary>
    public bool IsRewritten { get; private set; }

    /// <summary>True if its name went from the directory while it is open, and the same file has not come back under it.</summary>
    public bool IsUnlinked { get; private set; }

    /// <summary>Since when there is no file of its name; null while there is one, or it is still open.</summary>
    public DateTimeOffset? MissingSince
    {
        get => _saved.MissingSince;
        set => _saved = value == _saved.MissingSince ? _saved : _saved with { MissingSince = value };
    }

    /// <summary>When it counts as finished, because nobody can tell whether its writer lives; null: one can.</summary>
    public DateTimeOffset? WaitsUntil => _reading?.WaitsUntil;

    public bool IsOpen => Reader is not null;

    /// <summary>Bytes that are there and not confirmed.</summary>
    public long LagBytes => Math.Max(0, Bytes - Acknowledged.Position) + ReplacementBytes;

    /// <summary>Bytes of another file that has its name while this one is open. It is read when this one is read to its end.</summary>
    public long ReplacementBytes
    {
        get => _reading?.ReplacementBytes ?? 0;
        set => _reading!.ReplacementBytes = value;
    }

    /// <summary>Bytes that were there, and are not confirmed, when there is no file any more.</summary>
    public long LosableBytes => Math.Max(0, WrittenBytes - Acknowledged.Position);

    /// <summary>The batch that was read.</summary>
    public PendingBatch? Current => _reading?.Current;

    /// <summary>Its bytes, until the next read.</summary>
    public ReadOnlySpan<byte> CurrentBytes => Reader!.Batch.Span;

    /// <summary>The open file, for quarantine.</summary>
    public SafeFileHandle File => Reader!.File;

    /// <summary>Where reading began, as a journal notes it.</summary>
    public SentMark StartMark => new(_saved.Acknowledged.Position, _saved.Acknowledged.NextOffset, _saved.Acknowledged.Records);

    private SegmentReader? Reader => _reading?.Reader;

    /// <summary>The byte behind the last that was read.</summary>
    private long EndPosition => _reading?.Tracker?.EndPosition ?? _saved.Acknowledged.Position;

    /// <summary>What a checkpoint says of it. What is confirmed is saved though its head cannot be read: that is asked again.</summary>
    public SegmentCheckpoint Snapshot(bool isDone = false)
    {
        try
        {
            LookAtHead();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // What reads the segment says what is wrong.
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
    /// Opens the file and makes sure that it still is the one that the checkpoint speaks of. What may fail comes first: if it
    /// throws, nothing of the segment has changed.
    /// </summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="book">Accounts for what is not there any more.</param>
    /// <param name="reset">What is not as the checkpoint says; null if all is.</param>
    /// <returns>False if it is still being searched where it is whole: ask again soon, others meanwhile.</returns>
    /// <exception cref="IOException">It cannot be opened, or a loss cannot be accounted for.</exception>
    public bool TryOpen(string directory, LossRecorder book, out SegmentReset? reset)
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
            RecordLoss(plan, bytes, book);

            Apply(plan);
            Head ??= head;
            Close(); // the search
            _reading = new Reading
            {
                Reader = reader,
                Tracker = new AcknowledgementTracker(_saved.Acknowledged),
                Identity = identity,
                ModifiedTicks = modified,
                PassedTailAt = plan.SkippedTailAt,
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
    /// <param name="now">The time, to tell a file that is written from one that is left.</param>
    /// <param name="book">Accounts for damage before it is passed.</param>
    /// <exception cref="IOException">The file cannot be read; nothing was consumed.</exception>
    /// <exception cref="UnsupportedBatchException">It holds what cannot be read without a library that is not installed.</exception>
    public ReadOutcome Read(DateTimeOffset now, LossRecorder book)
    {
        if (IsRewritten)
        {
            return ReadOutcome.End;
        }

        var isAtItsEnd = IsAtItsEnd();
        if (_reading!.PassedTailAt is not null)
        {
            IsReadToEnd = true; // if the file has grown, it is read again from the start of that batch: TryFinish
            return ReadOutcome.End;
        }

        if (!isAtItsEnd && TakeNext(book) is { } first)
        {
            return first;
        }

        var writer = SegmentLock.Probe(Reader!.File);
        if (writer == WriterState.Alive)
        {
            Bytes = isAtItsEnd ? Reader.Position : Reader.WrittenEnd; // less than its length while its writer has prepared space
            WrittenBytes = IsUnlinked ? WrittenBytes : Reader.Position; // a batch that is half written may be taken back by its writer
            return ReadOutcome.Waiting;
        }

        // The writer may have written and gone between our read and the test of its lock.
        if (TakeNext(book) is { } last)
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
        if (tail != SegmentReadStatus.NeedMore && NoticesRewritten())
        {
            return ReadOutcome.End;
        }

        switch (tail)
        {
            case SegmentReadStatus.Searching:
                return ReadOutcome.Searching;
            case SegmentReadStatus.Corrupt when Reader.Damage!.EndPosition < stat.Bytes:
                Pass(Reader.Damage, book); // there is a whole batch behind it
                return ReadOutcome.Passed;
            case SegmentReadStatus.Corrupt:
                PassTail(writer == WriterState.Gone ? Reader.Damage! : Reader.Damage!.WithUnknownWriter(), book);
                break;
        }

        IsReadToEnd = true;
        Reader.DropBuffer();
        return ReadOutcome.End;
    }

    /// <summary>
    /// Accounts for bytes that were seen and are not there any more. To be called when a size was looked at; what was read
    /// already is on its way and is not lost by this.
    /// </summary>
    /// <exception cref="IOException">It could not be accounted for; ask again.</exception>
    private void BookIfCut(long bytes, LossRecorder book)
    {
        var from = Math.Max(bytes, EndPosition);
        if (WrittenBytes > from)
        {
            book.Lost(Name.FileName, from, WrittenBytes, OpenPlan.ReasonOfCut(bytes));
            WrittenBytes = from;
        }

        Bytes = Math.Max(bytes, Acknowledged.Position);
    }

    /// <summary>
    /// Looks at the size of the open file, and whether it still is the same. What certainly was written is what is read; more may
    /// be taken back. Of a file without a name all counts, since no later run can read it.
    /// </summary>
    /// <exception cref="IOException">It cannot be asked, or a loss cannot be accounted for.</exception>
    public void LookAtSize(LossRecorder book)
    {
        var stat = SegmentHandle.Stat(Reader!.File);
        if (IsRewritten || (stat.Bytes == Bytes && stat.Modified.UtcTicks == _reading!.ModifiedTicks))
        {
            return;
        }

        var isOther = Head is { } head && SegmentHead.Of(Reader.File) != head;
        _reading!.ModifiedTicks = stat.Modified.UtcTicks;
        IsRewritten = isOther || (stat.Bytes < EndPosition && !IsUnlinked) || FindsLastBatchGone();
        if (!isOther && stat.Bytes != Bytes)
        {
            var (bytes, written) = SegmentWatch.SizeOf(Reader.File);
            SawSize((bytes, IsUnlinked && !IsRewritten ? written : Math.Min(written, WrittenBytes), null), book);
        }
    }

    /// <summary>Its name is gone from the directory: what is not shipped of it before the daemon stops is lost.</summary>
    public void Unlink()
    {
        IsUnlinked = true;
        try
        {
            IsRewritten = IsRewritten || (Head is { } head && SegmentHead.Of(Reader!.File) != head) || FindsLastBatchGone();
            WrittenBytes = IsRewritten ? WrittenBytes : Math.Max(WrittenBytes, SegmentWatch.SizeOf(Reader!.File).Written);
        }
        catch (IOException)
        {
            // It is looked at again.
        }
    }

    /// <summary>The same file is back under its name.</summary>
    public void Relink() => IsUnlinked = false;

    /// <summary>A size was looked at, and of what was not read the head.</summary>
    /// <exception cref="IOException">A loss cannot be accounted for; ask again.</exception>
    public void SawSize((long Bytes, long Written, uint? Head) size, LossRecorder book)
    {
        var before = Bytes;
        BookIfCut(size.Bytes, book);
        Bytes = size.Written == 0 && size.Bytes > before ? before : Bytes; // more zeros are prepared space, no lag
        WrittenBytes = Math.Max(WrittenBytes, size.Written);
        Head ??= size.Head;
    }

    private void Grow(long bytes)
    {
        Bytes = Math.Max(Bytes, bytes);
        WrittenBytes = Math.Max(WrittenBytes, bytes);
    }

    /// <summary>What was lost of it is accounted for: it is nobody's any more.</summary>
    public void WasLost() => Bytes = WrittenBytes = Acknowledged.Position;

    /// <summary>Whether all was read and is confirmed; then it is closed. If the file has grown after all, it is read on.</summary>
    public bool TryFinish()
    {
        if (PendingCount > 0 || IsRewritten)
        {
            return false;
        }

        Bytes = WrittenBytes = Math.Max(SegmentHandle.Stat(Reader!.File).Bytes, EndPosition);
        if (Bytes > EndPosition)
        {
            if (_reading!.PassedTailAt is { } tail)
            {
                ReadTailAgain(tail); // the rest of that batch may have come
            }

            IsReadToEnd = false;
            return false;
        }

        LookAtHead(); // while the file is open
        Close();
        return true;
    }

    /// <summary>
    /// The file is read on from the start of a tail that was passed, of which nothing was sent. It is reopened for that; if its name
    /// is gone, what is open is read from there.
    /// </summary>
    /// <exception cref="IOException">It cannot be read; nothing of the segment has changed.</exception>
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
    /// Other content was written into a file whose name is gone, and nothing of it is pending. Nobody can reopen it, so what is
    /// open is read from its start.
    /// </summary>
    /// <exception cref="IOException">It cannot be read, or a loss cannot be accounted for; nothing of the segment has changed.</exception>
    public SegmentReset ReadWrittenOver(LossRecorder book)
    {
        BookWrittenOver(book);
        var sentTo = Math.Max(_saved.SentTo, _reading!.PassedTailAt ?? EndPosition);
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
        var written = isSameContent ? before.WrittenBytes : SegmentWatch.SizeOf(file).Written; // what may fail comes first
        before.Reader!.DropBuffer(); // the file is the new reader's now
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

    /// <summary>Reads a batch once more, to send it again.</summary>
    /// <returns>The bytes in an array of the pool; null if they are not that batch any more.</returns>
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
                BinaryPrimitives.WriteInt64BigEndian(span, batch.BaseOffset); // where it is damaged, the reader has repaired it
            }

            return bytes;
        }

        ArrayPool<byte>.Shared.Return(bytes);
        return null;
    }

    /// <summary>The time of the first record that is not confirmed, ms since 1970 UTC; null if it cannot be told.</summary>
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

    /// <summary>Gives back what was read and is not needed any more; <see cref="CurrentBytes"/> too.</summary>
    public void DropBuffer()
    {
        if (_reading is { } reading)
        {
            reading.Reader?.DropBuffer();
            reading.IsBuffered = false;
        }
    }

    /// <summary>
    /// Other content was written into the file, and nothing of it is pending: opening it anew tells what is lost, and where to go
    /// on. What was read last may have been of the new content, so what of that is sent again counts as possible duplicates.
    /// </summary>
    /// <exception cref="IOException">A loss cannot be accounted for; nothing of the segment has changed.</exception>
    public void CloseRewritten(LossRecorder book)
    {
        if (_isWrittenOver)
        {
            BookWrittenOver(book);
        }

        var sentTo = Math.Max(_saved.SentTo, _reading!.PassedTailAt ?? EndPosition); // of a tail nothing was sent
        _mayHaveSentNew = true;
        IsReadToEnd = false;
        IsRewritten = false;
        Close();
        _saved = _saved with { SentTo = sentTo };
    }

    /// <summary>Of the old content nothing is left that was not read.</summary>
    private void BookWrittenOver(LossRecorder book)
    {
        LostIfAny(book, EndPosition, "the file was written over before they were shipped");
        WrittenBytes = Math.Min(WrittenBytes, EndPosition);
    }

    /// <summary>All records of a batch of it are settled. One that is not pending changes nothing.</summary>
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

    private void LookAtHead() =>
        Head ??= Reader is { } reader && !IsRewritten && Acknowledged.Position >= RecordBatchHeader.Bytes ? SegmentHead.Of(reader.File) : null;

    /// <summary>
    /// Whether the file ends where it was read to. Most looks of a quiet log find that: then no buffer is taken for a read
    /// that gives nothing.
    /// </summary>
    private bool IsAtItsEnd() => !_reading!.IsBuffered && SegmentHandle.Stat(Reader!.File).Bytes == Reader.Position;

    private ReadOutcome? TakeNext(LossRecorder book)
    {
        var isFirst = !_reading!.IsBuffered;
        _reading.IsBuffered = true;
        var read = Reader!.TryRead();
        if (read != SegmentReadStatus.NeedMore && (isFirst || read != SegmentReadStatus.Batch) && NoticesRewritten())
        {
            return ReadOutcome.End;
        }

        switch (read)
        {
            case SegmentReadStatus.Batch:
                Take();
                return ReadOutcome.Batch;
            case SegmentReadStatus.Corrupt:
                Pass(Reader.Damage!, book);
                return ReadOutcome.Passed;
            case SegmentReadStatus.Searching:
                return ReadOutcome.Searching;
            default:
                return null;
        }
    }

    /// <summary>
    /// Whether other content was written into the file since its last batch was read, so that what is read now may be the middle of
    /// a batch, or what comes before it may never be read. Asked with the first bytes that are read in a turn, and before anything is
    /// called damage: the file may have been cut, and have grown past what was read, since anybody looked. It costs one small read.
    /// <para>
    /// It is not seen while within one turn the new content has a batch where the last one that was read ends; nor if the last batch
    /// stands as before, or its header does, and what lies before it is another: but for the first, which
    /// <see cref="LookAtSize"/> compares.
    /// </para>
    /// </summary>
    private bool NoticesRewritten() => IsRewritten = FindsLastBatchGone();

    /// <summary>
    /// A file that is shorter than what was read was cut, and what is left of it may be what was read; one that is not was written over.
    /// What cannot be read is told when the file is reopened.
    /// </summary>
    private bool FindsLastBatchGone()
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
            BaseTimestamp = Math.Max(0, header.BaseTimestamp), // magic 0 has none
        };
        var batch = new SegmentBatch(this, stored) { MayHaveBeenSent = stored.Position < _saved.SentTo };
        if (stored.Position == _saved.Acknowledged.Position)
        {
            for (var i = 0; i < Math.Min(_saved.Acknowledged.Record, header.RecordsCount); i++)
            {
                batch.Settle(i); // confirmed by the run before this one
            }
        }

        if (stored is { Position: 0, Bytes: >= RecordBatchHeader.Bytes })
        {
            LookAtFirstBatch();
        }

        Grow(stored.EndPosition);
        tracker.Add(batch);
        reading.LastBatch = (stored.Position, stored.StoredCrc);
        reading.Current = batch;
        if (header.IsControl || header.RecordsCount == 0)
        {
            tracker.Settle(batch); // not data: nothing to send
            reading.Current = null;
        }
    }

    /// <summary>What the file begins with is known before anything of it is sent.</summary>
    private void LookAtFirstBatch()
    {
        try
        {
            Head ??= SegmentHead.Of(Reader!.File);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is looked at when a checkpoint is saved.
        }
    }

    /// <summary>Accounts for damage, so that it may be passed.</summary>
    /// <exception cref="IOException">It could not be accounted for: do not pass it.</exception>
    public void Account(SegmentDamage damage, LossRecorder book) => HasUncopied |= !book.Damaged(File, Name.FileName, damage);

    /// <summary>Records that a batch that was read is not in the file any more.</summary>
    /// <exception cref="IOException">It could not be recorded.</exception>
    public void RecordChanged(StoredBatch batch, LossRecorder book)
    {
        var bytes = SegmentHandle.Stat(File).Bytes;
        if (bytes < batch.EndPosition)
        {
            book.Lost(Name.FileName, batch.Position, batch.EndPosition, OpenPlan.ReasonOfCut(bytes));
        }
        else
        {
            Account(new(batch.Position, batch.EndPosition, false, "the batch has changed since it was read"), book);
        }
    }

    private void Pass(SegmentDamage damage, LossRecorder book)
    {
        Account(damage, book);
        Reader!.Pass(damage);
        _reading!.Tracker!.AddPassed(damage.Position, damage.EndPosition, Reader.NextOffset);
        Grow(damage.EndPosition);
    }

    /// <summary>
    /// The end of the file is no whole batch. If the file grows after all it is read from there: so the checkpoint says that the
    /// batch in front is that one, which it is not. What of it was confirmed before the file was cut is no loss.
    /// </summary>
    private void PassTail(SegmentDamage tail, LossRecorder book)
    {
        if (tail.EndPosition > _reading!.CutTo)
        {
            Account(tail, book);
        }

        Reader!.Pass(tail);
        _reading.Tracker!.AddPassed(tail.Position, tail.EndPosition, Reader.NextOffset, isTail: true);
        _reading.PassedTailAt = tail.Position;
        Grow(tail.EndPosition);
    }

    /// <summary>What of the file is whole before a position. Null: it is still being searched.</summary>
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

    private void RecordLoss(OpenPlan plan, long bytes, LossRecorder book)
    {
        if (plan.IsCut)
        {
            book.Cut(Name.FileName, bytes, _saved.Acknowledged.Position, WrittenBytes, plan.LostReason);
        }
        else
        {
            LostIfAny(book, plan.LostFrom, plan.LostReason);
        }
    }

    private void Apply(OpenPlan plan)
    {
        _saved = plan.IsOther
            ? _saved with { Acknowledged = plan.Start, Head = null, HasUncopied = false, SentTo = _mayHaveSentNew ? _saved.SentTo : 0 }
            : _saved with { Acknowledged = plan.Start, SentTo = Math.Max(_saved.SentTo, plan.AcknowledgedBefore) };
        _isWrittenOver = _mayHaveSentNew = false;
    }

    private void LostIfAny(LossRecorder book, long from, string reason)
    {
        if (WrittenBytes > from)
        {
            book.Lost(Name.FileName, from, WrittenBytes, reason);
        }
    }

    /// <summary>What is needed of a segment while it is opened or open.</summary>
    private sealed class Reading : IDisposable
    {
        /// <summary>The open file; null while it is opened.</summary>
        public SegmentReader? Reader { get; init; }

        /// <summary>What was read, and what of it is confirmed.</summary>
        public AcknowledgementTracker? Tracker { get; init; }

        /// <summary>See <see cref="SegmentProgress.WrittenBytes"/>.</summary>
        public long WrittenBytes { get; set; }

        public string Identity { get; set; } = "";

        /// <summary>See <see cref="SegmentProgress.ReplacementBytes"/>.</summary>
        public long ReplacementBytes { get; set; }

        /// <summary>When the file had been changed last, when its size was looked at.</summary>
        public long ModifiedTicks { get; set; }

        /// <summary>The reader may hold bytes that were not looked at.</summary>
        public bool IsBuffered { get; set; }

        /// <summary>Where the last bytes begin that were passed, since they were no whole batch; null: none were.</summary>
        public long? PassedTailAt { get; set; }

        /// <summary>Before it, what is no whole batch had been one that was confirmed, until the file was cut.</summary>
        public long CutTo { get; init; }

        /// <summary>Where the batch that was read last begins, and its CRC as stored; null: none was.</summary>
        public (long Position, uint Crc)? LastBatch { get; set; }

        /// <summary>While it is opened.</summary>
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
