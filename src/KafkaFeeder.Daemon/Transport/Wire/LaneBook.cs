using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Partitioning;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// The lanes of a log: which file has which, what of them is saved, and what is in doubt about them. Pure; not thread-safe.
/// </summary>
internal sealed class LaneBook
{
    /// <summary>If there are so many, a file takes the lane of another one that rests, although that file may grow.</summary>
    private const int ManyLanes = 16;

    /// <summary>For files that are written at the same time; more than a log has.</summary>
    private const int MostLanes = 1000;

    private readonly List<Lane> _lanes = [];
    private readonly List<Lane> _former = []; // of a topic that was deleted, until it is known that they sent nothing to the next one
    private readonly Func<string> _clusterId;
    private readonly string _partitioning;
    private readonly bool _mayHaveSent;
    private LaneState? _saved; // until it is compared with the cluster
    private string? _doubt;
    private string? _note;
    private long _ahead; // records of lanes that were in doubt: see ResumeFinding.Ahead
    private long _number; // of the state
    private long _returned;
    private long _onDisk;

    /// <param name="savedState">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="mayHaveSent">See <see cref="ITransportPool.Open"/>.</param>
    /// <param name="partitioning">See <see cref="LaneState.Partitioning"/>.</param>
    /// <param name="clusterId">The id of the cluster; "" if it has none.</param>
    public LaneBook(string savedState, bool mayHaveSent, string partitioning, Func<string> clusterId)
    {
        _clusterId = clusterId;
        _partitioning = partitioning;
        _mayHaveSent = mayHaveSent;
        if (LaneState.TryParse(savedState, out _saved) && _saved.Partitioning == partitioning)
        {
            _lanes.AddRange(_saved.Lanes);
        }
        else if (mayHaveSent)
        {
            _doubt = _saved is null ? "nothing is known of how the last run sent" : "the last run spread the records in another way";
        }
    }

    /// <summary>The topic; null until the first question.</summary>
    public TopicMetadata? Topic { get; private set; }

    /// <summary>The lanes that are in use.</summary>
    public IReadOnlyList<Lane> Lanes => _lanes;

    /// <summary>True if the state must be saved before what follows may be sent.</summary>
    public bool HasNewState => _number > _onDisk;

    /// <summary>The lane of a file; null: it has none.</summary>
    public Lane? Of(string fileName) => _lanes.Find(l => l.FileName == fileName);

    /// <summary>True if the state in which the file got its lane, or was counted again, is saved.</summary>
    public bool IsSaved(Lane lane) => lane.TakenAt <= _onDisk;

    /// <summary>What follows is counted differently: that has to be saved first.</summary>
    public void Recounted(Lane lane) => lane.TakenAt = ++_number;

    /// <summary>Gives a lane at rest to the file of a batch.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="needsNew">True if there is none, and there may be one more.</param>
    /// <returns>Null: there is none.</returns>
    public Lane? Take(StoredBatch batch, out bool needsNew)
    {
        var partitions = Topic!.Partitions.Count;
        var free = _lanes.Where(l => l.IsAtRest && l.Partitions.Count == partitions).ToList();
        var lane = free.Find(l => l.FileName is null) ?? (_lanes.Count < ManyLanes ? null : free.MinBy(l => l.TakenAt));
        needsNew = false;
        if (lane is null)
        {
            _lanes.RemoveAll(l => l.IsAtRest && l.FileName is null && l.Partitions.Count != partitions);
            needsNew = _lanes.Count < MostLanes;
            return null;
        }

        lane.Free();
        var identity = batch.FileIdentity.Length > 0 ? batch.FileIdentity : batch.FileName;
        lane.Take(batch.FileName, PlacePartition.SeedOf(identity), batch.Position, 0);
        Recounted(lane);
        return lane;
    }

    /// <summary>A new lane.</summary>
    public void Add(Lane lane) => _lanes.Add(lane);

    /// <summary>A lane is not used any more.</summary>
    public void Remove(Lane lane) => _lanes.Remove(lane);

    /// <summary>It is not known what the brokers have of a lane: it is not used any more.</summary>
    public void Doubt(Lane lane, string why)
    {
        Remove(lane);
        _doubt ??= why;
    }

    /// <summary>Something is wrong with all lanes: the next answers are not exact.</summary>
    public void Doubt(string why) => _doubt ??= why;

    /// <summary>The acknowledged positions of the files have moved, and some files are done.</summary>
    /// <param name="afterAcknowledged">See <see cref="IBatchTransport.StateAt"/>.</param>
    /// <param name="finished">The files that are done.</param>
    /// <returns>The lanes that cannot go on, since the leaders have more of them than was in their files. They are removed.</returns>
    public IReadOnlyList<Lane> Advance(IEnumerable<BatchPlace> afterAcknowledged, IReadOnlyCollection<string> finished)
    {
        var first = new Dictionary<string, BatchPlace>(StringComparer.Ordinal);
        foreach (var place in afterAcknowledged)
        {
            first.TryAdd(place.Batch.FileName, place);
        }

        var ended = new List<Lane>();
        foreach (var lane in _lanes.Where(l => l.FileName is not null))
        {
            var isRead = first.TryGetValue(lane.FileName!, out var place);
            lane.AdvanceTo(isRead ? place.Batch : null, place.LeadingSettled);
            if (!isRead && finished.Contains(lane.FileName!))
            {
                if (lane.IsAtRest)
                {
                    lane.Free();
                }
                else
                {
                    ended.Add(lane);
                }
            }
        }

        ended.ForEach(Remove);
        return ended;
    }

