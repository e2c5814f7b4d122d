using System.Buffers;
using System.Threading.Channels;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Ships one log: reads its segments in order, sends, takes the outcomes, saves the checkpoint behind them. One loop;
/// everything here happens on it, only outcomes come from elsewhere, through a channel.
/// <para>
/// After a batch that was not acknowledged nothing new is sent until all batches on the way have had their outcome;
/// then everything that is not settled is read again from disk and sent again, in order.
/// </para>
/// </summary>
internal sealed class Shipper : IDisposable
{
    private const int MaxOpenSegments = 64;

    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FailurePause = TimeSpan.FromSeconds(1);

    private readonly LogOptions _log;
    private readonly ShipperOptions _options;
    private readonly IBatchTransport _transport;
    private readonly CheckpointKeeper _keeper;
    private readonly LossBook _book;
    private readonly LogStatus _status;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly LogCursor _cursor;
    private readonly SendWindow _window;
    private readonly RetrySchedule _retries = new();
    private readonly Queue<OutboundBatch> _resends = new();
    private readonly Channel<BatchOutcome> _outcomes = Channel.CreateUnbounded<BatchOutcome>(new UnboundedChannelOptions { SingleReader = true });

    private bool _isRecovering;
    private long _failedAt;
    private TimeSpan _wait;
    private TimeSpan _pause = ShortPause;
    private long _toldAt;
    private long _shownAt;
    private string? _fault;
    private string? _saveFault;
    private (OutcomeKind Kind, string Error)? _trouble;

    public Shipper(LogOptions log, ShipperOptions options, IBatchTransport transport, InFlightBudget budget, CheckpointKeeper keeper, LossBook book, LogStatus status, ILogger logger, TimeProvider time)
    {
        _log = log;
        _options = options;
        _transport = transport;
        _window = new SendWindow(options.MaxInFlightBytes, budget);
        _keeper = keeper;
        _book = book;
        _status = status;
        _logger = logger;
        _time = time;
        _cursor = new LogCursor(status.Directory, log.Component, keeper.Start, book, time, OnReset);
    }

    /// <summary>The checkpoint that is on disk: what the cleaner goes by.</summary>
    public Checkpoint Saved => _keeper.Saved;

    /// <summary>One window at a time: see <see cref="SendWindow"/>.</summary>
    private bool IsStrict => !_transport.KeepsOrder && _log.StrictOrder != false;

