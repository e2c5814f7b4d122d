using System.Buffers;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;

namespace KafkaLog.Format.Segments;

/// <summary>
/// Appends records to the rolling segments of one component. Thread-safe.
/// <para>
/// Two locks. <c>_gate</c>, held for the time of a memory copy, guards the open batch and the queue. <c>_file</c> guards
/// the segment and is held while writing; whoever holds it writes for all that came before, so that the others find
/// their records written when they get it (group commit). <c>_gate</c> may be taken under <c>_file</c>, never the
/// other way round.
/// </para>
/// <para>
/// What a crash leaves: whole batches, and behind the last of them at most one torn batch of records whose append had
/// not returned, or which were only <see cref="Durability.Buffered"/>.
/// </para>
/// </summary>
public sealed class LogWriter : IDisposable
{
    private const int NameAttempts = 1000;
    private const int SpareBatches = 4;
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PresenceInterval = TimeSpan.FromSeconds(1);

    private readonly LogWriterOptions _options;
    private readonly TimeProvider _time;
    private readonly RollPolicy _policy;
    private readonly ICompressionCodec? _codec;
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
    private bool _isDisposed;

    // Guarded by _file.
    private readonly Lock _file = new();
    private readonly ArrayBufferWriter<byte> _compressed = new();
    private readonly List<PendingBatch> _awaitingSync = [];
    private readonly List<string> _closedUnsynced = [];
    private SegmentFile? _segment;
    private bool _isDirectorySynced;
    private DateTimeOffset _lastName = DateTimeOffset.MinValue;

    // Written under _file, read anywhere.
    private long _writtenTickets;

