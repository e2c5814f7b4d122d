using System.Buffers;
using System.Threading.Channels;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Units;
using KafkaLog.Format;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Ships one log: reads its segments in order, sends batches, handles their outcomes and saves the checkpoint. Everything here runs
/// on one loop. Only outcomes come from other threads, through a channel.
/// <para>
/// After a batch that was not acknowledged, nothing new is sent until all batches in flight have had their outcome. Then all batches
/// that are not settled are read again from disk and sent again, in order.
/// </para>
/// </summary>
internal sealed class Shipper : IDisposable
{
    /// <summary>No more files are opened while more than this many are read to their end and wait for acknowledgements.</summary>
    private const int MaxAwaitingFiles = 64;

    private static readonly TimeSpan ShortPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan FailurePause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestTurn = TimeSpan.FromMilliseconds(200);

    private readonly ShipperOptions _options;
    private readonly IBatchTransport _transport;
    private readonly CheckpointKeeper _keeper;
    private readonly LossRecorder _recorder;
    private readonly LogStatus _status;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly IBatchSource _source;
    private readonly AbsentSegments _absent;
    private readonly SendWindow _window;
    private readonly InFlightBudget _budget;
    private readonly ShippingState _state;
    private readonly RepeatLimit _logged;
    private readonly RepeatLimit _faultLogged;
    private readonly RepeatLimit _foundLogged;
    private readonly RefusedRecords _refused;
    private readonly Queue<PendingBatch> _resends = new();
    private readonly Channel<(PendingBatch Batch, BatchOutcome Outcome)> _outcomes =
        Channel.CreateUnbounded<(PendingBatch, BatchOutcome)>(new UnboundedChannelOptions { SingleReader = true });

    private bool _isUncertaintyLogged;
    private ResumeFinding? _found; // until it is recorded
    private string _lastFound = "";
    private TimeSpan _pause = ShortPause;
    private long _shownAt;
    private long _turnBegan;

    public Shipper(
        ShipperOptions options, IBatchTransport transport, InFlightBudget budget, CheckpointKeeper keeper, OpenSource openSource,
        LossRecorder recorder, LogStatus status, ILogger logger, TimeProvider time)
    {
        _options = options;
        _transport = transport;
        _budget = budget;
        _window = new SendWindow(options.MaxInFlightBytes, budget.Join(status.Options.Broker));
        _keeper = keeper;
        _recorder = recorder;
        _status = status;
        _status.PossibleDuplicates = keeper.PossibleDuplicates;
        _status.Transport = transport.Description;
        _logger = logger;
        _time = time;
        _state = new ShippingState(time);
        _logged = new RepeatLimit(time);
        _faultLogged = new RepeatLimit(time);
        _foundLogged = new RepeatLimit(time);
        _source = openSource(OnReset);
        _source.OnSkipped = _transport.BytesSkipped;
        _absent = new AbsentSegments(_source, status, logger, time);
        _refused = new RefusedRecords(_source, recorder, time);
    }

    /// <summary>The current settings: those that apply per batch may change while the shipper runs.</summary>
    private LogOptions Log => _status.Options;

    /// <summary>True if one window is sent at a time: see <see cref="SendWindow"/>.</summary>
    private bool IsStrict => Log.StrictOrder ?? !_transport.KeepsOrder;

    /// <summary>
    /// True if new segments, or a state that the transport waits for, may be saved now. Segments are saved at once, a limited number
    /// per save.
    /// </summary>
    private bool MaySaveNow => (_source.HasFound || _transport.HasNewState) && !_keeper.IsSaving && !_keeper.HasFailed;

    /// <summary>With many logs, an idle log polls less often. A log that waits for brokers or the disk does not.</summary>
    private TimeSpan LongestPause =>
        (_source.HasFound || _transport.HasNewState) && !_keeper.HasFailed ? ShortPause
        : _window.IsEmpty && _resends.Count == 0 && !_state.IsRecovering && _keeper.IsClean && _state.Fault is null
            ? QuietPause.LongestFor(_budget.Logs)
        : LongPause;

    /// <summary>Ships until it is stopped. Then, or when it fails, waits for acknowledgements, saves and returns.</summary>
    public async Task RunAsync(LoopProgress progress, CancellationToken stopping)
    {
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                progress.MadeProgress();
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
            // Also after a failure: records that were acknowledged meanwhile must not be sent again by the next attempt.
            await WindDownAsync(progress).ConfigureAwait(false);
        }

