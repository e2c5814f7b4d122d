using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Producing;
using KafkaLog.Wire.Security;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// Sends the stored batches of one log over our own connections. Every record has a sequence that can be counted again from the
/// checkpoint (<see cref="Lane"/>), so after a crash or a failure the leaders are asked what they have, and exactly what they do not
/// have is sent. A record that is there is not sent again, but it counts as acknowledged only when all in-sync replicas have it.
/// <para>
/// After a failure nothing is sent until every batch in flight has its answer. Then all of them are returned as not acknowledged, and
/// the leaders are asked before the next batch. An old request that arrives later does no harm: its sequence is taken by then, or the
/// next one is refused and the leaders are asked again (KIP-98).
/// </para>
/// Thread-safe.
/// </summary>
internal sealed class WireTransport : IBatchTransport
{
    /// <summary>More failures in a row for a wrong sequence are not explained by requests that were under way.</summary>
    private const int MaxSequenceFailures = 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    /// <summary>If the end of a partition still moves after so long, records that its leader has should have been found.</summary>
    private static readonly TimeSpan LongestSearch = TimeSpan.FromMinutes(1);

    private readonly WireGroup _group;
    private readonly string _topic;
    private readonly TimeProvider _time;
    private readonly LeaderQuestions _questions;
    private readonly RecordPartitions _partitions;
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _lock = new();
    private readonly LaneBook _lanes;
    private readonly Outboxes _outboxes;
    private readonly OneByOne _oneByOne;
    private readonly HashSet<SentBatch> _open = [];
    private ResumeFinding? _finding;
    private StoredBatch? _askedFor; // the first batch that waits for the answers
    private Failure? _failure; // until every batch in flight has its answer
    private (OutcomeKind Kind, string Error)? _refusal; // nothing can be asked until somebody repairs it
    private Task? _asking;
    private Task? _making;
    private bool _isAsked;
    private bool _isClosed;
    private int _sequenceFailures;

    /// <param name="group">What the logs of the broker group share.</param>
    /// <param name="log">The settings of the log.</param>
    /// <param name="savedState">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="mayHaveSent">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="time">The clock.</param>
    public WireTransport(WireGroup group, LogOptions log, string savedState, bool mayHaveSent, TimeProvider time)
    {
        _group = group;
        _topic = log.Topic;
        _time = time;
        _questions = new LeaderQuestions(group.Cluster, log.Topic, time);
        _partitions = new RecordPartitions(log.Partitioner, group.StretchBytes);
        _lanes = new LaneBook(savedState, mayHaveSent, _partitions.Word, () => group.Cluster.ClusterId ?? "");
        _outboxes = new Outboxes(group, log.Topic, time, Answered);
        _oneByOne = new OneByOne(group, _partitions, _outboxes);
    }

    public bool KeepsOrder => true;

    public string Description => _group.Description;

    public bool BrokersAnswer => _group.Health.Answers;

    public string? LastError => _group.Health.LastError;

    /// <summary>Why the leaders cannot be asked what they have; null: they can.</summary>
    public string? CannotAsk { get; private set; }

    public bool HasNewState
    {
        get
        {
            lock (_lock)
            {
                return _lanes.HasNewState;
            }
        }
    }

    public bool IsReadyFor(StoredBatch batch)
    {
        lock (_lock)
        {
            if (_refusal is not null)
            {
                return true; // the outcome says why it is not sent
            }

            if (_failure is not null || _finding is not null)
            {
                return false;
            }

            if (!_isAsked)
            {
                _askedFor = batch;
                _asking ??= _group.Begin(AskAsync);
                return false;
            }

            if ((_lanes.Of(batch.FileName) ?? TakeLane(batch)) is not { } lane)
            {
                return false;
            }

            if (lane.RefuseBefore(batch))
            {
                _lanes.Recounted(lane);
            }

            return _lanes.IsSaved(lane);
        }
    }

    public ResumeFinding? TakeFinding()
    {
        lock (_lock)
        {
            var finding = _finding;
            _finding = null;
            return finding;
        }
    }