    /// <summary>The state for the checkpoint. While something is in doubt there is none: the next run must not take it for all.</summary>
    /// <param name="isInDoubt">True if a doubt was found and is not told yet.</param>
    public string State(bool isInDoubt)
    {
        _returned = _number;
        if (isInDoubt || _doubt is not null || _former.Count > 0)
        {
            return "";
        }

        return Topic is { } topic ? new LaneState(_clusterId(), topic.Id, topic.Name, _partitioning, _lanes).ToString()
            : _saved?.ToString() ?? "";
    }

    /// <summary>The last state is on disk.</summary>
    public void Saved() => _onDisk = _returned;

    /// <summary>
    /// The topic as it is now. Lanes of another topic are of no use: nothing of this log is in the new one, unless something was sent to it
    /// before it was known to be another one.
    /// </summary>
    /// <returns>The lanes that are not used any more.</returns>
    public IReadOnlyList<Lane> Found(TopicMetadata topic)
    {
        List<Lane> unused = [];
        if (IsAnother(topic))
        {
            var isRenamed = (Topic?.Name ?? _saved?.Topic) != topic.Name;
            _note = $"topic {topic.Name} is another one than before: nothing of this log is in it";
            _doubt = isRenamed && _mayHaveSent ? "the topic was another one: what was sent to this one earlier is not known" : null;
            _former.AddRange(_lanes);
            unused = [.. _lanes];
        }
        else if (_doubt is not null)
        {
            unused = [.. _lanes];
        }

        Topic = topic;
        _saved = null;
        _ahead += _former.Count > 0 ? 0 : unused.Sum(l => l.Ahead);
        unused.ForEach(Remove);
        return unused;
    }

    /// <summary>The questions about all lanes.</summary>
    /// <param name="mayBeForgotten">True if the leader of a partition may have forgotten a lane of this run.</param>
    /// <param name="isOld">True if the file of a lane of an earlier run may have old records.</param>
    public List<LaneQuestion> Questions(Func<Lane, int, bool> mayBeForgotten, Func<Lane, bool> isOld) =>
    [
        .. _lanes.SelectMany(lane => lane.Partitions.Select((sequence, partition) => new LaneQuestion(
            lane,
            partition,
            MayBeThere(lane, sequence),
            lane.IsOfEarlierRun ? isOld(lane) : mayBeForgotten(lane, partition)))),
        .. _former.SelectMany(lane => Enumerable.Range(0, Math.Min(lane.Partitions.Count, Topic!.Partitions.Count))
            .Select(partition => new LaneQuestion(lane, partition, MayBeThere: false, MayBeForgotten: false))),
    ];

    /// <summary>What the answers about all lanes mean.</summary>
    /// <param name="answers">The answers.</param>
    /// <param name="present">How many records are there that were not known to be acknowledged.</param>
    /// <param name="fileName">The file that is to be sent next.</param>
    /// <param name="unused">The lanes that are not used any more.</param>
    public ResumeFinding Conclude(LeaderAnswers answers, long present, string fileName, out IReadOnlyList<Lane> unused)
    {
        var mine = answers.Partitions.Where(a => _lanes.Contains(a.Lane)).ToList();
        if (answers.Partitions.Any(a => a.LastTimestamp is not null && _former.Contains(a.Lane)))
        {
            Doubt($"topic {Topic!.Name} is another one than before, and something was sent to it already");
        }

        _former.Clear();
        _lanes.ForEach(lane => lane.IsOfEarlierRun = false);
        Doubt(answers);
        var lost = mine.Sum(a => a.Lost) is > 0 and var records ? new LostRecords(fileName, records) : null;
        unused = _doubt is not null ? [.. _lanes] : [.. mine.Where(a => a.Lost > 0).Select(a => a.Lane).Distinct()];
        foreach (var lane in unused)
        {
            Remove(lane);
        }

        if (lost is not null)
        {
            Doubt("the brokers have lost acknowledged records"); // of other partitions, too, records are sent again
        }

        var finding = _doubt is { } doubt
            ? new ResumeFinding(IsExact: false, doubt, lost) { Ahead = _ahead + unused.Sum(l => l.Ahead) }
            : new ResumeFinding(IsExact: true, _note ?? answers.How(present), lost)
            {
                IsNews = present > 0 || _note is not null || lost is not null,
            };
        _doubt = null;
        _note = null;
        _ahead = 0;
        return finding;
    }

    /// <summary>A lane is saved as free only when everything is acknowledged, and as taken before anything is sent with it.</summary>
    private bool MayBeThere(Lane lane, PartitionSequence sequence) => lane.IsOfEarlierRun
        ? _mayHaveSent && lane.FileName is not null
        : Math.Max(sequence.Next, sequence.Present) > sequence.Acknowledged;

    private bool IsAnotherCluster() =>
        _saved is { ClusterId: { Length: > 0 } before } && _clusterId() is { Length: > 0 } now && before != now;

    private void Doubt(LeaderAnswers answers) => _doubt ??= answers.Doubt;

    private bool IsAnother(TopicMetadata topic)
    {
        var (name, id) = Topic is { } known ? (known.Name, known.Id)
            : _saved is { } saved ? (saved.Topic, saved.TopicId)
            : (topic.Name, topic.Id);
        return name != topic.Name || IsAnotherCluster() || (id != topic.Id && id != Guid.Empty && topic.Id != Guid.Empty);
    }
}
