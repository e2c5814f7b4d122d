using System.Buffers;
using System.Globalization;
using System.Threading.Channels;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
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
    /// <summary>Segments that are read and wait for their outcomes, before no more are opened.</summary>
    private const int MaxPendingSegments = 64;

    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FailurePause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMilliseconds(200);

    /// <summary>A record that is further ahead of the clock than this is no matter of clocks: it is set aside like any other.</summary>
    private static readonly TimeSpan LongestAhead = TimeSpan.FromDays(1);

    private delegate void RecordAction(int index, Record record);

    private readonly ShipperOptions _options;
    private readonly IBatchTransport _transport;
    private readonly CheckpointKeeper _keeper;
    private readonly LossRecorder _book;
    private readonly LogStatus _status;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly LogCursor _cursor;
    private readonly AbsentSegments _absent;
    private readonly SendWindow _window;
    private readonly InFlightBudget _budget;
    private readonly ShippingState _state;
    private readonly RepeatLimit _logged;
    private readonly RepeatLimit _faultLogged;
    private readonly RefusalRun _refusals = new();
    private readonly Queue<OutboundBatch> _resends = new();
    private readonly Channel<BatchOutcome> _outcomes =
        Channel.CreateUnbounded<BatchOutcome>(new UnboundedChannelOptions { SingleReader = true });

    private bool _isUncertaintyLogged;
    private TimeSpan _pause = ShortPause;
    private long _shownAt;
    private long _turnBegan;

    public Shipper(
        ShipperOptions options, IBatchTransport transport, InFlightBudget budget, CheckpointKeeper keeper, SegmentSet set,
        LossRecorder book, LogStatus status, ILogger logger, TimeProvider time)
    {
        _options = options;
        _transport = transport;
        _budget = budget;
        _window = new SendWindow(options.MaxInFlightBytes, budget.Join(status.Options.Broker));
        _keeper = keeper;
        _book = book;
        _status = status;
        _status.PossibleDuplicates = keeper.PossibleDuplicates;
        _logger = logger;
        _time = time;
        _state = new ShippingState(time);
        _logged = new RepeatLimit(time);
        _faultLogged = new RepeatLimit(time);
        _cursor = new LogCursor(status.Directory, set, keeper.TakeStart(), book, time, OnReset);
        _absent = new AbsentSegments(_cursor, status, logger, time);
    }

    /// <summary>The settings as they are now: those that concern a batch may change while it runs.</summary>
    private LogOptions Log => _status.Options;

    /// <summary>One window at a time: see <see cref="SendWindow"/>.</summary>
    private bool IsStrict => Log.StrictOrder ?? !_transport.KeepsOrder;

    /// <summary>Segments that were found are saved at once, a portion after the other.</summary>
    private bool MaySaveFound => _cursor.HasFound && !_keeper.IsSaving && !_keeper.HasFailed;

    /// <summary>With many logs, one that has nothing to do looks less often; one that waits for brokers or the disk does not.</summary>
    private TimeSpan LongestPause =>
        _cursor.HasFound && !_keeper.HasFailed ? ShortPause
        : _window.IsEmpty && _resends.Count == 0 && !_state.IsRecovering && _keeper.IsClean && _state.Fault is null
            ? QuietPause.LongestFor(_budget.Logs)
        : LongPause;

    /// <summary>Ships until told to stop; then, or when it fails, waits for acknowledgements, saves and returns.</summary>
    public async Task RunAsync(LoopProgress turns, CancellationToken stopping)
    {
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                turns.MadeProgress();
                var isBusy = RunOnce();
                _pause = isBusy ? ShortPause : TimeSpan.FromTicks(Math.Min(_pause.Ticks * 2, LongestPause.Ticks));
                if (!isBusy)
                {
                    await RestAsync(stopping).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            // Also after a failure: what was acknowledged meanwhile must not be sent again by the next try.
            await WindDownAsync(turns).ConfigureAwait(false);
        }

        UpdateStatus(_time.GetTimestamp(), now: true);
        _status.State = LogState.Stopped;
    }

    /// <summary>Waits for outcomes, or for time to pass; if nothing is in flight, for time alone, which is the cheaper.</summary>
    private Task RestAsync(CancellationToken stopping) => _window.IsEmpty
        ? Pause.ForAsync(QuietPause.OnGrid(_pause, _time.GetElapsedTime(0)), _time, stopping)
        : Pause.ForAsync(_outcomes.Reader, _pause, _time, stopping);

    /// <summary>One turn: outcomes, resends, new batches, the checkpoint. True if there may be more to do at once.</summary>
    public bool RunOnce()
    {
        var isBusy = false;
        var began = _turnBegan = _time.GetTimestamp();
        try
        {
            TakeSaved();
            isBusy = TakeOutcomes();
            var fault = Refresh();
            _turnBegan = _time.GetTimestamp(); // to list a large directory may take long, and is no reason not to send
            if (_state.IsRecoveryDue && _window.IsEmpty && SaveAll())
            {
                PrepareResends();
            }

            if (!_state.IsRecovering)
            {
                isBusy |= SendWhatFits();
                isBusy |= _cursor.TakeSearching();
            }

            if (fault is not null)
            {
                Fail(fault);
            }
            else
            {
                _state.TurnSucceeded();
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or UnsupportedBatchException)
        {
            Fail(e.Message);
        }

        LogUncertain();
        _cursor.DropBuffers();
        MarkIfChanged();
        if (_keeper.IsDue(_options.CheckpointInterval, _options.MaxInFlightBytes) || MaySaveFound)
        {
            BeginSave();
        }

        UpdateStatus(began, now: !isBusy);
        return isBusy;
    }

    /// <summary>Whatever is wrong with the directory, what is open is shipped.</summary>
    /// <returns>What is wrong; null: nothing.</returns>
    private string? Refresh()
    {
        try
        {
            _cursor.Refresh();
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    public void Dispose()
    {
        _window.Dispose();
        _cursor.Dispose();
        _keeper.Dispose();
        _book.Dispose();
    }

    private void LogUncertain()
    {
        if (!_isUncertaintyLogged && _cursor.Uncertain is { WaitsUntil: { } finalAt } segment)
        {
            _isUncertaintyLogged = true;
            FeederLog.WriterUnknown(_logger, Log.Component, segment.Name.FileName, finalAt);
        }
    }

    private async Task WindDownAsync(LoopProgress turns)
    {
        var began = _time.GetTimestamp();
        var isSound = TakeLastOutcomes();
        while (isSound && !_window.IsEmpty && _time.GetElapsedTime(began) < _options.DrainTimeout)
        {
            turns.MadeProgress();
            await Pause.ForAsync(_outcomes.Reader, LongPause, _time, CancellationToken.None).ConfigureAwait(false);
            isSound = TakeLastOutcomes();
        }

        await _keeper.WhenSavedAsync().ConfigureAwait(false);
        TakeSaved();
        MarkIfChanged();
        while (!_keeper.IsClean || (_cursor.HasFound && _time.GetElapsedTime(began) < _options.DrainTimeout))
        {
            turns.MadeProgress();
            BeginSave();
            await _keeper.WhenSavedAsync().ConfigureAwait(false);
            TakeSaved();
            if (_keeper.HasFailed)
            {
                break;
            }
        }
    }

    /// <summary>While stopping: what cannot be set aside stays unsettled, and everything else is saved.</summary>
    /// <returns>False if outcomes cannot be taken any more.</returns>
    private bool TakeLastOutcomes()
    {
        try
        {
            TakeOutcomes();
            return true;
        }
        catch (Exception e)
        {
            // Whatever it is: what was settled before it is saved all the same.
            Fail(e.Message);
            return e is IOException or UnauthorizedAccessException;
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

                _resends.Dequeue();
                SendAgainOrRecover(again);
            }
            else if (_cursor.TryReadNext(HasTime) is { } segment)
            {
                if (_keeper.IsGoingBack)
                {
                    KeepForLater(segment); // its segment was just found to be another than the checkpoint says
                    break;
                }

                if (segment.Current is { } batch)
                {
                    if (!_window.Fits(batch, IsStrict))
                    {
                        _resends.Enqueue(batch); // the first of the next window
                        break;
                    }

                    SendOrKeep(segment, batch, segment.CurrentBytes);
                }
                else
                {
                    _keeper.MarkChanged(); // a batch without data was passed
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
            _transport.SendNow();
            _window.Complete();
        }

        return sent || !HasTime();
    }

    private bool HasTime() => _time.GetElapsedTime(_turnBegan) < LongestTurn;

    private bool MayAdd() =>
        !_state.IsRecovering && !_keeper.HasFailed && !_keeper.IsGoingBack && HasTime()
        && _window.HasRoom(IsStrict, isOne: _state.IsProbing || _cursor.PendingCount > MaxPendingSegments, _transport.BrokersAnswer);

    private void KeepForLater(SegmentProgress segment)
    {
        if (segment.Current is { } batch)
        {
            _resends.Enqueue(batch);
        }
    }

    /// <summary>If it cannot be sent now, it is the first to be sent later: it was read, and nothing may pass it.</summary>
    private void SendOrKeep(SegmentProgress segment, OutboundBatch batch, ReadOnlySpan<byte> bytes)
    {
        try
        {
            Send(segment, batch, bytes);
        }
        catch
        {
            _state.Recover(FailurePause);
            throw;
        }
    }

    private void Send(SegmentProgress segment, OutboundBatch batch, ReadOnlySpan<byte> bytes)
    {
        _keeper.Sending(batch.SegmentName, new SentMark(batch.EndPosition, batch.NextOffset, batch.EndRecords));
        if (batch.WasConfirmed && !batch.WasSent)
        {
            _status.AddResent(batch.RecordsCount);
            AddPossibleDuplicates(batch.RecordsCount);
        }

        batch.WasSent = true;
        batch.SettledWhenSent = SettledOf(batch);
        if (_window.IsEmpty)
        {
            _state.AwaitAnswer();
        }

        _window.Add(batch);
        try
        {
            _transport.Send(batch, bytes, Log, OnOutcome);
            _window.Sent(batch);
        }
        catch (CorruptBatchException e)
        {
            _window.Withdraw(batch);
            segment.Account(new(batch.Position, batch.EndPosition, false, e.Message), _book);
            Settle(segment, batch);
        }
        catch
        {
            _window.Withdraw(batch); // it gets no outcome
            throw;
        }
    }

    /// <summary>If it cannot be sent, or accounted for, now: everything that is not settled is looked at again.</summary>
    private void SendAgainOrRecover(OutboundBatch batch)
    {
        try
        {
            SendAgain(batch);
        }
        catch
        {
            _state.Recover(FailurePause);
            throw;
        }
    }

    private void SendAgain(OutboundBatch batch)
    {
        var segment = (SegmentProgress)batch.Origin;
        if (segment.ReadAgain(batch) is not { } bytes)
        {
            AccountForChanged(segment, batch);
            Settle(segment, batch);
            return;
        }

        try
        {
            if (batch.WasSent)
            {
                _status.AddResent(batch.RecordsCount - SettledOf(batch));
            }

            SendOrKeep(segment, batch, bytes.AsSpan(0, (int)batch.Bytes));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private static int SettledOf(OutboundBatch batch) => batch.Settled?.Count(s => s) ?? 0;

    private void AccountForChanged(SegmentProgress segment, OutboundBatch batch)
    {
        var bytes = SegmentHandle.Stat(segment.File).Bytes;
        if (bytes < batch.EndPosition)
        {
            _book.Lost(batch.SegmentName, batch.Position, batch.EndPosition, $"the file was cut to {bytes} bytes before they were shipped");
            return;
        }

        segment.Account(new(batch.Position, batch.EndPosition, false, "the batch has changed since it was read"), _book);
    }

    private void AddPossibleDuplicates(long records)
    {
        _keeper.AddPossibleDuplicates(records);
        _status.PossibleDuplicates = _keeper.PossibleDuplicates;
    }

    private void OnOutcome(BatchOutcome outcome) => _outcomes.Writer.TryWrite(outcome); // unbounded: always true

    private bool TakeOutcomes()
    {
        var any = false;
        while (_outcomes.Reader.TryRead(out var outcome))
        {
            any = true;
            _state.Answered();
            _window.Returned(outcome.Batch);
            var segment = (SegmentProgress)outcome.Batch.Origin;
            if (outcome.Kind == OutcomeKind.Acknowledged)
            {
                Acknowledged(segment, outcome.Batch);
            }
            else
            {
                NotAcknowledgedOrRecover(segment, outcome);
            }
        }

        return any;
    }

    /// <summary>If what happened cannot be dealt with now, the batch is sent, and fails, once more.</summary>
    private void NotAcknowledgedOrRecover(SegmentProgress segment, BatchOutcome outcome)
    {
        try
        {
            NotAcknowledged(segment, outcome);
        }
        catch
        {
            _state.Recover(FailurePause);
            throw;
        }
    }

    private void Acknowledged(SegmentProgress segment, OutboundBatch batch)
    {
        _status.AddShipped(batch.RecordsCount, batch.Bytes);
        _window.Grow(batch.Bytes);
        _refusals.Taken();
        EndTrouble();
        Settle(segment, batch);
    }

    private void EndTrouble()
    {
        if (_state.Acknowledged())
        {
            FeederLog.Recovered(_logger, Log.Component);
        }
    }

    private void Settle(SegmentProgress segment, OutboundBatch batch)
    {
        segment.Settle(batch);
        _keeper.MarkAcknowledged(batch.Bytes);
        _cursor.Confirmed(segment);
    }

    private void NotAcknowledged(SegmentProgress segment, BatchOutcome outcome)
    {
        var batch = outcome.Batch;
        if (outcome.PossiblyPersistedRecords > 0)
        {
            AddPossibleDuplicates(outcome.PossiblyPersistedRecords);
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
            else if (HoldInstead(segment, batch, rejected) is { } reason)
            {
                kind = OutcomeKind.Held;
                outcome = outcome with { Error = reason };
            }
            else
            {
                SetAsideOrKeep(segment, batch, rejected);
                hasProgressed = kind != OutcomeKind.Held;
                if (batch.LeadingSettled == batch.RecordsCount)
                {
                    var shipped = batch.RecordsCount - rejected.Count;
                    _status.AddShipped(shipped, batch.Bytes * shipped / batch.RecordsCount);
                    EndTrouble();
                    Settle(segment, batch);
                    return;
                }
            }
        }

        _cursor.Confirmed(segment); // records at its front may be settled now
        _keeper.MarkChanged();
        if (ShippingState.NeedsProbe(kind))
        {
            _window.Shrink();
        }

        var wait = _state.NotAcknowledged(kind, outcome.Error ?? kind.ToString(), hasProgressed);
        if (_logged.TryTake())
        {
            FeederLog.NotAcknowledged(_logger, Log.Component, kind.ToString(), wait, outcome.Error ?? "");
        }
    }

    /// <summary>Why refused records are not set aside, and the log is held; null: they are set aside.</summary>
    private string? HoldInstead(SegmentProgress segment, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        batch.IsAnyTaken |= SettledOf(batch) > batch.SettledWhenSent; // of the others nothing may be known yet
        if (Log.OnReject == RejectAction.Hold)
        {
            return $"{Words.Count(rejected.Count, "record", "records")} of {batch.SegmentName} from position {batch.Position} refused "
                + $"({rejected[0].Reason}); on_reject: hold";
        }

        if (_book.NoRoomFor(BytesOf(segment, batch, rejected)) is { } noRoom)
        {
            return $"{Words.Count(rejected.Count, "record", "records")} of {batch.SegmentName} from position {batch.Position} refused "
                + $"({rejected[0].Reason}), and {noRoom}";
        }

        var refused = _refusals.Add(batch, rejected, batch.IsAnyTaken);
        return refused is not null ? refused
            : rejected.Any(r => r.Why == RejectionKind.Timestamp) && AheadOfTime(segment, batch, rejected) is { } ahead
                ? $"a record of {batch.SegmentName} at position {batch.Position} is {Words.Age(ahead)} ahead of the clock "
                    + $"({rejected[0].Reason}): it is sent again until the brokers take it"
            : null;
    }

    /// <summary>How far a refused record is ahead of the clock, if it is little enough to wait for; null if none is.</summary>
    private TimeSpan? AheadOfTime(SegmentProgress segment, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var refused = rejected.Where(r => r.Why == RejectionKind.Timestamp).Select(r => r.Index).ToHashSet();
        var now = _time.GetUtcNow().ToUnixTimeMilliseconds();
        TimeSpan? ahead = null;
        Decode(segment, batch, (index, record) =>
        {
            var by = TimeSpan.FromMilliseconds(Math.Max(0, record.Timestamp - now));
            if (refused.Contains(index) && by > TimeSpan.Zero && by <= LongestAhead)
            {
                ahead = by;
            }
        });
        return ahead;
    }

    private void SetAsideOrKeep(SegmentProgress segment, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        try
        {
            SetAside(segment, batch, rejected);
        }
        catch
        {
            _state.Recover(FailurePause); // not safe yet: it is sent, and refused, once more
            throw;
        }
    }

    private void SetAside(SegmentProgress segment, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var reasons = rejected.ToDictionary(r => r.Index, r => r.Reason);
        var refused = _book.Rejected(batch, BytesOf(segment, batch, rejected));
        Decode(segment, batch, (index, record) =>
        {
            if (reasons.TryGetValue(index, out var reason))
            {
                refused.Add(index, record, reason);
            }
        });
        refused.Commit();
        foreach (var index in reasons.Keys)
        {
            batch.Settle(index);
        }
    }

    /// <summary>What these records take in quarantine; those that are there already take nothing more.</summary>
    private static long BytesOf(SegmentProgress segment, OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var refused = rejected.Select(r => r.Index).Where(i => batch.InQuarantine?.Contains(i) is not true).ToHashSet();
        var bytes = 0L;
        Decode(segment, batch, (index, record) => bytes += refused.Contains(index) ? Quarantine.BytesOf(record) : 0);
        return bytes;
    }

    private static void Decode(SegmentProgress segment, OutboundBatch batch, RecordAction action)
    {
        var bytes = segment.ReadAgain(batch)
            ?? throw new IOException($"{batch.SegmentName}: the batch at position {batch.Position} has changed since it was read");
        try
        {
            var records = new RecordBatchDecoder().Decode(bytes.AsSpan(0, (int)batch.Bytes));
            for (var index = 0; records.MoveNext(); index++)
            {
                action(index, records.Current);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void PrepareResends()
    {
        _resends.Clear();
        foreach (var segment in _cursor.Unfinished.Where(s => s.PendingCount > 0))
        {
            foreach (var batch in segment.Pending)
            {
                _resends.Enqueue(batch);
            }
        }

        _state.Recovered();
    }

    /// <summary>Whether everything is on disk. What may arrive twice by sending again is counted before it does.</summary>
    private bool SaveAll()
    {
        MarkIfChanged();
        if (!_keeper.IsClean && !_keeper.IsSaving && !_keeper.HasFailed)
        {
            BeginSave();
        }

        return _keeper.IsClean || _keeper.HasFailed; // after a failure nothing is sent before a save succeeds: MayAdd
    }

    private void MarkIfChanged()
    {
        if (_cursor.HasChanges)
        {
            _keeper.MarkChanged();
        }
    }

    private void BeginSave()
    {
        var (segments, removed) = _cursor.TakeChanges(withFound: !_keeper.HasFailed);
        _keeper.BeginSave(segments, removed);
        TakeSaved();
    }

    private void TakeSaved()
    {
        if (_keeper.TakeSaved() is not { } saved)
        {
            return;
        }

        _state.SaveEnded(saved.Error);
        if (saved.Error is null)
        {
            return;
        }

        _cursor.GiveBackChanges(saved.Change);
        _status.AddCheckpointFailure();
        if (_logged.TryTake())
        {
            FeederLog.CheckpointNotSaved(_logger, Log.Component, saved.Error);
        }
    }

    private void Fail(string error)
    {
        _state.Failed(error);
        if (_faultLogged.TryTake())
        {
            FeederLog.LogFailed(_logger, Log.Component, error);
        }

        _pause = LongPause;
    }

    private void OnReset(SegmentProgress segment, SegmentReset reset)
    {
        _status.AddCheckpointReset();
        if (reset.IsGoingBack)
        {
            _keeper.GoBack(segment.Name.FileName, segment.StartMark);
        }

        _keeper.MarkChanged();
        FeederLog.SegmentReset(_logger, Log.Component, segment.Name.FileName, reset.What);
    }

    private void UpdateStatus(long began, bool now)
    {
        if (!now && _time.GetElapsedTime(_shownAt) < LongPause)
        {
            return;
        }

        _shownAt = _time.GetTimestamp();
        var first = _cursor.FirstWithLag;
        _status.LagBytes = _cursor.LagBytes;
        _status.InFlightBytes = _window.Bytes;
        _status.Segments = _cursor.Count;
        _status.QuarantineBytes = _book.QuarantineBytes;
        _status.OldestUnshipped = first is null ? 0
            : first.OldestTimestamp(_status.Directory) ?? first.Name.Start?.ToUnixTimeMilliseconds() ?? 0;
        _status.Position = first is null ? "" : $"{first.Name}:{first.Acknowledged.Position}";
        (_status.State, _status.Error) = _state.Judge(new ShippingFacts(
            _status.LagBytes, first is not null, !_window.IsEmpty, _transport.BrokersAnswer, _transport.LastError, _absent.Look()));
        _status.LookedAt = began; // last: who reads it first reads a state that is no older
    }
}