    public long Send(in SendRequest request, Action<BatchOutcome> onOutcome)
    {
        lock (_lock)
        {
            var sent = new SentBatch(request.Batch, onOutcome);
            if (_failure is not null)
            {
                _open.Add(sent); // ends with the others
                return 0;
            }

            if (_refusal is { } refusal)
            {
                _refusal = null; // asked again by then
                sent.End(new BatchOutcome(refusal.Kind, refusal.Error));
                return 0;
            }

            // A failure may have come and gone since IsReadyFor: then other batches are to be sent before this one.
            if (!_isAsked || _finding is not null || _lanes.Of(request.Batch.FileName) is not { } lane || !_lanes.IsSaved(lane))
            {
                sent.End(new BatchOutcome(OutcomeKind.Retriable, "what the brokers have is asked again"));
                return 0;
            }

            var bytes = Send(lane, sent, request);
            if (!sent.HasEnded)
            {
                _open.Add(sent);
            }

            return 2 * bytes; // as it waits, and as a request
        }
    }

    public void SendNow()
    {
        lock (_lock)
        {
            _outboxes.Flush();
        }
    }

    public void Dropped(StoredBatch batch)
    {
        lock (_lock)
        {
            if (_lanes.Of(batch.FileName) is { } lane && lane.Find(batch) is { } entry && !(_isAsked && lane.TryTakeBack(entry)))
            {
                CannotBeCounted($"a batch of {batch.FileName} cannot be read again");
            }
        }
    }

    public void FileChanged(string fileName)
    {
        lock (_lock)
        {
            if (_lanes.Of(fileName) is not { } lane)
            {
                return;
            }

            lane.AdvanceTo(null, 0); // everything that was read of it is settled
            if (lane.IsAtRest)
            {
                lane.Free();
                return;
            }

            var why = $"{fileName} is not the file that was sent";
            _outboxes.Remove(lane);
            if (_isAsked)
            {
                _lanes.Remove(lane);
                _finding = new ResumeFinding(IsExact: false, why, _finding?.Lost) { Ahead = lane.Ahead };
            }
            else
            {
                _lanes.Doubt(lane, why);
            }
        }
    }

    public void BytesSkipped(string fileName)
    {
        lock (_lock)
        {
            if (_lanes.Of(fileName) is { Ahead: > 0 } or { IsOfEarlierRun: true })
            {
                CannotBeCounted($"{fileName} has damage behind the acknowledged position: what was sent of it cannot be counted");
            }
        }
    }