    /// <summary>Ships until told to stop; then waits for acknowledgements, saves and returns.</summary>
    public async Task RunAsync(LoopTurns turns, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            turns.Turned();
            var isBusy = RunOnce();
            _pause = isBusy ? ShortPause : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LongPause.Ticks));
            if (!isBusy)
            {
                await Pause.ForAsync(_outcomes.Reader, _pause, _time, stopping).ConfigureAwait(false);
            }
        }

        var began = _time.GetTimestamp();
        while (!_window.IsEmpty && _time.GetElapsedTime(began) < _options.DrainTimeout)
        {
            turns.Turned();
            TakeLastOutcomes();
            if (!_window.IsEmpty)
            {
                await Pause.ForAsync(_outcomes.Reader, LongPause, _time, CancellationToken.None).ConfigureAwait(false);
            }
        }

        TakeLastOutcomes();
        if (_cursor.TakeNews())
        {
            _keeper.Touch(0);
        }

        TrySave();
        UpdateStatus(_time.GetTimestamp(), now: true);
        _status.State = LogState.Stopped;
    }

    /// <summary>One turn: outcomes, resends, new batches, the checkpoint. True if there may be more to do at once.</summary>
    public bool RunOnce()
    {
        var isBusy = false;
        var began = _time.GetTimestamp();
        try
        {
            isBusy = TakeOutcomes();
            if (_isRecovering && _window.IsEmpty && _time.GetElapsedTime(_failedAt) >= _wait)
            {
                PrepareResends();
            }

            if (!_isRecovering)
            {
                _cursor.Refresh();
                isBusy |= SendWhatFits();
                isBusy |= _cursor.TakeSearching();
            }

            if (!_isRecovering)
            {
                _fault = null;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UnsupportedBatchException)
        {
            Fail(e.Message);
        }

        if (_cursor.TakeNews())
        {
            _keeper.Touch(0);
        }

        if (_keeper.IsDue(_options.CheckpointInterval, _options.MaxInFlightBytes))
        {
            TrySave();
        }

        UpdateStatus(began, now: !isBusy);
        return isBusy;
    }

    public void Dispose()
    {
        _window.Dispose();
        _cursor.Dispose();
        _keeper.Dispose();
        _book.Dispose();
    }

    /// <summary>While stopping: what cannot be set aside stays unsettled, and everything else is saved.</summary>
    private void TakeLastOutcomes()
    {
        try
        {
            TakeOutcomes();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(e.Message);
        }
    }

    private bool SendWhatFits()
    {
        var sent = false;
        while (MayAdd())
        {
            if (_resends.TryPeek(out var again))
            {
                if (!_window.Fits(again, IsStrict))
                {
                    break;
                }

                SendAgain(again);
                _resends.Dequeue();
            }
            else if (_cursor.TryReadNext() is { } lane)
            {
                if (lane.Current is { } batch)
                {
                    if (!_window.Fits(batch, IsStrict))
                    {
                        _resends.Enqueue(batch); // the first of the next window
                        break;
                    }

                    SendOrKeep(lane, batch, lane.CurrentBytes);
                }
                else
                {
                    _keeper.Touch(0); // a batch without data was passed
                }
            }
            else
            {
                break;
            }

            sent = true;
        }

        if (sent)
        {
            _transport.Push();
        }

        return sent;
    }

    private bool MayAdd() =>
        !_isRecovering && !_keeper.HasFailed
        && (_window.IsEmpty || (_cursor.OpenCount <= MaxOpenSegments && _window.HasRoom(IsStrict)));

    /// <summary>If it cannot be sent now, it is the first to be sent later: it was read, and nothing may pass it.</summary>
    private void SendOrKeep(SegmentLane lane, OutboundBatch batch, ReadOnlySpan<byte> bytes)
    {
        try
        {
            Send(lane, batch, bytes);
        }
        catch
        {
            StartRecovery(FailurePause);
            throw;
        }
    }

    private void Send(SegmentLane lane, OutboundBatch batch, ReadOnlySpan<byte> bytes)
    {
        _keeper.Sending(batch.SegmentName, batch.EndPosition, batch.NextOffset);
        batch.WasSent = true;
        _window.Add(batch);
        try
        {
            _transport.Send(batch, bytes, _log, OnOutcome);
            _window.Sent(batch);
        }
        catch (CorruptBatchException e)
        {
            _window.Withdraw(batch);
            _book.Damaged(lane.File, batch.SegmentName, new(batch.Position, batch.EndPosition, false, e.Message));
            Settle(lane, batch);
        }
        catch (UnsupportedBatchException)
        {
            _window.Withdraw(batch);
            throw;
        }
    }

    private void SendAgain(OutboundBatch batch)
    {
        var lane = (SegmentLane)batch.Origin;
        if (lane.ReadAgain(batch) is not { } bytes)
        {
            _book.Damaged(lane.File, batch.SegmentName, new(batch.Position, batch.EndPosition, false, "the batch has changed since it was read"));
            Settle(lane, batch);
            return;
        }

        try
        {
            if (batch.WasSent)
            {
                _status.AddResent(batch.RecordsCount - (batch.Settled?.Count(s => s) ?? 0));
            }

            SendOrKeep(lane, batch, bytes.AsSpan(0, (int)batch.Bytes));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void OnOutcome(BatchOutcome outcome) => _outcomes.Writer.TryWrite(outcome); // unbounded: always true

    private bool TakeOutcomes()
    {
        var any = false;
        while (_outcomes.Reader.TryRead(out var outcome))
        {
            any = true;
            _window.Returned(outcome.Batch);
            var lane = (SegmentLane)outcome.Batch.Origin;
            if (outcome.Kind == OutcomeKind.Acknowledged)
            {
                Acknowledged(lane, outcome.Batch);
            }
            else
            {
                NotAcknowledged(lane, outcome);
            }
        }

        return any;
    }

    private void Acknowledged(SegmentLane lane, OutboundBatch batch)
    {
        _status.AddShipped(batch.RecordsCount, batch.Bytes);
        EndTrouble();
        Settle(lane, batch);
    }

    private void EndTrouble()
    {
        if (!_isRecovering && _trouble is not null)
        {
            _trouble = null;
            FeederLog.Recovered(_logger, _log.Component);
        }

        _retries.Succeeded();
    }

    private void Settle(SegmentLane lane, OutboundBatch batch)
    {
        lane.Tracker.Settle(batch);
        _keeper.Touch(batch.Bytes);
        _cursor.Confirmed(lane);
    }

    private void NotAcknowledged(SegmentLane lane, BatchOutcome outcome)
    {
        var batch = outcome.Batch;
        if (outcome.PossiblyPersistedRecords > 0)
        {
            _keeper.AddPossibleDuplicates(outcome.PossiblyPersistedRecords);
            _status.PossibleDuplicates = _keeper.PossibleDuplicates;
        }

        var kind = outcome.Kind;
        var hasProgressed = false;
        if (outcome.Rejected is { Count: > 0 } rejected)
        {
            if (!batch.IsIsolated)
            {
                batch.IsIsolated = true; // one bad record fails all that went with it: find which
                kind = OutcomeKind.Retriable;
                hasProgressed = true;
            }
            else if (_log.OnReject == RejectAction.Quarantine)
            {
                SetAsideOrKeep(lane, batch, rejected);
                hasProgressed = kind != OutcomeKind.Held;
                if (batch.LeadingSettled == batch.RecordsCount)
                {
                    _status.AddShipped(batch.RecordsCount - rejected.Count, batch.Bytes);
                    EndTrouble();
                    Settle(lane, batch);
                    return;
                }
            }
            else
            {
                kind = OutcomeKind.Held;
            }
        }

        _keeper.Touch(0); // records at its front may be settled now
        var wait = hasProgressed ? TimeSpan.Zero : _retries.Failed(kind);
        _trouble = (kind, outcome.Error ?? kind.ToString());
        if (MayTell())
        {
            FeederLog.NotAcknowledged(_logger, _log.Component, kind, wait, outcome.Error ?? "");
        }

        StartRecovery(wait);
    }

    private void SetAsideOrKeep(SegmentLane lane, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        try
        {
            SetAside(lane, batch, rejected);
        }
        catch
        {
            StartRecovery(FailurePause); // not safe yet: it is sent, and refused, once more
            throw;
        }
    }

    private void SetAside(SegmentLane lane, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var bytes = lane.ReadAgain(batch) ?? throw new IOException($"{batch.SegmentName}: the batch at position {batch.Position} has changed since it was read");
        try
        {
            var records = new RecordBatchDecoder().Decode(bytes.AsSpan(0, (int)batch.Bytes));
            var reasons = rejected.ToDictionary(r => r.Index, r => r.Reason);
            for (var index = 0; records.MoveNext(); index++)
            {
                if (reasons.TryGetValue(index, out var reason))
                {
                    _book.Rejected(records.Current, batch.SegmentName, batch.Position, batch.EndPosition, reason);
                    batch.Settle(index);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void StartRecovery(TimeSpan wait)
    {
        if (!_isRecovering || wait > _wait)
        {
            _wait = wait;
        }

        _isRecovering = true;
        _failedAt = _time.GetTimestamp();
    }

    private void PrepareResends()
    {
        TrySave(); // what may arrive twice by this is counted before it does
        _resends.Clear();
        foreach (var lane in _cursor.Lanes.Where(l => l.Tracker.PendingCount > 0))
        {
            foreach (var batch in lane.Tracker.Pending)
            {
                _resends.Enqueue(batch);
            }
        }

        _isRecovering = false;
    }

    private void TrySave()
    {
        try
        {
            _keeper.Save(_cursor.Lanes);
            _saveFault = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _status.AddCheckpointFailure();
            _saveFault = $"the checkpoint cannot be saved: {e.Message}";
            if (MayTell())
            {
                FeederLog.CheckpointNotSaved(_logger, _log.Component, e.Message);
            }
        }
    }

    private void Fail(string error)
    {
        _fault = error;
        if (MayTell())
        {
            FeederLog.LogFailed(_logger, _log.Component, error);
        }

        _pause = LongPause;
    }

    private void OnReset(string segment, string what)
    {
        _status.AddCheckpointReset();
        _keeper.Touch(0);
        FeederLog.SegmentReset(_logger, _log.Component, segment, what);
    }

    private bool MayTell()
    {
        if (_toldAt != 0 && _time.GetElapsedTime(_toldAt) < FeederLog.RepeatInterval)
        {
            return false;
        }

        _toldAt = _time.GetTimestamp();
        return true;
    }

    private void UpdateStatus(long began, bool now)
    {
        if (!now && _time.GetElapsedTime(_shownAt) < LongPause)
        {
            return;
        }

        _shownAt = _time.GetTimestamp();
        _status.LagBytes = _cursor.LagBytes();
        _status.InFlightBytes = _window.Bytes;
        _status.Segments = _cursor.Lanes.Count;
        var first = _cursor.Lanes.FirstOrDefault(l => !l.IsDone);
        _status.OldestUnshipped = _cursor.Lanes.FirstOrDefault(l => l.Tracker.PendingCount > 0)?.Tracker.Pending.First().BaseTimestamp ?? 0;
        _status.Position = first is null ? "" : $"{first.Name}:{first.Tracker.Watermark.Position}";
        var connection = !_window.IsEmpty ? _transport.LastError : null;
        _status.Error = _saveFault ?? _fault ?? _trouble?.Error ?? connection;
        _status.State =
            _saveFault is not null || _fault is not null ? LogState.Failed
            : _trouble?.Kind == OutcomeKind.Held ? LogState.Held
            : _trouble is not null || connection is not null ? LogState.Retrying
            : _status.LagBytes == 0 && _window.IsEmpty ? LogState.Idle
            : LogState.Shipping;
        _status.LookedAt = began; // last: who reads it first reads a state that is no older
    }
}
