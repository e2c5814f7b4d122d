using System.Buffers;
using System.Diagnostics;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Appends records to the rolling segments of one component. Thread-safe.
/// <para>
/// Two locks. <c>_gate</c>, held for the time of a memory copy, guards the open batch and the queue. <c>_file</c> guards
/// the segment and is held while writing; whoever holds it writes for all that came before, so that the others find
/// their records written when they get it (group commit). <c>_gate</c> may be taken under <c>_file</c>, never the
/// other way round. A flushed record that finds nobody writing and nothing queued goes straight to the segment.
/// </para>
/// <para>
/// What a crash leaves: whole batches, and after the last of them at most one torn batch of records whose append had not
/// returned, or which were only <see cref="Durability.Buffered"/>.
/// </para>
/// </summary>
public sealed class LogWriter : IDisposable
{
    private const int SpareBatches = 4;
    private const int DirectBytes = 4 * 1024; // it grows with the records
    private const int MaxKeptDirectBytes = 256 * 1024; // and shrinks after a larger one
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    private readonly LogWriterOptions _options;
    private readonly TimeProvider _time;
    private readonly Thread? _thread;
    private readonly AutoResetEvent _wake = new(false);

    // Guarded by _gate.
    private readonly object _gate = new();
    private readonly Queue<PendingBatch> _sealed = new();
    private readonly Stack<PendingBatch> _spares = new();
    private PendingBatch _open;
    private long _nextTicket;
    private long _queuedBytes;
    private long _droppedRecords;
    private LogWriteException? _failure;
    private bool _waitsForRoom; // a caller waits for room: what is queued is due
    private bool _isDisposed;

    // Guarded by _file.
    private readonly object _file = new();
    private readonly SegmentRoller _roller;
    private readonly WriteBackoff _backoff;
    private PendingBatch _direct;
    private long _recoveredRecords; // not reported yet
    private bool _sleepsUntilWoken; // the background thread: nothing is open, nothing is queued

    // Written under _file, read anywhere.
    private long _writtenTickets;
    private long _directRecords; // records that bypassed the queue and so got no ticket

