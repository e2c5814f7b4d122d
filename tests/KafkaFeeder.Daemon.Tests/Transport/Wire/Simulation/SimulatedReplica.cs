using KafkaLog.Wire.Messages;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>
/// The log of a partition on one broker, and what the broker knows of its producers. Source: Kafka's <c>ProducerStateManager</c> and
/// <c>ProducerAppendInfo</c>.
/// </summary>
internal sealed class SimulatedReplica
{
    private const int RememberedBatches = 5;

    /// <summary><c>producer.id.expiration.ms</c>.</summary>
    private static readonly TimeSpan Expiration = TimeSpan.FromDays(1);

    private readonly Dictionary<long, List<SimulatedBatch>> _producers = [];

    /// <summary>What is in it, in order.</summary>
    public List<SimulatedBatch> Log { get; } = [];

    public long End => Log.Count == 0 ? 0 : Log[^1].EndOffset;

    /// <summary>All in-sync replicas have the records before this offset, as far as this broker knows.</summary>
    public long HighWatermark { get; set; }

    /// <summary>True if this broker takes itself for the leader.</summary>
    public bool IsLeader { get; set; }

    /// <summary>The leadership that this broker knows of.</summary>
    public int Epoch { get; set; }

    /// <summary>Its end when it became the leader.</summary>
    public long EpochStart { get; set; }

    /// <summary>As leader: the brokers that are in sync.</summary>
    public HashSet<int> InSync { get; set; } = [];

    /// <summary>As leader: how far it knows that each broker has come; -1: not known.</summary>
    public long[] Ends { get; } = new long[SimulatedPartition.Brokers];

    /// <summary>As leader: when each broker last had everything.</summary>
    public DateTimeOffset[] CaughtUp { get; } = new DateTimeOffset[SimulatedPartition.Brokers];

    /// <summary>The leader takes a batch, unless its sequence is wrong.</summary>
    public SimulatedAppend Append(SimulatedBatch batch)
    {
        if (_producers.TryGetValue(batch.ProducerId, out var last))
        {
            if (last.Find(b => b.BaseSequence == batch.BaseSequence && b.LastSequence == batch.LastSequence) is { } twin)
            {
                return new(KafkaError.None, twin.BaseOffset, twin.EndOffset);
            }

            if (((last[^1].LastSequence + 1L) & int.MaxValue) != batch.BaseSequence)
            {
                return new(KafkaError.OutOfOrderSequenceNumber);
            }
        }

        var stored = batch with { BaseOffset = End };
        Store(stored);
        return new(KafkaError.None, stored.BaseOffset, stored.EndOffset);
    }

    /// <summary>A follower takes a batch as the leader has it.</summary>
    public void Store(SimulatedBatch batch)
    {
        Log.Add(batch);
        Remember(batch);
    }

    /// <summary>What this log has and another one has not is gone.</summary>
    public void TruncateTo(SimulatedReplica other)
    {
        var same = 0;
        while (same < Log.Count && same < other.Log.Count && ReferenceEquals(Log[same], other.Log[same]))
        {
            same++;
        }

        if (same < Log.Count)
        {
            Log.RemoveRange(same, Log.Count - same);
            BuildState();
        }

        HighWatermark = Math.Min(HighWatermark, End);
    }

    /// <summary>The broker starts again: what it knows of producers comes from the log.</summary>
    public void BuildState()
    {
        _producers.Clear();
        Log.ForEach(Remember);
    }

    /// <summary>Producers whose last record is old are forgotten.</summary>
    public void Expire(DateTimeOffset now)
    {
        foreach (var (id, batches) in _producers.ToList())
        {
            if (batches[^1].MaxTimestamp < (now - Expiration).ToUnixTimeMilliseconds())
            {
                _producers.Remove(id);
            }
        }
    }

    public List<ProducerState> Producers() =>
        [.. _producers.Select(p => new ProducerState(p.Key, 0, p.Value[^1].LastSequence, p.Value[^1].MaxTimestamp))];

    private void Remember(SimulatedBatch batch)
    {
        if (!_producers.TryGetValue(batch.ProducerId, out var last))
        {
            _producers[batch.ProducerId] = last = [];
        }

        last.Add(batch);
        if (last.Count > RememberedBatches)
        {
            last.RemoveAt(0);
        }
    }
}