    /// <summary>A writer; nothing is created before the first record.</summary>
    /// <exception cref="ArgumentException">The options are wrong; the message says all that is.</exception>
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
        _policy = new RollPolicy(options.Interval, options.MaxSegmentBytes);
        _codec = CompressionCodecs.For(options.Compression);
        _open = new PendingBatch(options.BatchBytes);
        if (options.RunsInBackground)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "kafkalog " + options.Component };
            _thread.Start();
        }
    }

    /// <summary>Records that were refused because the queue was full, or given up when closing.</summary>
    public long DroppedRecords => Interlocked.Read(ref _droppedRecords);

    /// <summary>Records that were taken.</summary>
    public long AppendedRecords => Interlocked.Read(ref _nextTicket);

    /// <summary>Records that were handed to the system.</summary>
    public long WrittenRecords => Interlocked.Read(ref _writtenTickets);

    /// <summary>Appends a record; returns when it is as safe as <paramref name="durability"/> says.</summary>
    /// <returns>False if the queue was full and the record was dropped (<see cref="WhenFull.Drop"/>).</returns>
    /// <exception cref="LogWriteException">
    /// The record is not as safe as was asked for. It stays queued, and is written if the disk recovers before the writer
    /// is closed, so who appends it again may have it twice.
    /// </exception>
    /// <exception cref="ArgumentException">The record is larger than <see cref="LogWriterOptions.MaxRecordBytes"/>.</exception>
    public bool Append(in NewRecord record, Durability durability = Durability.Buffered)
    {
        var maxBytes = RecordBatchBuilder.MaxEncodedBytes(record);
        if (maxBytes > _options.MaxRecordBytes)
        {
            throw new ArgumentException($"A record of {maxBytes} bytes is larger than the limit of {_options.MaxRecordBytes} bytes (MaxRecordBytes).", nameof(record));
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

            wakes = _open.Builder.RecordsCount == 0;
            if (!wakes && _open.Builder.Bytes + maxBytes > _options.BatchBytes)
            {
                SealOpen();
                wakes = true;
            }

            if (_open.Builder.RecordsCount == 0)
            {
                _open.FirstTicket = _nextTicket;
                _open.Opened = _time.GetTimestamp();
            }

            var before = _open.Builder.Bytes;
            _open.Builder.Append(record);
            _queuedBytes += _open.Builder.Bytes - before;
            ticket = _nextTicket;
            Interlocked.Increment(ref _nextTicket);
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

    /// <summary>Makes all that was appended before as safe as <paramref name="durability"/> says.</summary>
    /// <exception cref="LogWriteException">It could not be done; what is not written stays queued.</exception>
    public void Flush(Durability durability = Durability.Flushed)
    {
        if (durability == Durability.Buffered)
        {
            return;
        }

        lock (_file)
        {
            Drain(Interlocked.Read(ref _nextTicket) - 1);
            if (durability == Durability.Synced)
            {
                SyncEverything();
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
        _thread?.Join();
        lock (_file)
        {
            try
            {
                Drain(long.MaxValue);
            }
            catch (LogWriteException e)
            {
                var lost = Interlocked.Read(ref _nextTicket) - _writtenTickets;
                Interlocked.Add(ref _droppedRecords, lost);
                _options.OnError?.Invoke(new LogWriteException($"{lost} records of {_options.Component} are lost: they could not be written before the log was closed: {e.Message}", e));
            }

            SyncAwaiting();
            CloseSegment();
        }

        _wake.Dispose();
    }

    /// <summary>
    /// One turn of the background thread: writes what is due, ends a segment whose time is over. Returns how long it has
    /// nothing to do unless it is woken; null: for ever.
    /// </summary>
    internal TimeSpan? RunOnce()
    {
        try
        {
            var next = WriteWhatIsDue();
            lock (_file)
            {
                if (_segment is not { } segment)
                {
                    return next;
                }

                if (!File.Exists(segment.Path))
                {
                    Settle(_awaitingSync.Count == 0 ? null : RewriteAwaiting());
                    if (ReferenceEquals(_segment, segment))
                    {
                        CloseSegment();
                    }

                    Report(new LogWriteException($"{segment.Path} was removed while it was written to: {segment.NextOffset} records in it are lost unless they were shipped. Going on in a new segment.", null));
                }
                else if (_policy.IsOver(segment.Opened, _time.GetUtcNow()))
                {
                    SyncAwaiting();
                    CloseSegment();
                }
            }

            return next is null || next > PresenceInterval ? PresenceInterval : next;
        }
        catch (LogWriteException e)
        {
            Report(e);
            return RetryInterval;
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
            _wake.WaitOne(delay ?? Timeout.InfiniteTimeSpan);
        }
    }

    private void Report(LogWriteException e) => _options.OnError?.Invoke(e);

    /// <summary>Returns when the next buffered batch is due.</summary>
    private TimeSpan? WriteWhatIsDue()
    {
        long upTo;
        lock (_gate)
        {
            var waits = _open.Builder.RecordsCount == 0 ? (TimeSpan?)null : _options.Linger - _time.GetElapsedTime(_open.Opened);
            var isDue = waits <= TimeSpan.Zero;
            if (!isDue && _sealed.Count == 0)
            {
                return waits;
            }

            upTo = isDue ? _nextTicket - 1 : _open.FirstTicket - 1;
            if (!isDue && _open.Builder.RecordsCount == 0)
            {
                upTo = _nextTicket - 1;
            }
        }

        lock (_file)
        {
            Drain(upTo);
        }

        lock (_gate)
        {
            return _open.Builder.RecordsCount == 0 ? null : _options.Linger;
        }
    }

    /// <summary>Under _gate: waits until a record fits; false if it is to be dropped.</summary>
    private bool MakeRoom(long bytes)
    {
        while (_queuedBytes > 0 && _queuedBytes + bytes > _options.MaxQueueBytes)
        {
            if (_options.WhenFull == WhenFull.Drop)
            {
                return false;
            }

            if (_failure is { } failure)
            {
                throw new LogWriteException($"The queue of {_options.Component} is full ({_queuedBytes} bytes) and cannot be written: {failure.Message}. This record was not taken.", failure);
            }

            _wake.Set();
            Monitor.Wait(_gate);
            ObjectDisposedException.ThrowIf(_isDisposed, this);
        }

        return true;
    }

    /// <summary>Under _gate: closes the open batch and starts the next.</summary>
    private void SealOpen()
    {
        _sealed.Enqueue(_open);
        _open = _spares.TryPop(out var spare) ? spare : new PendingBatch(_options.BatchBytes);
    }

    private void Commit(long ticket, SyncState? sync)
    {
        lock (_file)
        {
            if (_writtenTickets <= ticket)
            {
                Drain(ticket);
            }

            if (sync is null)
            {
                return;
            }

            if (!sync.IsSynced && sync.Failure is null)
            {
                SyncAwaiting();
            }

            if (sync.Failure is { } failure)
            {
                throw failure;
            }
        }
    }

    /// <summary>Under _file: writes all batches up to the one that holds <paramref name="ticket"/>.</summary>
    private void Drain(long ticket)
    {
        while (Next(ticket) is { } batch)
        {
            try
            {
                WriteBatch(batch);
            }
            catch (Exception e) when (SegmentFile.IsWriteFailure(e))
            {
                var failure = e as LogWriteException ?? new LogWriteException($"{_options.Component}: {e.Message}", e);
                lock (_gate)
                {
                    _failure = failure;
                    Monitor.PulseAll(_gate);
                }

                throw failure;
            }

            Volatile.Write(ref _writtenTickets, batch.EndTicket);
            lock (_gate)
            {
                _sealed.Dequeue();
                _queuedBytes -= batch.Builder.Bytes - RecordBatchHeader.Bytes;
                _failure = null;
                Monitor.PulseAll(_gate);
            }

            if (batch.Sync is null)
            {
                Recycle(batch);
            }
            else
            {
                _awaitingSync.Add(batch);
            }
        }
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

    private void WriteBatch(PendingBatch batch)
    {
        var now = _time.GetUtcNow();
        if (_segment is { } current && (current.IsAbandoned || _policy.IsOver(current.Opened, now) || _policy.IsFull(current.Position, batch.Builder.Bytes)))
        {
            SyncAwaiting(); // their callers wait for this very file
            CloseSegment();
        }

        _segment ??= OpenSegment(now);
        _segment.Write(batch.Builder.Complete(_segment.NextOffset, _segment.Id, _codec, _compressed), batch.Builder.RecordsCount);
    }

    private SegmentFile OpenSegment(DateTimeOffset now)
    {
        Directory.CreateDirectory(_options.Directory);
        var named = now.AddTicks(-(now.UtcTicks % TimeSpan.TicksPerSecond));
        if (named <= _lastName)
        {
            named = _lastName.AddSeconds(1); // a later segment's name is later, whatever the clock does
        }

        for (var attempt = 0; attempt < NameAttempts; attempt++, named = named.AddSeconds(1))
        {
            var name = SegmentName.Create(named, _options.Interval, _options.Component);
            if (SegmentFile.TryCreate(_options.Directory, name, now) is { } segment)
            {
                _lastName = named;
                _isDirectorySynced = false;
                return segment;
            }
        }

        throw new LogWriteException($"No free name for a segment of {_options.Component} in {_options.Directory}: {NameAttempts} names from {now:u} on are taken.", null);
    }

    private void CloseSegment()
    {
        if (_segment is not { } segment)
        {
            return;
        }

        if (!segment.IsSynced && !segment.IsAbandoned && _closedUnsynced.Count < NameAttempts)
        {
            _closedUnsynced.Add(segment.Path);
        }

        segment.Dispose();
        _segment = null;
    }

    /// <summary>
    /// Under _file: forces the batches that somebody waits for to the disk. Where that fails the segment is abandoned
    /// and they are written once more, to a new one: a second sync of the same file would only seem to succeed.
    /// </summary>
    private void SyncAwaiting()
    {
        if (_awaitingSync.Count == 0)
        {
            return;
        }

        LogWriteException? failure = null;
        try
        {
            SyncSegment();
        }
        catch (DurabilityException)
        {
            failure = RewriteAwaiting();
        }

        Settle(failure);
    }

    /// <summary>Tells who waits for the disk what became of their batches.</summary>
    private void Settle(LogWriteException? failure)
    {
        foreach (var batch in _awaitingSync)
        {
            batch.Sync!.IsSynced = failure is null;
            batch.Sync.Failure = failure;
            Recycle(batch);
        }

        _awaitingSync.Clear();
    }

    private LogWriteException? RewriteAwaiting()
    {
        CloseSegment();
        try
        {
            _segment = OpenSegment(_time.GetUtcNow());
            foreach (var batch in _awaitingSync)
            {
                _segment.Write(batch.Builder.Complete(_segment.NextOffset, _segment.Id, _codec, _compressed), batch.Builder.RecordsCount);
            }

            SyncSegment();
            return null;
        }
        catch (Exception e) when (SegmentFile.IsWriteFailure(e))
        {
            return new LogWriteException($"{_options.Component}: records were written but could not be forced to the disk, twice: {e.Message}. They may be lost if the machine stops.", e);
        }
    }

    private void SyncSegment()
    {
        if (_segment is not { } segment)
        {
            return;
        }

        segment.Sync();
        if (!_isDirectorySynced)
        {
            DurableFile.SyncDirectory(_options.Directory);
            _isDirectorySynced = true;
        }
    }

    private void SyncEverything()
    {
        try
        {
            SyncAwaiting();
            foreach (var path in _closedUnsynced.Where(File.Exists))
            {
                using var file = SegmentHandle.OpenForReading(path);
                DurableFile.Sync(file, path);
            }

            _closedUnsynced.Clear();
            SyncSegment();
        }
        catch (DurabilityException e)
        {
            throw new LogWriteException($"{_options.Component}: {e.Message}. Records that were written may be lost if the machine stops.", e);
        }
    }

    private void Recycle(PendingBatch batch)
    {
        batch.Builder.Reset();
        batch.Sync = null;
        lock (_gate)
        {
            if (_spares.Count < SpareBatches)
            {
                _spares.Push(batch);
                return;
            }
        }

        batch.Builder.Dispose();
    }
}