    /// <summary>Creates a writer. Nothing is created on disk before the first record.</summary>
    /// <exception cref="ArgumentException">The options are wrong; the message lists every fault.</exception>
    /// <exception cref="UnsupportedBatchException">The codec's native library is not installed; the message names its package.</exception>
    public LogWriter(LogWriterOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var faults = options.Validate();
        if (faults.Count > 0)
        {
            throw new ArgumentException(string.Join(" ", faults), nameof(options));
        }

        _options = options;
        _time = options.TimeProvider;
        // a missing native library is reported now, not with the first batch
        CompressionCodecs.For(options.Codec, options.Magic)?.Compress([], new ArrayBufferWriter<byte>());
        _roller = new SegmentRoller(options, Recycle);
        _backoff = new WriteBackoff(_time);
        _open = new PendingBatch(options.Magic, options.BatchBytes);
        _direct = new PendingBatch(options.Magic, DirectBytes);
        if (options.RunsInBackground)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "kafkalog " + options.Component };
            _thread.Start();
        }
    }

    /// <summary>Records that were refused because the queue was full, or given up when closing.</summary>
    public long DroppedRecords => Interlocked.Read(ref _droppedRecords);

    /// <summary>Records that were accepted.</summary>
    public long AppendedRecords => Interlocked.Read(ref _nextTicket) + Interlocked.Read(ref _directRecords);

    /// <summary>Records that were handed to the operating system.</summary>
    public long WrittenRecords => Interlocked.Read(ref _writtenTickets) + Interlocked.Read(ref _directRecords);

    /// <summary>Memory that is kept for records to come, in bytes.</summary>
    internal long KeptBytes
    {
        get
        {
            lock (_gate)
            {
                var spares = _spares.Sum(batch => (long)batch.Builder.CapacityBytes);
                return _direct.Builder.CapacityBytes + _open.Builder.CapacityBytes + spares + _roller.KeptBytes;
            }
        }
    }

    /// <summary>Appends a record; returns when it is as safe as <paramref name="durability"/> says.</summary>
    /// <returns>False if the queue was full and the record was dropped (<see cref="WhenFull.Drop"/>).</returns>
    /// <exception cref="LogWriteException">
    /// The record is not as safe as was asked for; <see cref="LogWriteException.Record"/> says what became of it. One that is
    /// queued is written if the disk recovers before the writer is closed, so if you append it again, it may be there twice.
    /// </exception>
    /// <exception cref="ArgumentException">The record is larger than <see cref="LogWriterOptions.MaxRecordBytes"/>, or has
    /// headers and the magic has none.</exception>
    public bool Append(in NewRecord record, Durability durability = Durability.Buffered)
    {
        var maxBytes = BatchBuilders.MaxEncodedBytes(record);
        if (maxBytes > _options.MaxRecordBytes)
        {
            throw new ArgumentException(
                $"A record of {maxBytes} bytes is larger than the limit of {_options.MaxRecordBytes} bytes (MaxRecordBytes).",
                nameof(record));
        }

        if (!BatchBuilders.CanHold(record, _options.Magic, out var fault))
        {
            throw new ArgumentException(fault, nameof(record));
        }

        if (durability == Durability.Flushed && TryAppendDirect(record, maxBytes))
        {
            return true;
        }

        long ticket;
        SyncState? sync = null;
        bool wakes;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!MakeRoom(maxBytes))
            {
                Interlocked.Increment(ref _droppedRecords);
                return false;
            }

            wakes = Enqueue(record, maxBytes);
            ticket = _nextTicket - 1;
            if (durability == Durability.Synced)
            {
                sync = _open.Sync ??= new SyncState();
            }
        }

        if (durability != Durability.Buffered)
        {
            Commit(ticket, sync);
        }
        else if (wakes)
        {
            _wake.Set();
        }

        return true;
    }

    /// <summary>Makes everything that was appended before as safe as <paramref name="durability"/> says.</summary>
    /// <exception cref="LogWriteException">
    /// It could not be done; what is not written stays queued. If it was written and could not be synced, no later success
    /// covers it: append it again.
    /// </exception>
    public void Flush(Durability durability = Durability.Flushed)
    {
        if (durability == Durability.Buffered)
        {
            return;
        }

        lock (_file)
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_isDisposed, this); // records that closing gave up stay counted as dropped
            }

            try
            {
                Drain(Interlocked.Read(ref _nextTicket) - 1, isForced: true);
                if (durability == Durability.Synced)
                {
                    _roller.SyncEverything();
                }
            }
            finally
            {
                WakeSleeper();
            }
        }
    }

    /// <summary>Writes what is queued and closes the segment. What cannot be written is counted as dropped and reported.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
            Monitor.PulseAll(_gate);
        }

        _wake.Set();
        if (Thread.CurrentThread != _thread) // a handler that closes the log from the thread itself does not wait for it
        {
            _thread?.Join();
        }

        var failure = DrainAndClose();
        ReportNotices();
        if (failure is not null)
        {
            Report(failure);
        }
    }

    /// <summary>Returns the error about records that could not be written; null if all were.</summary>
    private LogWriteException? DrainAndClose()
    {
        lock (_file)
        {
            LogWriteException? failure = null;
            try
            {
                Drain(long.MaxValue, isForced: true);
            }
            catch (LogWriteException e)
            {
                var lost = Interlocked.Read(ref _nextTicket) - _writtenTickets;
                Interlocked.Add(ref _droppedRecords, lost);
                failure = new LogWriteException(
                    $"{lost} records of {_options.Component} are lost: they could not be written before the log was closed: {e.Message}",
                    e);
            }

            _roller.Dispose();
            return failure;
        }
    }

    /// <summary>
    /// One turn of the background thread: writes what is due, ends a segment whose interval is over. Returns how long it may
    /// sleep unless it is woken; null: forever.
    /// </summary>
    internal TimeSpan? RunOnce()
    {
        try
        {
            PrepareRoom();
            var next = WriteWhatIsDue();
            lock (_file)
            {
                _roller.CloseIfGone();
                _roller.CloseIfOver();
                return UntilNextLook(next);
            }
        }
        catch (LogWriteException e)
        {
            Report(e);
            return RetryInterval;
        }
        finally
        {
            ReportNotices();
        }
    }

    /// <summary>Under _file: how long the thread may sleep. If that is forever, the next writer wakes it.</summary>
    private TimeSpan? UntilNextLook(TimeSpan? next)
    {
        var delay = _roller.NeedsLooks && (next is null || next > LookInterval) ? LookInterval : next;
        _sleepsUntilWoken = delay is null;
        return delay;
    }

    /// <summary>Under _file, after something was written or refused: there may be work for the background thread now.</summary>
    private void WakeSleeper()
    {
        if (_sleepsUntilWoken)
        {
            _sleepsUntilWoken = false;
            _wake.Set();
        }
    }

    /// <summary>Reports what was not reported yet. Called without a lock: the handlers may do anything.</summary>
    private void ReportNotices()
    {
        while (true)
        {
            LogWriteException? notice;
            long recovered;
            lock (_file)
            {
                notice = _roller.TakeNotice();
                recovered = _recoveredRecords;
                _recoveredRecords = 0;
            }

            if (recovered > 0)
            {
                Call(() => _options.OnRecovered?.Invoke(recovered));
            }

            if (notice is null)
            {
                return;
            }

            Report(notice);
        }
    }

    private void Run()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_isDisposed)
                {
                    return;
                }
            }

            var delay = RunOnce();
            if (!_wake.WaitOne(delay ?? Timeout.InfiniteTimeSpan) && delay >= LookInterval)
            {
                TrimSpares();
            }
        }
    }

    private void PrepareRoom()
    {
        SegmentFile? segment;
        lock (_file)
        {
            segment = _roller.WantsPreparation;
        }

        segment?.Prepare(); // without the lock: writers continue meanwhile
    }

    private void Report(LogWriteException e) => Call(() => _options.OnError?.Invoke(e));

    /// <summary>A handler's fault must not end the application: this is our own thread, or the log is being closed.</summary>
    private static void Call(Action handler)
    {
        try
        {
            handler();
        }
#pragma warning disable CA1031 // User code runs here, and there is nowhere left to report it.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    /// <summary>Returns when the next buffered batch is due.</summary>
    private TimeSpan? WriteWhatIsDue()
    {
        long upTo;
        lock (_gate)
        {
            var waits = _open.Builder.RecordsCount == 0 ? (TimeSpan?)null : _options.Linger - _time.GetElapsedTime(_open.Opened);
            var isDue = waits <= TimeSpan.Zero || _waitsForRoom;
            if (!isDue && _sealed.Count == 0)
            {
                return waits;
            }

            _waitsForRoom = false;

            upTo = isDue ? _nextTicket - 1 : _open.FirstTicket - 1;
            if (!isDue && _open.Builder.RecordsCount == 0)
            {
                upTo = _nextTicket - 1;
            }
        }

        lock (_file)
        {
            if (_backoff.Remaining is { } remaining)
            {
                return remaining;
            }

            Drain(upTo, isForced: true);
        }

        lock (_gate)
        {
            return _open.Builder.RecordsCount == 0 ? null : _options.Linger;
        }
    }

    /// <summary>Under _gate: waits until a record fits; false if it is to be dropped.</summary>
    private bool MakeRoom(long bytes)
    {
        Debug.Assert(Monitor.IsEntered(_gate), "the queue is guarded by _gate");
        while (_queuedBytes > 0 && _queuedBytes + bytes > _options.QueueLimitBytes)
        {
            if (_options.WhenFull == WhenFull.Drop)
            {
                return false;
            }

            if (_failure is { } failure)
            {
                throw new LogWriteException(
                    $"The queue of {_options.Component} is full ({_queuedBytes} bytes) and cannot be written: {failure.Message}. "
                    + "This record was not taken.",
                    failure,
                    RecordState.NotTaken);
            }

            if (Thread.CurrentThread == _thread)
            {
                throw new LogWriteException(
                    $"The queue of {_options.Component} is full ({_queuedBytes} bytes), and the thread that writes it cannot wait "
                    + "for itself. This record was not taken.",
                    null,
                    RecordState.NotTaken);
            }

            _waitsForRoom = true;
            _wake.Set();
            Monitor.Wait(_gate);
            ObjectDisposedException.ThrowIf(_isDisposed, this);
        }

        return true;
    }

    /// <summary>
    /// Writes a record as a batch of its own, if nobody writes and nothing is queued: then no record can be overtaken, since
    /// a thread sees at least what it queued itself.
    /// </summary>
    /// <exception cref="LogWriteException">It could not be written, and is queued.</exception>
    private bool TryAppendDirect(in NewRecord record, long maxBytes)
    {
        if (!Monitor.TryEnter(_file))
        {
            return false;
        }

        try
        {
            if (Interlocked.Read(ref _queuedBytes) != 0 || Volatile.Read(ref _isDisposed))
            {
                return false;
            }

            _direct.Builder.Append(record);
            try
            {
                _roller.Write(_direct);
                Volatile.Write(ref _directRecords, _directRecords + 1);
                if (_roller.WantsPreparation is not null)
                {
                    _wake.Set();
                }

                return true;
            }
            catch (Exception e) when (SegmentFile.IsWriteFailure(e))
            {
                lock (_gate)
                {
                    Enqueue(record, maxBytes);
                }

                throw Failed(e);
            }
            finally
            {
                EmptyDirect();
            }
        }
        finally
        {
            WakeSleeper();
            Monitor.Exit(_file);
        }
    }

    private void EmptyDirect()
    {
        _direct.Builder.Reset();
        if (_direct.Builder.CapacityBytes > MaxKeptDirectBytes)
        {
            _direct.Builder.Dispose();
            _direct = new PendingBatch(_options.Magic, DirectBytes);
        }
    }

    /// <summary>Under _gate: adds a record after the others. Returns whether it is the first of a batch.</summary>
    private bool Enqueue(in NewRecord record, long maxBytes)
    {
        Debug.Assert(Monitor.IsEntered(_gate), "the open batch is guarded by _gate");
        var isFirst = _open.Builder.RecordsCount == 0;
        if (!isFirst && _open.Builder.Bytes + maxBytes > _options.BatchBytes)
        {
            SealOpen();
            isFirst = true;
        }

        if (isFirst)
        {
            _open.FirstTicket = _nextTicket;
            _open.Opened = _time.GetTimestamp();
        }

        var before = _open.Builder.Bytes;
        _open.Builder.Append(record);
        Interlocked.Add(ref _queuedBytes, _open.Builder.Bytes - before);
        Interlocked.Increment(ref _nextTicket);
        return isFirst;
    }

    /// <summary>Under _gate: closes the open batch and starts the next.</summary>
    private void SealOpen()
    {
        _sealed.Enqueue(_open);
        _open = _spares.TryPop(out var spare) ? spare : new PendingBatch(_options.Magic, _options.BatchBytes);
    }

    private void Commit(long ticket, SyncState? sync)
    {
        lock (_file)
        {
            try
            {
                if (_writtenTickets <= ticket)
                {
                    Drain(ticket, isForced: false);
                }

                if (sync is { IsSynced: false, Failure: null })
                {
                    _roller.SyncAwaiting();
                }
            }
            finally
            {
                WakeSleeper();
            }

            if (sync?.Failure is { } failure)
            {
                throw failure;
            }
        }
    }

    /// <summary>
    /// Under _file: writes all batches up to the one that holds <paramref name="ticket"/>. While the disk refuses writes,
    /// only <paramref name="isForced"/> tries each time: otherwise each of many callers would wait for a call that fails.
    /// </summary>
    private void Drain(long ticket, bool isForced)
    {
        Debug.Assert(Monitor.IsEntered(_file), "the segment is guarded by _file");
        while (Next(ticket) is { } batch)
        {
            if (!isForced && _backoff.Remaining is not null)
            {
                var failure = _failure;
                throw new LogWriteException(
                    $"{failure?.Message}. It is tried again within a second; until then the record stays queued",
                    failure,
                    RecordState.Queued);
            }

            try
            {
                _roller.Write(batch);
            }
            catch (Exception e) when (SegmentFile.IsWriteFailure(e))
            {
                throw Failed(e);
            }

            Volatile.Write(ref _writtenTickets, batch.EndTicket);
            lock (_gate)
            {
                var isLast = _sealed.Count == 1 && _open.Builder.RecordsCount == 0;
                _recoveredRecords += _backoff.Succeeded(batch.Builder.RecordsCount, isLast);
                _sealed.Dequeue();
                Interlocked.Add(ref _queuedBytes, -batch.Builder.RecordsBytes);
                _failure = null;
                Monitor.PulseAll(_gate);
            }

            _roller.Written(batch);
        }
    }

    /// <summary>Notes that the disk refuses writes, and wakes those who wait for room.</summary>
    private LogWriteException Failed(Exception e)
    {
        _backoff.Failed();
        var message = e is LogWriteException ? e.Message : $"{_options.Component}: {e.Message}";
        var failure = new LogWriteException(message, e, RecordState.Queued);
        lock (_gate)
        {
            _failure = failure;
            Monitor.PulseAll(_gate);
        }

        return failure;
    }

    private PendingBatch? Next(long ticket)
    {
        lock (_gate)
        {
            if (_sealed.Count == 0 && _open.Builder.RecordsCount > 0 && _open.FirstTicket <= ticket)
            {
                SealOpen();
            }

            return _sealed.TryPeek(out var batch) && batch.FirstTicket <= ticket ? batch : null;
        }
    }

    private void Recycle(PendingBatch batch)
    {
        batch.Builder.Reset();
        batch.Sync = null;
        if (batch.Builder.CapacityBytes > 4L * _options.BatchBytes)
        {
            batch.Builder.Dispose(); // it held an unusually large record
            return;
        }

        lock (_gate)
        {
            _spares.Push(batch); // no more of them than the queue may hold
        }
    }

    /// <summary>Releases the memory of a burst when it is over.</summary>
    private void TrimSpares()
    {
        lock (_gate)
        {
            while (_spares.Count > SpareBatches)
            {
                _spares.Pop().Builder.Dispose();
            }
        }
    }
}
