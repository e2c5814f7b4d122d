using System.Buffers;
using KafkaFeeder.Daemon.Options;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Partitioning;
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
    private const int MaxLanes = 16;

    /// <summary>Smaller batches are gathered at once; larger ones go as they are, unless they have to wait.</summary>
    private const int SmallBytes = 16 << 10;

    private const int CodecBits = 0x07; // of the attributes of a batch; the others are set by brokers only

    /// <summary>More failures in a row for a wrong sequence are not explained by requests that were under way.</summary>
    private const int MaxSequenceFailures = 10;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    private readonly WireGroup _group;
    private readonly LogOptions _log;
    private readonly bool _mayHaveSent;
    private readonly TimeProvider _time;
    private readonly LeaderQuestions _questions;
    private readonly CancellationTokenSource _closed = new();
    private readonly Lock _lock = new();
    private readonly List<Lane> _lanes = [];
    private readonly List<Lane> _former = []; // of a topic that was deleted, until it is known that they sent nothing to the next one
    private readonly Dictionary<(Lane Lane, int Partition), PartitionOutbox> _outboxes = [];
    private readonly HashSet<SentBatch> _open = [];
    private readonly PlacePartition _place;
    private LaneState? _saved; // until it is compared with the cluster
    private TopicMetadata? _topic;
    private ResumeFinding? _finding;
    private string? _doubt; // why it is not known what the brokers have
    private string? _note; // what else there is to say of the next finding
    private StoredBatch? _askedFor; // the first batch that waits for the answers
    private Failure? _failure; // until every batch in flight has its answer
    private (OutcomeKind Kind, string Error)? _refusal; // nothing can be asked until somebody repairs it
    private Task? _asking;
    private Task? _making;
    private bool _isAsked;
    private int _inFlight;
    private int _sequenceFailures;
    private int _batchLimit;
    private long _stateNumber;
    private long _returnedState;
    private long _savedState;

    /// <param name="group">What the logs of the broker group share.</param>
    /// <param name="log">The settings of the log.</param>
    /// <param name="savedState">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="mayHaveSent">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="time">The clock.</param>
    public WireTransport(WireGroup group, LogOptions log, string savedState, bool mayHaveSent, TimeProvider time)
    {
        _group = group;
        _log = log;
        _time = time;
        _batchLimit = group.BatchBytes;
        _place = new PlacePartition(group.StretchBytes);
        _mayHaveSent = mayHaveSent;
        _questions = new LeaderQuestions(group.Cluster, log.Topic, time);
        if (LaneState.TryParse(savedState, out _saved))
        {
            _lanes.AddRange(_saved.Lanes);
        }
        else if (mayHaveSent)
        {
            _doubt = "nothing is known of how the last run sent";
        }
    }

    public bool KeepsOrder => true;

    public string Description => _group.Description;

    public bool BrokersAnswer => _group.Health.Answers;

    public string? LastError => _group.Health.LastError;

    /// <summary>Why the leaders cannot be asked what they have, before anything is sent; null: they can.</summary>
    public string? CannotAsk { get; private set; }

    public bool HasNewState
    {
        get
        {
            lock (_lock)
            {
                return _stateNumber > _savedState;
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

            if ((LaneOf(batch.FileName) ?? TakeLane(batch)) is not { } lane)
            {
                return false;
            }

            if (lane.RefuseBefore(batch))
            {
                lane.TakenAt = ++_stateNumber; // what follows is counted differently
            }

            return lane.TakenAt <= _savedState;
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
            if (_refusal is { } refusal && _failure is null)
            {
                _refusal = null; // asked again by then
                sent.End(new BatchOutcome(refusal.Kind, refusal.Error));
                return 0;
            }

            if (_failure is not null)
            {
                _open.Add(sent); // ends with the others
                return 0;
            }

            var lane = LaneOf(request.Batch.FileName)!;
            if (request.IsIsolated)
            {
                SendOneByOne(lane, sent, request);
            }
            else
            {
                Send(lane, sent, request);
            }

            if (sent.OpenPieces == 0 && sent.Run is null)
            {
                sent.End(new BatchOutcome(OutcomeKind.Acknowledged));
            }
            else if (!sent.HasEnded)
            {
                _open.Add(sent);
            }

            return 2L * request.Stored.Length; // as it is gathered, and as a request
        }
    }

    public void SendNow()
    {
        lock (_lock)
        {
            foreach (var outbox in _outboxes.Values)
            {
                Flush(outbox);
            }
        }
    }

    public void Dropped(StoredBatch batch)
    {
        lock (_lock)
        {
            if (LaneOf(batch.FileName) is { } lane && lane.Find(batch) is { } entry)
            {
                lane.Drop(entry);
                lane.TakenAt = ++_stateNumber; // what follows is counted differently
            }
        }
    }

    public void FileChanged(string fileName)
    {
        lock (_lock)
        {
            if (LaneOf(fileName) is not { } lane)
            {
                return;
            }

            lane.AdvanceTo(null, 0); // everything that was read of it is settled
            if (lane.IsAtRest)
            {
                lane.Free();
            }
            else
            {
                Abandon(lane, $"{fileName} is not the file that was sent");
            }
        }
    }

    public string StateAt(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished)
    {
        lock (_lock)
        {
            var first = new Dictionary<string, BatchPlace>(StringComparer.Ordinal);
            foreach (var place in afterAcknowledged)
            {
                first.TryAdd(place.Batch.FileName, place);
            }

            foreach (var lane in _lanes.Where(l => l.FileName is not null).ToList())
            {
                if (first.TryGetValue(lane.FileName!, out var place))
                {
                    lane.AdvanceTo(place.Batch, place.LeadingSettled);
                }
                else
                {
                    lane.AdvanceTo(null, 0);
                    if (finished.Contains(lane.FileName!))
                    {
                        Finish(lane);
                    }
                }
            }

            if (_doubt is not null || _former.Count > 0 || _finding is { IsExact: false })
            {
                return ""; // the next run must not take what is left for all that was sent
            }

            _returnedState = _stateNumber;
            return _topic is { } topic ? new LaneState(_group.Cluster.ClusterId ?? "", topic.Id, topic.Name, _lanes).ToString()
                : _saved?.ToString() ?? "";
        }
    }

    public void StateSaved()
    {
        lock (_lock)
        {
            _savedState = _returnedState;
        }
    }

    public void Dispose()
    {
        _closed.Cancel();
        lock (_lock)
        {
            _failure ??= new Failure(OutcomeKind.Retriable, "the log is not shipped any more", IsSequel: false); // nothing more is sent
            foreach (var outbox in _outboxes.Values)
            {
                Discard(outbox);
            }
        }
    }

    private Lane? LaneOf(string fileName) => _lanes.Find(l => l.FileName == fileName);

    // ---- lanes ----

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

        var partitions = _topic!.Partitions.Count;
        var free = _lanes.Where(l => l.IsAtRest && l.Partitions.Count == partitions).ToList();
        var lane = free.Find(l => l.FileName is null) ?? (_lanes.Count < MaxLanes ? null : free.MinBy(l => l.TakenAt));
        if (lane is null)
        {
            _lanes.RemoveAll(l => l.IsAtRest && l.FileName is null && l.Partitions.Count != partitions);
            _making = _lanes.Count <= MaxLanes ? _group.Begin(MakeLaneAsync) : null;
            return null;
        }

        lane.Free();
        var identity = batch.FileIdentity.Length > 0 ? batch.FileIdentity : batch.FileName;
        lane.Take(batch.FileName, PlacePartition.SeedOf(identity), batch.Position, 0);
        lane.TakenAt = ++_stateNumber;
        return lane;
    }

    private async Task MakeLaneAsync()
    {
        try
        {
            var lane = await _questions.NewLaneAsync(_topic!, _closed.Token).ConfigureAwait(false);
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

    /// <summary>A file is done. If the leaders have more than is in it, the producer id cannot go on.</summary>
    private void Finish(Lane lane)
    {
        if (lane.IsAtRest)
        {
            lane.Free();
        }
        else
        {
            Remove(lane);
        }
    }

    /// <summary>Nothing more is sent with a producer id.</summary>
    private void Remove(Lane lane)
    {
        _lanes.Remove(lane);
        foreach (var (_, outbox) in _outboxes.Where(o => o.Key.Lane == lane).ToList())
        {
            _outboxes.Remove((lane, outbox.Partition));
            Discard(outbox);
            outbox.Clear();
        }
    }

    /// <summary>Nothing more is sent with a producer id: its records that are not settled may be sent twice.</summary>
    private void Abandon(Lane lane, string why)
    {
        Remove(lane);
        if (_isAsked)
        {
            _finding = new ResumeFinding(IsExact: false, why);
        }
        else
        {
            _doubt ??= why;
        }
    }

    // ---- sending ----

    private void Send(Lane lane, SentBatch sent, in SendRequest request)
    {
        var batch = request.Batch;
        var header = RecordBatchHeader.TryRead(request.Stored, out var read) ? read : default;
        var isOnePartition = lane.Partitions.Count == 1 || (header.Magic == 2 && _log.Partitioner == PartitionerKind.Random);
        var entry = lane.Find(batch);
        if (isOnePartition && header.Magic == 2 && request.Skipped is null && entry is null or { StartRecord: 0, Records: null })
        {
            var partition = PlaceOf(lane, batch);
            entry ??= lane.Add(batch, 0, [(partition, batch.RecordsCount)]);
            var outbox = OutboxOf(lane, partition);
            var piece = entry.Pieces[0];
            var skip = SkippedOf(outbox, piece);
            if (skip < piece.Count)
            {
                AddWhole(outbox, request.Stored, header, piece, skip);
            }

            AwaitIfNeeded(outbox, piece, sent);
            return;
        }

        SendRecords(lane, sent, request, entry);
    }

    /// <summary>How many records at the front of a piece the leader has already.</summary>
    private static int SkippedOf(PartitionOutbox outbox, in Piece piece) =>
        (int)(Math.Clamp(outbox.Sequence.Present, piece.First, piece.End) - piece.First);

    private static void AwaitIfNeeded(PartitionOutbox outbox, in Piece piece, SentBatch sent)
    {
        if (piece.End > outbox.Sequence.Acknowledged)
        {
            outbox.Await(piece, sent);
        }
    }

    /// <summary>Adds a stored batch whose records all go to one partition.</summary>
    private void AddWhole(PartitionOutbox outbox, ReadOnlySpan<byte> stored, in RecordBatchHeader header, in Piece piece, int skip)
    {
        var isCompressed = header.Compression != CompressionType.None;
        if (skip == 0 && stored.Length <= _batchLimit && (isCompressed || (_group.Codec is null && stored.Length >= SmallBytes))
            && header.LastOffsetDelta == header.RecordsCount - 1
            && (header.Attributes & ~CodecBits) == 0)
        {
            Flush(outbox);
            var buffer = ArrayPool<byte>.Shared.Rent(stored.Length);
            stored.CopyTo(buffer);
            var stamp = new BatchStamp(outbox.Lane.ProducerId, outbox.Lane.ProducerEpoch, PartitionSequence.SequenceOf(piece.First));
            Dispatch(outbox, buffer, stored.Length, stamp, piece.First, piece.Count);
            return;
        }

        if (!isCompressed && !header.IsControl && BatchAssembler.MaxBytesOf(stored.Length, piece.Count - skip) <= _batchLimit)
        {
            var gathering = GatherFor(outbox, BatchAssembler.MaxBytesOf(stored.Length, piece.Count - skip), piece.First + skip);
            gathering.AppendBatch(stored, skip);
            return;
        }

        var records = _group.Decoder.Decode(stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i >= skip)
            {
                Gather(outbox, records.Current, piece.First + i);
            }
        }
    }

    /// <summary>Sends the records of a batch to the partitions of their keys. Skipped ones are settled already.</summary>
    private void SendRecords(Lane lane, SentBatch sent, in SendRequest request, LaneEntry? entry)
    {
        var partitions = PartitionsOf(lane, request);
        var start = entry?.StartRecord ?? LeadingTrue(request.Skipped);
        entry ??= lane.Add(request.Batch, start, CountsOf(partitions.AsSpan(start)));
        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        var records = _group.Decoder.Decode(request.Stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i < start || entry.Records?.Refused[i] is true)
            {
                continue;
            }

            var outbox = OutboxOf(lane, partitions[i]);
            var count = next[partitions[i]]++;
            if (count >= outbox.Sequence.Present)
            {
                Gather(outbox, records.Current, count);
            }
        }

        foreach (var piece in entry.Pieces)
        {
            AwaitIfNeeded(OutboxOf(lane, piece.Partition), piece, sent);
        }
    }

    private void SendOneByOne(Lane lane, SentBatch sent, in SendRequest request)
    {
        var partitions = PartitionsOf(lane, request);
        var entry = lane.Find(request.Batch);
        var start = entry?.StartRecord ?? LeadingTrue(request.Skipped);
        entry ??= lane.Add(request.Batch, start, CountsOf(partitions.AsSpan(start)));
        var known = entry.Records ??= new RecordByRecord(partitions);
        SettleKnown(lane, entry, known, request.Skipped);

        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        var toSend = new Queue<WireBatch>();
        var named = new Dictionary<int, RejectedRecord>();
        var one = new BatchAssembler();
        var records = _group.Decoder.Decode(request.Stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i < start || known.Refused[i])
            {
                continue;
            }

            var outbox = OutboxOf(lane, partitions[i]);
            var count = next[partitions[i]]++;
            if (!known.Acknowledged[i])
            {
                one.Reset();
                one.Append(records.Current);
                toSend.Enqueue(WireOf(outbox, one, count, sent, i));
                if (entry.Named.Remove((partitions[i], count), out var refusal))
                {
                    named[i] = refusal with { Index = i };
                }
            }
        }

        one.Dispose();
        sent.Run = new RecordByRecordRun(known, toSend, named);
        SendNextRecord(sent);
    }

    /// <summary>A record that must not be sent and is not acknowledged was set aside: it has no place in the sequence.</summary>
    private static void SettleKnown(Lane lane, LaneEntry entry, RecordByRecord known, bool[]? skipped)
    {
        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        for (var i = entry.StartRecord; i < known.Partitions.Length; i++)
        {
            if (known.Refused[i])
            {
                continue;
            }

            var partition = known.Partitions[i];
            known.Acknowledged[i] |= next[partition] < lane.Partitions[partition].Acknowledged;
            if (!known.Acknowledged[i] && skipped?[i] is true)
            {
                lane.Refuse(entry, i);
            }
            else
            {
                next[partition]++;
            }
        }
    }

    /// <summary>Sends the next record of a batch whose records are sent one by one; after the last, the batch is acknowledged.</summary>
    private void SendNextRecord(SentBatch sent)
    {
        while (sent.Run!.ToSend.TryPeek(out var next))
        {
            if (sent.Run.IsOneInFlight)
            {
                return;
            }

            if (sent.Run.TakeNamed() is { Count: > 0 } refused)
            {
                _open.Remove(sent);
                sent.Refusals.AddRange(refused);
                EndNotAcknowledged(sent, OutcomeKind.Rejected, refused[0].Reason);
                return;
            }

            var sequence = next.Outbox.Sequence;
            if (next.First < sequence.Acknowledged)
            {
                sent.Run.Records.Acknowledged[next.Index] = true;
                sent.Run.ToSend.Dequeue().Release();
                continue;
            }

            if (next.First >= sequence.Present)
            {
                sent.Run.IsOneInFlight = true;
                sent.Run.ToSend.Dequeue();
                next.Outbox.Add(next);
                Dispatch(next.Outbox);
            }

            return; // if the leader has it, it waits for the replicas
        }

        if (!sent.Run.IsOneInFlight)
        {
            _open.Remove(sent);
            sent.End(new BatchOutcome(OutcomeKind.Acknowledged));
        }
    }

    private int[] PartitionsOf(Lane lane, in SendRequest request)
    {
        var place = PlaceOf(lane, request.Batch);
        var partitions = new int[request.Batch.RecordsCount];
        var records = _group.Decoder.Decode(request.Stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            var record = records.Current;
            partitions[i] = !record.HasKey || lane.Partitions.Count == 1 ? place
                : _log.Partitioner switch
                {
                    PartitionerKind.Murmur2Random => KeyHash.Murmur2Partition(record.Key, lane.Partitions.Count),
                    PartitionerKind.Fnv1aRandom => KeyHash.Fnv1aPartition(record.Key, lane.Partitions.Count),
                    _ => place,
                };
        }

        return partitions;
    }

    private int PlaceOf(Lane lane, StoredBatch batch) => _place.Of(lane.Seed, batch.Position, lane.Partitions.Count);

    private static (int Partition, int Count)[] CountsOf(ReadOnlySpan<int> partitions)
    {
        var counts = new Dictionary<int, int>();
        foreach (var partition in partitions)
        {
            counts[partition] = counts.GetValueOrDefault(partition) + 1;
        }

        return [.. counts.Select(c => (c.Key, c.Value))];
    }

    private static int LeadingTrue(bool[]? skipped) => skipped is null ? 0
        : Array.IndexOf(skipped, false) is var first and >= 0 ? first
        : skipped.Length;

    private PartitionOutbox OutboxOf(Lane lane, int partition)
    {
        if (!_outboxes.TryGetValue((lane, partition), out var outbox))
        {
            _outboxes[(lane, partition)] = outbox = new PartitionOutbox(lane, partition);
        }

        return outbox;
    }

    private void Gather(PartitionOutbox outbox, in Record record, long count) =>
        GatherFor(outbox, BatchAssembler.MaxBytesOf(record), count).Append(record);

    /// <summary>The batch that the next records are added to; what is gathered goes first if they do not fit.</summary>
    private BatchAssembler GatherFor(PartitionOutbox outbox, long bytes, long count)
    {
        if (outbox.Gathering is { } gathering && gathering.Bytes + bytes > _batchLimit)
        {
            Flush(outbox);
        }

        if (outbox.Gathering is null)
        {
            outbox.Gathering = _group.RentAssembler();
            outbox.GatheringFirst = count;
        }

        return outbox.Gathering;
    }

    private void Flush(PartitionOutbox outbox)
    {
        if (outbox.Gathering is { RecordsCount: > 0 } gathering)
        {
            outbox.Add(WireOf(outbox, gathering, outbox.GatheringFirst));
            Dispatch(outbox);
        }

        Discard(outbox);
    }

    private void Discard(PartitionOutbox outbox)
    {
        if (outbox.Gathering is { } gathering)
        {
            _group.Return(gathering);
            outbox.Gathering = null;
        }
    }

    private WireBatch WireOf(PartitionOutbox outbox, BatchAssembler gathered, long first, SentBatch? oneOf = null, int index = 0)
    {
        var lane = outbox.Lane;
        var sequence = PartitionSequence.SequenceOf(first);
        var bytes = gathered.Complete(lane.ProducerId, lane.ProducerEpoch, sequence, _group.Codec);
        var buffer = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(buffer);
        return new WireBatch(outbox, buffer, Answered)
        {
            Topic = _log.Topic,
            Partition = outbox.Partition,
            Bytes = buffer.AsMemory(0, bytes.Length),
            First = first,
            RecordsCount = gathered.RecordsCount,
            OneOf = oneOf,
            Index = index,
        };
    }

    private void Dispatch(PartitionOutbox outbox, byte[] buffer, int bytes, BatchStamp stamp, long first, int count)
    {
        outbox.Add(new WireBatch(outbox, buffer, Answered)
        {
            Topic = _log.Topic,
            Partition = outbox.Partition,
            Bytes = buffer.AsMemory(0, bytes),
            Stamp = stamp,
            First = first,
            RecordsCount = count,
        });
        Dispatch(outbox);
    }

    private void Dispatch(PartitionOutbox outbox)
    {
        while (_failure is null && outbox.TakeSendable(_time.GetUtcNow()) is { } next)
        {
            _inFlight++;
            _group.Cluster.Append(next.IsMergeable ? MergedWithNext(outbox, next) : next);
        }
    }

    /// <summary>A batch and those after it, as many as fit into one.</summary>
    private WireBatch MergedWithNext(PartitionOutbox outbox, WireBatch first)
    {
        BatchAssembler? merged = null;
        var bytes = first.Bytes.Length;
        while (outbox.TakeMergeable(_batchLimit - bytes, _time.GetUtcNow()) is { } next)
        {
            if (merged is null)
            {
                merged = _group.RentAssembler();
                merged.AppendBatch(first.Bytes.Span, 0);
                first.Release();
            }

            merged.AppendBatch(next.Bytes.Span, 0);
            next.Release();
            bytes += next.Bytes.Length;
        }

        if (merged is null)
        {
            return first;
        }

        var batch = WireOf(outbox, merged, first.First);
        _group.Return(merged);
        return batch;
    }

    // ---- answers ----

    private void Answered(WireBatch batch, AppendResult result)
    {
        lock (_lock)
        {
            _inFlight--;
            batch.Outbox.Answered(result.Error == KafkaError.None);
            if (result.Error == KafkaError.None)
            {
                _sequenceFailures = 0;
                _group.Health.Acknowledged();
                Acknowledge(batch.Outbox, batch.End, result.BaseOffset + batch.RecordsCount);
                if (batch.OneOf is { Run: { } run } one)
                {
                    run.IsOneInFlight = false;
                    run.Records.Acknowledged[batch.Index] = true;
                    if (_failure is null)
                    {
                        SendNextRecord(one);
                    }
                }

                Dispatch(batch.Outbox);
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

    private void Refused(WireBatch batch, in AppendResult result)
    {
        var code = (int)result.Error;
        var kind = ProduceErrors.KindOf(code);
        var error = $"{result.Error}{(result.Message is { Length: > 0 } message ? ": " + message : "")}";
        if (kind == OutcomeKind.Rejected && ProduceErrors.IsOfSize(code) && batch.RecordsCount > 1)
        {
            _batchLimit = Math.Max(RecordBatchHeader.Bytes, batch.Bytes.Length / 2);
            _group.SmallerBatches(_log.Topic, _batchLimit);
            kind = OutcomeKind.Retriable;
        }
        else if (kind == OutcomeKind.Rejected)
        {
            var refusal = new RejectedRecord(batch.Index, result.Error.ToString(), ProduceErrors.WhyRejected(code));
            foreach (var sent in batch.OneOf is { } one ? [one] : batch.Outbox.Between(batch.First, batch.End))
            {
                sent.Refusals.Add(refusal);
                sent.IsRefusedForSize = ProduceErrors.IsOfSize(code);
            }

            foreach (var named in batch.OneOf is null ? result.Refused : [])
            {
                Name(batch.Outbox, batch.First + named.Index, refusal);
            }
        }
        else
        {
            // The code for a broken producer is about the sequence: the leaders are asked what they have.
            _sequenceFailures += kind == OutcomeKind.Fatal ? 1 : 0;
            kind = kind is OutcomeKind.Fatal or OutcomeKind.Unknown ? OutcomeKind.Retriable : kind;
            _group.Cluster.Forget(_log.Topic);
        }

        if (result.Lost is { } lost)
        {
            _group.Failed(lost, isNoBroker: false);
        }

        var isSequel = result.Error is KafkaError.OutOfOrderSequenceNumber; // of a failure before
        if (_failure is null || (_failure.IsSequel && !isSequel))
        {
            _failure = new Failure(kind, error, isSequel);
        }
    }

    private static void Name(PartitionOutbox outbox, long count, RejectedRecord refusal)
    {
        foreach (var sent in outbox.Between(count, count + 1))
        {
            outbox.Lane.Find(sent.Batch)?.Named.TryAdd((outbox.Partition, count), refusal);
        }
    }

    /// <summary>When every batch in flight has its answer, all batches without an outcome are returned.</summary>
    private void EndFailure()
    {
        if (_failure is not { } failure || _inFlight > 0)
        {
            return;
        }

        _failure = null;
        _isAsked = false;
        _doubt ??= _sequenceFailures > MaxSequenceFailures ? $"the leader takes no sequence of this producer: {failure.Error}" : null;
        foreach (var outbox in _outboxes.Values)
        {
            Discard(outbox);
            outbox.Clear();
        }

        var open = _open.ToList();
        _open.Clear();
        var kind = failure.Kind == OutcomeKind.Rejected ? OutcomeKind.Retriable : failure.Kind;
        foreach (var sent in open)
        {
            EndNotAcknowledged(sent, kind, failure.Error);
        }
    }

    private static void EndNotAcknowledged(SentBatch sent, OutcomeKind kind, string error)
    {
        var acknowledged = sent.Run?.Records.Acknowledged.ToArray();
        while (sent.Run is { } run && run.ToSend.TryDequeue(out var left))
        {
            left.Release();
        }

        sent.End(sent.Refusals is [var first, ..]
            ? new BatchOutcome(OutcomeKind.Rejected, first.Reason, 0, sent.Refusals)
            {
                Acknowledged = acknowledged,
                IsOfSize = sent.IsRefusedForSize,
            }
            : new BatchOutcome(kind, error) { Acknowledged = acknowledged });
    }

    // ---- what the brokers have ----

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
            catch (BrokerTooOldException e)
            {
                Found(new LeaderAnswers([], e.Message));
                return;
            }
            catch (Exception e)
            {
                await PauseAsync(e, isNoBroker, pause).ConfigureAwait(false);
                pause = pause < LongestPause ? pause * 2 : LongestPause;
            }
        }
    }

    /// <summary>
    /// The questions about all lanes. Those of another topic are of no use: nothing of this log is in the new one, unless something was
    /// sent to it before it was known to be another one.
    /// </summary>
    private List<LaneQuestion> QuestionsFor(TopicMetadata topic)
    {
        lock (_lock)
        {
            if (IsAnotherTopic(topic))
            {
                _note = $"topic {topic.Name} is another one than before: nothing of this log is in it";
                _doubt = null;
                _former.AddRange(_lanes);
                _lanes.ToList().ForEach(Remove);
            }

            _topic = topic;
            _saved = null;
            if (_doubt is { } doubt)
            {
                _lanes.ToList().ForEach(lane => Abandon(lane, doubt));
            }

            return
            [
                .. _lanes.SelectMany(lane => lane.Partitions.Select((sequence, partition) =>
                    new LaneQuestion(lane, partition, MayBeThere(lane, sequence), MayBeForgotten(lane, partition)))),
                .. _former.SelectMany(lane => Enumerable.Range(0, Math.Min(lane.Partitions.Count, topic.Partitions.Count))
                    .Select(partition => new LaneQuestion(lane, partition, MayBeThere: false, MayBeForgotten: false))),
            ];
        }
    }

    private bool IsAnotherTopic(TopicMetadata topic)
    {
        var (name, id) = _topic is { } known ? (known.Name, known.Id)
            : _saved is { } saved ? (saved.Topic, saved.TopicId)
            : (topic.Name, topic.Id);
        return name != topic.Name || (id != topic.Id && id != Guid.Empty && topic.Id != Guid.Empty);
    }

    private bool MayBeThere(Lane lane, PartitionSequence sequence) =>
        lane.IsOfEarlierRun ? _mayHaveSent && lane.FileName is not null : sequence.Next > sequence.Acknowledged;

    private bool MayBeForgotten(Lane lane, int partition) =>
        lane.IsOfEarlierRun ? lane.FileName != _askedFor?.FileName || PartitionOutbox.IsOld(_askedFor!.BaseTimestamp, _time.GetUtcNow())
        : OutboxOf(lane, partition).MayBeForgotten(_time.GetUtcNow());

    private void Found(LeaderAnswers found)
    {
        lock (_lock)
        {
            var present = 0L;
            foreach (var answer in found.Partitions.Where(a => _lanes.Contains(a.Lane)))
            {
                var outbox = OutboxOf(answer.Lane, answer.Partition);
                var before = outbox.Sequence.Acknowledged;
                outbox.Sequence.Acknowledge(answer.Acknowledged, answer.EndOffset);
                outbox.Sequence.LeaderHas(answer.Present);
                outbox.LeaderSaid(answer.LastTimestamp);
                present += outbox.Sequence.Present - before;
                if (outbox.Sequence.Present > outbox.Sequence.Acknowledged && !outbox.IsConfirming)
                {
                    outbox.IsConfirming = true;
                    _ = ConfirmAsync(outbox);
                }
            }

            var known = found.Partitions.Where(a => _lanes.Contains(a.Lane)).ToList();
            if (found.Partitions.Any(a => a.LastTimestamp is not null && _former.Contains(a.Lane)))
            {
                _doubt ??= $"topic {_log.Topic} is another one than before, and something was sent to it already";
            }

            _former.Clear();
            _lanes.ForEach(lane => lane.IsOfEarlierRun = false);
            var lost = known.Sum(p => p.Lost) is > 0 and var records ? new LostRecords(_askedFor!.FileName, records) : null;
            known.Where(p => p.Lost > 0).Select(p => p.Lane).Distinct().ToList().ForEach(Remove);
            _doubt ??= found.Doubt;
            CannotAsk = found.Doubt;
            if (_doubt is { } doubt)
            {
                _lanes.ToList().ForEach(lane => Abandon(lane, doubt));
                _finding = new ResumeFinding(IsExact: false, doubt, lost);
                _sequenceFailures = 0;
            }
            else
            {
                _finding = new ResumeFinding(IsExact: true, _note ?? found.How(present), lost)
                {
                    IsNews = present > 0 || _note is not null || lost is not null,
                };
            }

            _doubt = null;
            _note = null;
            _refusal = null;
            _asking = null;
            _isAsked = true;
        }
    }

    /// <summary>
    /// Waits until all in-sync replicas have what the leader of a partition has. A later batch that is acknowledged shows it as well. If
    /// there is a new leader that does not have it, it is sent again.
    /// </summary>
    private async Task ConfirmAsync(PartitionOutbox outbox)
    {
        var pause = FirstPause;
        try
        {
            while (true)
            {
                long present;
                var tail = await _questions.ReadTailAsync(outbox.Lane, outbox.Partition, _closed.Token).ConfigureAwait(false);
                lock (_lock)
                {
                    if (!_outboxes.ContainsValue(outbox) || !_isAsked)
                    {
                        outbox.IsConfirming = false;
                        return;
                    }

                    if (tail.LastSequence is { } last)
                    {
                        Acknowledge(outbox, PartitionSequence.CountAfter(last, outbox.Sequence.Acknowledged), tail.EndOffset);
                    }

                    if (outbox.Sequence.Acknowledged >= outbox.Sequence.Present)
                    {
                        outbox.IsConfirming = false;
                        _open.Where(s => s.Run is not null).ToList().ForEach(SendNextRecord);
                        return;
                    }

                    present = outbox.Sequence.Present;
                }

                if (!await _questions.HasAsync(outbox.Lane, outbox.Partition, present, _closed.Token).ConfigureAwait(false))
                {
                    NotConfirmed(outbox, $"the leader of partition {outbox.Partition} of {_log.Topic} does not have what the one before had");
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
            _failure ??= new Failure(OutcomeKind.Retriable, error, IsSequel: false);
            EndFailure();
        }
    }

    /// <summary>Nothing can be asked now. If somebody must repair something, the batches are returned with the reason.</summary>
    private async Task PauseAsync(Exception e, bool isNoBroker, TimeSpan pause)
    {
        _group.Cluster.Forget(_log.Topic); // a leader that cannot be reached may be one no longer
        lock (_lock)
        {
            if (e is KafkaErrorException { Error: var error })
            {
                _refusal = (ProduceErrors.KindOf((int)error) == OutcomeKind.Held ? OutcomeKind.Held : OutcomeKind.Retriable, e.Message);
            }
            else
            {
                _refusal = null;
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