        UpdateStatus(_time.GetTimestamp(), now: true);
        _status.Stopped();
    }

    /// <summary>Waits for outcomes or until the pause is over. If nothing is in flight, only for the pause, which is cheaper.</summary>
    private Task RestAsync(CancellationToken stopping) => _window.IsEmpty
        ? Pause.ForAsync(QuietPause.OnGrid(_pause, _time.GetElapsedTime(0)), _time, stopping)
        : Pause.ForAsync(_outcomes.Reader, _pause, _time, stopping);

    /// <summary>One turn: outcomes, resends, new batches, the checkpoint. True if there may be more to do right now.</summary>
    public bool RunOnce()
    {
        var isBusy = false;
        var began = _turnBegan = _time.GetTimestamp();
        try
        {
            TakeSaved();
            isBusy = TakeOutcomes();
            var fault = Refresh();
            _turnBegan = _time.GetTimestamp(); // listing a large directory may take long; that must not prevent sending
            if (_state.IsRecoveryDue && _window.IsEmpty && SaveAll())
            {
                PrepareResends();
            }

            TakeFinding();
            if (!_state.IsRecovering)
            {
                isBusy |= SendWhatFits();
                isBusy |= _source.TakeSearching();
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
        _source.DropBuffers();
        MarkIfChanged();
        if (_keeper.IsDue(_options.CheckpointInterval, _options.MaxInFlightBytes) || MaySaveNow)
        {
            BeginSave();
        }

        UpdateStatus(began, now: !isBusy);
        return isBusy;
    }

    /// <summary>Checks for new and removed files. If that fails, open files are shipped all the same.</summary>
    /// <returns>The error; null: none.</returns>
    private string? Refresh()
    {
        try
        {
            _source.Refresh();
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
        _source.Dispose();
        _keeper.Dispose();
        _recorder.Dispose();
    }

    private void LogUncertain()
    {
        if (!_isUncertaintyLogged && _source.Uncertain is { } file)
        {
            _isUncertaintyLogged = true;
            FeederLog.WriterUnknown(_logger, Log.Component, file.FileName, file.FinalAt);
        }
    }

    private async Task WindDownAsync(LoopProgress progress)
    {
        var began = _time.GetTimestamp();
        var isSound = TakeLastOutcomes();
        while (isSound && !_window.IsEmpty && _time.GetElapsedTime(began) < _options.DrainTimeout)
        {
            progress.MadeProgress();
            await Pause.ForAsync(_outcomes.Reader, LongPause, _time, CancellationToken.None).ConfigureAwait(false);
            isSound = TakeLastOutcomes();
        }

        await _keeper.WhenSavedAsync().ConfigureAwait(false);
        TakeSaved();
        MarkIfChanged();
        while (!_keeper.IsClean || (_source.HasFound && _time.GetElapsedTime(began) < _options.DrainTimeout))
        {
            progress.MadeProgress();
            BeginSave();
            await _keeper.WhenSavedAsync().ConfigureAwait(false);
            TakeSaved();
            if (_keeper.HasFailed)
            {
                break;
            }
        }
    }

    /// <summary>While stopping: records that cannot be set aside stay unsettled, and everything else is saved.</summary>
    /// <returns>False if outcomes can no longer be handled.</returns>
    private bool TakeLastOutcomes()
    {
        try
        {
            TakeOutcomes();
            return true;
        }
        catch (Exception e)
        {
            // Whatever the error is: everything that was settled before is saved.
            Fail(e.Message);
            return e is IOException or UnauthorizedAccessException;
        }
    }

    private bool SendWhatFits()
    {
        var sent = false;
        try
        {
            while (MayAdd() && TrySendNext())
            {
                sent = true;
            }
        }
        finally
        {
            if (sent)
            {
                _transport.SendNow(); // also after a failure: what was given to the transport may wait there for more
                _window.Complete();
            }
        }

        return sent || !HasTime();
    }

    /// <summary>Sends one more batch. False if there is none, or it must wait.</summary>
    private bool TrySendNext()
    {
        if (_resends.TryPeek(out var again))
        {
            if (!_window.Fits(again, IsStrict) || !_transport.IsReadyFor(again.Stored))
            {
                return false;
            }

            _resends.Dequeue();
            SendAgainOrRecover(again);
            return true;
        }

        if (_source.TryReadNext(HasTime, out var bytes) is not { } batch)
        {
            return false;
        }

        // If the batch does not fit, it is the first of the next window. If its file was just found to differ from the
        // checkpoint, a new checkpoint must be saved before it is sent.
        if (_keeper.MustSave || !_window.Fits(batch, IsStrict) || !_transport.IsReadyFor(batch.Stored))
        {
            _resends.Enqueue(batch);
            return false;
        }

        SendOrKeep(batch, bytes);
        return true;
    }

    private bool HasTime() => _time.GetElapsedTime(_turnBegan) < LongestTurn;

    private bool MayAdd() =>
        !_state.IsRecovering && !_keeper.HasFailed && !_keeper.MustSave && HasTime()
        && _window.HasRoom(IsStrict, isOne: _state.IsProbing || _source.AwaitingCount > MaxAwaitingFiles, _transport.BrokersAnswer);

    /// <summary>If sending fails, the batch is sent again later before any other: no later batch may overtake it.</summary>
    private void SendOrKeep(PendingBatch batch, ReadOnlySpan<byte> bytes)
    {
        try
        {
            Send(batch, bytes);
        }
        catch
        {
            _state.Recover(FailurePause);
            throw;
        }
    }

    private void Send(PendingBatch batch, ReadOnlySpan<byte> bytes)
    {
        var stored = batch.Stored;
        _keeper.Sending(stored.FileName, new SentMark(stored.EndPosition, stored.NextOffset, stored.EndRecords));
        if (batch is { MayHaveBeenSent: true, WasSent: false })
        {
            _status.AddResent(stored.RecordsCount);
            AddPossibleDuplicates(stored.RecordsCount);
        }

        batch.Sending();
        if (_window.IsEmpty)
        {
            _state.AwaitAnswer();
        }

        _window.Add(batch);
        try
        {
            var request = new SendRequest(stored, bytes, Log) { Skipped = batch.Settled, IsIsolated = batch.IsIsolated };
            var cost = _transport.Send(request, outcome => _outcomes.Writer.TryWrite((batch, outcome))); // unbounded: always true
            _window.Sent(batch, cost);
        }
        catch (CorruptBatchException e)
        {
            _window.Withdraw(batch);
            _source.RecordDamaged(batch, e.Message);
            _transport.Dropped(batch.Stored);
            Settle(batch);
        }
        catch
        {
            _window.Withdraw(batch); // there is no outcome after an exception
            throw;
        }
    }

    /// <summary>If the batch can be neither sent nor recorded as lost, all batches that are not settled are sent again later.</summary>
    private void SendAgainOrRecover(PendingBatch batch)
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

    private void SendAgain(PendingBatch batch)
    {
        if (_source.ReadAgain(batch) is not { } bytes)
        {
            _source.RecordChanged(batch);
            _transport.Dropped(batch.Stored);
            Settle(batch);
            return;
        }

        try
        {
            if (batch.WasSent)
            {
                _status.AddResent(batch.Stored.RecordsCount - batch.SettledCount);
            }

            SendOrKeep(batch, bytes.AsSpan(0, (int)batch.Stored.Bytes));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void AddPossibleDuplicates(long records)
    {
        _keeper.AddPossibleDuplicates(records);
        _status.PossibleDuplicates = _keeper.PossibleDuplicates;
    }

    private bool TakeOutcomes()
    {
        var any = false;
        while (_outcomes.Reader.TryRead(out var returned))
        {
            any = true;
            var (batch, outcome) = returned;
            _state.Answered();
            _window.Returned(batch);
            if (outcome.Kind == OutcomeKind.Acknowledged)
            {
                Acknowledged(batch);
            }
            else
            {
                batch.Returned(outcome);
                NotAcknowledgedOrRecover(batch, outcome);
            }
        }

        return any;
    }

    /// <summary>If the outcome cannot be handled now, the batch is sent again, and its next outcome is handled.</summary>
    private void NotAcknowledgedOrRecover(PendingBatch batch, BatchOutcome outcome)
    {
        try
        {
            NotAcknowledged(batch, outcome);
        }
        catch
        {
            _state.Recover(FailurePause);
            throw;
        }
    }

    private void Acknowledged(PendingBatch batch)
    {
        AddShipped(batch);
        _window.Grow(batch.Stored.Bytes);
        _refused.Taken();
        EndTrouble();
        Settle(batch);
    }

    private void EndTrouble()
    {
        if (_state.Acknowledged())
        {
            FeederLog.Recovered(_logger, Log.Component);
        }
    }

    private void Settle(PendingBatch batch)
    {
        _keeper.MarkAcknowledged(batch.Stored.Bytes);
        _source.Settle(batch);
    }

    private void NotAcknowledged(PendingBatch batch, BatchOutcome outcome)
    {
        if (outcome.PossiblyPersistedRecords > 0)
        {
            AddPossibleDuplicates(outcome.PossiblyPersistedRecords);
        }

        var (kind, error) = (outcome.Kind, outcome.Error ?? outcome.Kind.ToString());
        var hasProgressed = false;
        if (outcome.Rejected is { Count: > 0 } rejected)
        {
            if (!batch.IsIsolated)
            {
                batch.IsIsolated = true; // one bad record fails the whole request: find out which one
                kind = OutcomeKind.Retriable;
                hasProgressed = true;
            }
            else if (_refused.HoldsFor(batch, rejected, Log.OnReject, out var reason))
            {
                kind = OutcomeKind.Held;
                error = reason;
            }
            else
            {
                _refused.SetAside(batch, rejected);
                hasProgressed = kind != OutcomeKind.Held;
                if (batch.LeadingSettled == batch.Stored.RecordsCount)
                {
                    AddShipped(batch);
                    EndTrouble();
                    Settle(batch);
                    return;
                }
            }
        }

        _source.Progressed(batch); // records at its front may be settled now
        _keeper.MarkChanged();
        if (ShippingState.NeedsProbe(kind))
        {
            _window.Shrink();
        }

        var wait = _state.NotAcknowledged(kind, error, hasProgressed);
        if (_logged.TryTake())
        {
            FeederLog.NotAcknowledged(_logger, Log.Component, kind.InWords(), DurationText.Format(wait), error);
        }
    }

    /// <summary>Counts the records of a settled batch that were not set aside as shipped.</summary>
    private void AddShipped(PendingBatch batch)
    {
        var stored = batch.Stored;
        var shipped = stored.RecordsCount - batch.SetAsideCount;
        _status.AddShipped(shipped, stored.Bytes * shipped / stored.RecordsCount);
    }

    /// <summary>If records may be sent twice, that is saved before they are.</summary>
    private void TakeFinding()
    {
        if ((_found ??= _transport.TakeFinding()) is not { } finding)
        {
            return;
        }

        if (finding.Lost is { } lost)
        {
            _recorder.LostByBrokers(lost.FileName, lost.Records);
        }

        var isLogged = finding.IsNews && (finding.How != _lastFound || _foundLogged.TryTake()); // the same only from time to time
        _lastFound = finding.How;
        _keeper.Resolve(finding.IsExact, finding.How, isLogged, _logger);
        if (!finding.IsExact)
        {
            var sentAgain = _source.Pending.Where(b => b.WasSent).Sum(b => (long)b.Stored.RecordsCount - b.SettledCount);
            _keeper.AddPossibleDuplicates(sentAgain + finding.Ahead);
        }

        _status.PossibleDuplicates = _keeper.PossibleDuplicates;
        _status.Transport = _transport.Description; // which may be another one, if the brokers do not tell what they have
        _found = null;
    }

    private void PrepareResends()
    {
        _resends.Clear();
        foreach (var batch in _source.Pending)
        {
            _resends.Enqueue(batch);
        }

        _state.Recovered();
    }

    /// <summary>True if everything is on disk. Possible duplicates are saved before the records are sent again.</summary>
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
        if (_source.HasChanges)
        {
            _keeper.MarkChanged();
        }
    }

    private void BeginSave()
    {
        var change = _source.TakeChanges(withFound: !_keeper.HasFailed);
        try
        {
            var finished = change.Segments.Where(s => s.IsDone).Select(s => s.Name).ToList();
            var state = _transport.StateAt(_source.AfterAcknowledged, finished);
            change = change with { TransportState = _found is null ? state : "" }; // what is not recorded yet must not be forgotten
        }
        catch
        {
            _source.GiveBackChanges(change);
            throw;
        }

        _keeper.BeginSave(change);
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
            _transport.StateSaved();
            return;
        }

        _source.GiveBackChanges(saved.Change);
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

    private void OnReset(FileReset reset)
    {
        _status.AddCheckpointReset();
        _transport.FileChanged(reset.FileName);
        if (reset.IsGoingBack)
        {
            _keeper.GoBack(reset.FileName, reset.Start);
        }

        _keeper.MarkChanged();
        FeederLog.SegmentReset(_logger, Log.Component, reset.FileName, reset.What);
    }

    private void UpdateStatus(long began, bool now)
    {
        if (!now && _time.GetElapsedTime(_shownAt) < LongPause)
        {
            return;
        }

        _shownAt = _time.GetTimestamp();
        var first = _source.FirstUnshipped;
        _status.LagBytes = _source.LagBytes;
        _status.InFlightBytes = _window.Bytes;
        _status.Segments = _source.Count;
        _status.QuarantineBytes = _recorder.QuarantineBytes;
        _status.OldestUnshipped = first?.Timestamp ?? 0;
        _status.Position = first?.Place ?? "";
        var (state, error) = _state.Judge(new ShippingFacts(
            _status.LagBytes, first is not null, !_window.IsEmpty, _transport.BrokersAnswer, _transport.LastError, _absent.Update()));
        _status.Became(state, error);
        _status.LookedAt = began; // set last: a reader that reads it first gets a state that is at least as new
    }
}