    public string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished)
    {
        lock (_lock)
        {
            foreach (var ended in _lanes.Advance(afterAcknowledged, finished))
            {
                _outboxes.Remove(ended);
            }

            return _lanes.State(isInDoubt: _finding is { IsExact: false });
        }
    }

    public void StateSaved()
    {
        lock (_lock)
        {
            _lanes.Saved();
        }
    }

    public void Dispose()
    {
        _closed.Cancel();
        lock (_lock)
        {
            _isClosed = true;
            _outboxes.IsStopped = true;
            _outboxes.Clear();
        }
    }

    /// <summary>
    /// The records of a file cannot be counted as they were when they were sent. Everything is returned, and sent with other producer ids.
    /// </summary>
    private void CannotBeCounted(string why)
    {
        _lanes.Doubt(why);
        if (_isAsked && _failure is null)
        {
            Fail(OutcomeKind.Retriable, why, isSequel: false);
        }

        EndFailure();
    }

    /// <summary>
    /// Gives a file a lane. What was sent before from other files is acknowledged first: with another producer id nothing would keep
    /// the order.
    /// </summary>
    /// <returns>Null: not yet.</returns>
    private Lane? TakeLane(StoredBatch batch)
    {
        if (_open.Count > 0 || _making is { IsCompleted: false })
        {
            return null;
        }

        var lane = _lanes.Take(batch, out var needsNew);
        if (needsNew)
        {
            _making = _group.Begin(MakeLaneAsync);
        }

        return lane;
    }

    private async Task MakeLaneAsync()
    {
        try
        {
            var lane = await _questions.NewLaneAsync(_lanes.Topic!, _closed.Token).ConfigureAwait(false);
            lock (_lock)
            {
                _lanes.Add(lane);
                _refusal = null;
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            await PauseAsync(e, isNoBroker: false, FirstPause).ConfigureAwait(false);
        }
    }

    /// <summary>Sends a batch.</summary>
    /// <returns>The memory that its records take until they are acknowledged, in bytes.</returns>
    private long Send(Lane lane, SentBatch sent, in SendRequest request)
    {
        if (request.IsIsolated)
        {
            _oneByOne.Begin(lane, sent, request);
            SendNextRecord(sent);
            return _group.Decoder.RecordsBytes;
        }

        var entry = lane.Find(request.Batch);
        var isWhole = request.Skipped is null && entry is null or { StartRecord: 0, Records: null, IsUnreadable: false };
        long bytes;
        if (isWhole && _partitions.IsOne(lane) && RecordBatchHeader.TryRead(request.Stored, out var header) && header.Magic == 2)
        {
            bytes = SendWhole(lane, sent, request, header, entry);
        }
        else
        {
            SendRecords(lane, sent, request, entry);
            bytes = _group.Decoder.RecordsBytes;
        }

        lane.Find(request.Batch)!.WasSent = true;
        if (sent.OpenPieces == 0)
        {
            sent.End(new BatchOutcome(OutcomeKind.Acknowledged));
        }

        return bytes;
    }

    /// <summary>Sends a batch whose records all go to one partition, without those that the leader has already.</summary>
    private long SendWhole(Lane lane, SentBatch sent, in SendRequest request, in RecordBatchHeader header, LaneEntry? entry)
    {
        var partition = _partitions.OfPlace(lane, request.Batch);
        entry ??= lane.Add(request.Batch, 0, [(partition, request.Batch.RecordsCount)]);
        var outbox = _outboxes.Of(lane, partition);
        var piece = entry.Pieces[0];
        var skip = (int)(Math.Clamp(outbox.Sequence.Present, piece.First, piece.End) - piece.First);
        var bytes = skip < piece.Count ? _outboxes.AddWhole(outbox, request.Stored, header, piece, skip) : 0;
        AwaitIfNeeded(outbox, piece, sent);
        return bytes;
    }

    /// <summary>Sends the records of a batch to the partitions of their keys, without those that the leaders have already.</summary>
    private void SendRecords(Lane lane, SentBatch sent, in SendRequest request, LaneEntry? entry)
    {
        var partitions = _partitions.Of(lane, request.Batch, _group.Decoder.Decode(request.Stored));
        var start = entry?.StartRecord ?? request.LeadingSkipped;
        entry ??= lane.Add(request.Batch, start, RecordPartitions.Counts(partitions.AsSpan(start)));
        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        var records = _group.Decoder.Decode(request.Stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i < start || entry.Records?.Refused[i] is true)
            {
                continue;
            }

            var outbox = _outboxes.Of(lane, partitions[i]);
            var count = next[partitions[i]]++;
            if (count >= outbox.Sequence.Present)
            {
                _outboxes.Add(outbox, records.Current, count);
            }
        }

        foreach (var piece in entry.Pieces)
        {
            AwaitIfNeeded(_outboxes.Of(lane, piece.Partition), piece, sent);
        }
    }

    private static void AwaitIfNeeded(PartitionOutbox outbox, in Piece piece, SentBatch sent)
    {
        if (piece.End > outbox.Sequence.Acknowledged)
        {
            outbox.Await(piece, sent);
        }
    }

    private void SendNextRecord(SentBatch sent)
    {
        var isDone = _oneByOne.SendNext(sent, out var refused);
        if (refused is not null)
        {
            _open.Remove(sent);
            sent.Refusals.AddRange(refused);
            sent.EndNotAcknowledged(OutcomeKind.Rejected, refused[0].Reason);
        }
        else if (isDone)
        {
            _open.Remove(sent);
            sent.End(new BatchOutcome(OutcomeKind.Acknowledged));
        }
    }

    private void Answered(WireBatch batch, AppendResult result)
    {
        lock (_lock)
        {
            _outboxes.Answered(batch, result.Error == KafkaError.None);
            if (result.Error == KafkaError.None)
            {
                _sequenceFailures = 0;
                _group.Health.Acknowledged();
                Acknowledge(batch.Outbox, batch.End, result.BaseOffset + batch.RecordsCount);
                RecordAcknowledged(batch);
                _outboxes.Send(batch.Outbox);
            }
            else
            {
                Refused(batch, result);
            }

            EndFailure();
        }
    }

    private void Acknowledge(PartitionOutbox outbox, long count, long endOffset)
    {
        outbox.Sequence.Acknowledge(count, endOffset);
        while (outbox.TakeAcknowledged() is { } batch)
        {
            if (batch.OpenPieces == 0 && _open.Remove(batch))
            {
                batch.End(new BatchOutcome(OutcomeKind.Acknowledged));
            }
        }
    }

    private void RecordAcknowledged(WireBatch batch)
    {
        if (batch.OneOf is not { Run: { } run } one)
        {
            return;
        }

        run.IsOneInFlight = false;
        run.Records.Acknowledged[batch.Index] = true;
        if (_failure is null)
        {
            SendNextRecord(one);
        }
    }

    private void Refused(WireBatch batch, in AppendResult result)
    {
        var code = (int)result.Error;
        var kind = ProduceErrors.KindOf(code);
        var isSequel = false;
        if (kind == OutcomeKind.Rejected && ProduceErrors.IsOfSize(code) && batch.RecordsCount > 1)
        {
            _outboxes.TooLarge(batch);
            kind = OutcomeKind.Retriable;
        }
        else if (kind == OutcomeKind.Rejected)
        {
            NoteRefusals(batch, result);
        }
        else
        {
            // The code for a broken producer is about the sequence: the leaders are asked what they have.
            isSequel = kind == OutcomeKind.Fatal; // of a failure before, if there was one
            kind = kind is OutcomeKind.Fatal or OutcomeKind.Unknown ? OutcomeKind.Retriable : kind;
            if (result.Error is KafkaError.CorruptMessage or KafkaError.UnknownServerError)
            {
                NoteUnreadable(batch);
            }
        }

        if (result.Lost is { } lost)
        {
            _group.Failed(lost, isNoBroker: false);
        }

        if (_failure is null || (_failure.IsSequel && !isSequel))
        {
            Fail(kind, $"{result.Error}{(result.Message is { Length: > 0 } message ? ": " + message : "")}", isSequel);
        }
    }

    /// <summary>The batches with records that the brokers refused; if the broker names the records, also which.</summary>
    private static void NoteRefusals(WireBatch batch, in AppendResult result)
    {
        var code = (int)result.Error;
        var refusal = new RejectedRecord(batch.Index, result.Error.ToString(), ProduceErrors.WhyRejected(code));
        foreach (var sent in batch.OneOf is { } one ? [one] : batch.Outbox.Between(batch.First, batch.End))
        {
            sent.Refusals.Add(refusal);
            sent.IsRefusedForSize = ProduceErrors.IsOfSize(code);
        }

        foreach (var named in batch.OneOf is null ? result.Refused : [])
        {
            var count = batch.First + named.Index;
            foreach (var sent in batch.Outbox.Between(count, count + 1))
            {
                batch.Outbox.Lane.Find(sent.Batch)?.Named.TryAdd((batch.Partition, count), refusal);
            }
        }
    }

    /// <summary>
    /// The batch is decoded next time, and its records are sent in a new one. If they cannot be read here either, they are damage.
    /// </summary>
    private static void NoteUnreadable(WireBatch batch)
    {
        foreach (var sent in batch.Outbox.Between(batch.First, batch.End))
        {
            if (batch.Outbox.Lane.Find(sent.Batch) is { } entry)
            {
                entry.IsUnreadable = true;
            }
        }
    }

    private void Fail(OutcomeKind kind, string error, bool isSequel)
    {
        _failure = new Failure(kind, error, isSequel);
        _outboxes.IsStopped = true;
    }

    /// <summary>When every batch in flight has its answer, all batches without an outcome are returned.</summary>
    private void EndFailure()
    {
        if (_failure is not { } failure || _outboxes.InFlight > 0)
        {
            return;
        }

        _failure = null;
        _outboxes.IsStopped = _isClosed;
        _outboxes.Clear();
        _isAsked = false;
        _group.Cluster.Forget(_topic); // the leaders may be others
        _sequenceFailures += failure.IsSequel ? 1 : 0;
        if (_sequenceFailures > MaxSequenceFailures)
        {
            _lanes.Doubt($"the leader takes no sequence of this producer: {failure.Error}");
        }

        var open = _open.ToList();
        _open.Clear();
        foreach (var sent in open)
        {
            sent.EndNotAcknowledged(failure.Kind == OutcomeKind.Rejected ? OutcomeKind.Retriable : failure.Kind, failure.Error);
        }
    }

    private async Task AskAsync()
    {
        var pause = FirstPause;
        var isNoBroker = false;
        while (!_closed.IsCancellationRequested)
        {
            try
            {
                isNoBroker = true;
                var topic = await _questions.TopicAsync(_closed.Token).ConfigureAwait(false);
                isNoBroker = false;
                var found = await _questions.AskAsync(QuestionsFor(topic), _closed.Token).ConfigureAwait(false);
                Found(found);
                return;
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (BrokerTooOldException e) when (!isNoBroker)
            {
                Found(new LeaderAnswers([], e.Message)); // it does not tell what it has
                return;
            }
            catch (Exception e)
            {
                await PauseAsync(e, isNoBroker, pause).ConfigureAwait(false);
                pause = pause < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    private List<LaneQuestion> QuestionsFor(TopicMetadata topic)
    {
        lock (_lock)
        {
            foreach (var lane in _lanes.Found(topic))
            {
                _outboxes.Remove(lane);
            }

            var now = _time.GetUtcNow();
            return _lanes.Questions(
                (lane, partition) => _outboxes.Of(lane, partition).MayBeForgotten(now),
                lane => lane.FileName != _askedFor!.FileName || PartitionOutbox.IsOld(_askedFor.BaseTimestamp, now));
        }
    }

    private void Found(LeaderAnswers found)
    {
        lock (_lock)
        {
            var present = 0L;
            foreach (var answer in found.Partitions.Where(a => _lanes.Lanes.Contains(a.Lane)))
            {
                var outbox = _outboxes.Of(answer.Lane, answer.Partition);
                var before = outbox.Sequence.Acknowledged;
                outbox.Sequence.Acknowledge(answer.Acknowledged, answer.EndOffset);
                outbox.Sequence.LeaderHas(answer.Present);
                outbox.LeaderSaid(answer.LastTimestamp);
                present += outbox.Sequence.Present - before;
            }

            CannotAsk = found.Doubt;
            _finding = _lanes.Conclude(found, present, _askedFor!.FileName, out var unused);
            foreach (var lane in unused)
            {
                _outboxes.Remove(lane);
            }

            _sequenceFailures = _finding.IsExact ? _sequenceFailures : 0;
            _refusal = null;
            _asking = null;
            _isAsked = true;
            ConfirmWhatIsPresent();
        }
    }

    private void ConfirmWhatIsPresent()
    {
        foreach (var lane in _lanes.Lanes)
        {
            for (var partition = 0; partition < lane.Partitions.Count; partition++)
            {
                var outbox = _outboxes.Of(lane, partition);
                if (outbox.Sequence.Present > outbox.Sequence.Acknowledged && !outbox.IsConfirming)
                {
                    outbox.IsConfirming = true;
                    _ = ConfirmAsync(outbox);
                }
            }
        }
    }

    /// <summary>
    /// Waits until all in-sync replicas have what the leader of a partition has. A later batch that is acknowledged shows it as well. If
    /// there is a new leader that does not have it, it is sent again.
    /// </summary>
    private async Task ConfirmAsync(PartitionOutbox outbox)
    {
        var pause = FirstPause;
        var began = _time.GetTimestamp();
        long? endThen = null; // the end of the partition after a long search
        try
        {
            while (true)
            {
                long present;
                var tail = await _questions.ReadTailAsync(outbox.Lane, outbox.Partition, _closed.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    if (!_outboxes.Has(outbox) || !_isAsked)
                    {
                        outbox.IsConfirming = false;
                        return;
                    }

                    if (tail.LastSequence is { } last)
                    {
                        Acknowledge(outbox, PartitionSequence.CountAfter(last, outbox.Sequence.Acknowledged), tail.EndOffset);
                        _outboxes.Send(outbox);
                    }

                    if (outbox.Sequence.Acknowledged >= outbox.Sequence.Present)
                    {
                        outbox.IsConfirming = false;
                        _open.Where(s => s.Run is not null).ToList().ForEach(SendNextRecord);
                        return;
                    }

                    present = outbox.Sequence.Present;
                    if (tail.HighWatermark < outbox.Sequence.EndOffset)
                    {
                        outbox.Sequence.CutTo(tail.HighWatermark);
                    }
                    else if (tail.LastSequence is null && (tail.IsCutAtStart || tail.HighWatermark > endThen))
                    {
                        _lanes.Doubt($"the leader of partition {outbox.Partition} of {_topic} has records that cannot be found there");
                        NotConfirmed(outbox, "what the leader has is not found at the end of its partition");
                        return;
                    }
                }

                if (_time.GetElapsedTime(began) > LongestSearch)
                {
                    endThen ??= tail.HighWatermark;
                }

                if (!await _questions.HasAsync(outbox.Lane, outbox.Partition, present, _closed.Token).ConfigureAwait(false))
                {
                    NotConfirmed(outbox, $"the next leader of partition {outbox.Partition} of {_topic} has less than the one before");
                    return;
                }

                await Task.Delay(pause, _time, _closed.Token).ConfigureAwait(false);
                pause = pause < LongestPause ? pause * 2 : LongestPause;
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            _group.Failed(e, isNoBroker: false);
            NotConfirmed(outbox, e.Message);
        }
    }

    /// <summary>What was sent is not certain any more: it is returned, and the leaders are asked again.</summary>
    private void NotConfirmed(PartitionOutbox outbox, string error)
    {
        lock (_lock)
        {
            outbox.IsConfirming = false;
            if (_failure is null)
            {
                Fail(OutcomeKind.Retriable, error, isSequel: false);
            }

            EndFailure();
        }
    }

    /// <summary>Nothing can be asked now. If somebody must repair something, the batches are returned with the reason.</summary>
    private async Task PauseAsync(Exception e, bool isNoBroker, TimeSpan pause)
    {
        _group.Cluster.Forget(_topic); // a leader that cannot be reached may be one no longer
        lock (_lock)
        {
            if (e is BrokerTooOldException)
            {
                CannotAsk = e.Message;
                _refusal = (OutcomeKind.Held, e.Message);
            }
            else if (e is KafkaErrorException { Error: var error })
            {
                _refusal = (ProduceErrors.KindOf((int)error) == OutcomeKind.Held ? OutcomeKind.Held : OutcomeKind.Retriable, e.Message);
            }
            else
            {
                _refusal = isNoBroker ? null : (OutcomeKind.Retriable, e.Message);
                _group.Failed(e, isNoBroker);
            }
        }

        await Task.Delay(pause, _time, _closed.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>What went wrong.</summary>
    /// <param name="Kind">What to do next.</param>
    /// <param name="Error">Kafka's error and text.</param>
    /// <param name="IsSequel">True if it follows from another failure, whose reason is the better one.</param>
    private sealed record Failure(OutcomeKind Kind, string Error, bool IsSequel);
}
