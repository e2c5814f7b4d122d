using KafkaLog.Wire.Messages;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>
/// A partition: its replicas, of which one leads, and what the controller decides. A leader that was replaced goes on as one until it
/// hears of it.
/// </summary>
internal sealed class SimulatedPartition
{
    public const int Brokers = 3;
    private const int MinInSync = 2; // min.insync.replicas

    /// <summary><c>replica.lag.time.max.ms</c>.</summary>
    private static readonly TimeSpan ReplicaLag = TimeSpan.FromSeconds(30);

    private int _epoch;

    public SimulatedPartition(int number, int leader, DateTimeOffset now)
    {
        Number = number;
        InSync = [.. Enumerable.Range(0, Brokers)];
        Lead(leader, now);
    }

    public int Number { get; }

    public SimulatedReplica[] Replicas { get; } = [.. Enumerable.Range(0, Brokers).Select(_ => new SimulatedReplica())];

    /// <summary>The leader; -1: there is none.</summary>
    public int Leader { get; private set; } = -1;

    /// <summary>The brokers that are in sync.</summary>
    public HashSet<int> InSync { get; private set; }

    /// <summary>Values that all in-sync replicas had at some time.</summary>
    public HashSet<string> Committed { get; } = [];

    /// <summary>Committed values that an unclean election lost.</summary>
    public HashSet<string> Lost { get; } = [];

    /// <summary>The values that a reader sees once everything is replicated.</summary>
    public IEnumerable<string> Values => Replicas[Leader].Log.SelectMany(b => b.Values);

    /// <summary>True if there is a leader, and all brokers that run have what it has.</summary>
    public bool IsSettled(bool[] alive) => Leader >= 0 && Replicas[Leader].HighWatermark == Replicas[Leader].End
        && Enumerable.Range(0, Brokers).All(b => !alive[b] || (InSync.Contains(b) && Replicas[b].End == Replicas[Leader].End));

    public override string ToString() =>
        $"partition {Number}: leader {Leader}, in sync {string.Join(' ', InSync)}; " + string.Join("; ", Replicas.Select(r =>
            $"{(r.IsLeader ? "leader" : "follower")} epoch {r.Epoch} end {r.End} high {r.HighWatermark} ends {string.Join(' ', r.Ends)}"));

    /// <summary>A broker becomes the leader.</summary>
    public void Lead(int broker, DateTimeOffset now)
    {
        if (Leader >= 0)
        {
            Replicas[Leader].InSync = [.. InSync]; // it does not hear of changes any more
        }

        var replica = Replicas[broker];
        Leader = broker;
        replica.IsLeader = true;
        replica.Epoch = ++_epoch;
        replica.EpochStart = replica.End;
        replica.InSync = InSync;
        Array.Fill(replica.Ends, -1);
        Array.Fill(replica.CaughtUp, now);
        Commit();
    }

    /// <summary>A broker becomes the leader although it is not in sync.</summary>
    public void LeadUncleanly(int broker, DateTimeOffset now)
    {
        var has = Replicas[broker].Log.SelectMany(b => b.Values).ToHashSet();
        Lost.UnionWith(Committed.Where(v => !has.Contains(v)));
        if (Leader >= 0)
        {
            Replicas[Leader].InSync = [.. InSync];
        }

        InSync = [broker];
        Leader = -1;
        Lead(broker, now);
    }

    /// <summary>A broker has died.</summary>
    public void Died(int broker)
    {
        Replicas[broker].IsLeader = false;
        if (Leader == broker)
        {
            Leader = -1;
        }

        if (InSync.Count > 1)
        {
            InSync.Remove(broker);
            Commit();
        }
    }

    /// <summary>A broker that was a leader hears that it is one no longer.</summary>
    public void Learn(int broker)
    {
        if (Leader >= 0 && Leader != broker)
        {
            Replicas[broker].IsLeader = false;
        }
    }

    /// <summary>A follower asks the leader for what it does not have yet, and gets up to so many batches.</summary>
    public void Fetch(int follower, int batches, DateTimeOffset now)
    {
        if (Leader < 0 || follower == Leader)
        {
            return;
        }

        var (from, to) = (Replicas[Leader], Replicas[follower]);
        if (to.Epoch != from.Epoch)
        {
            to.Epoch = from.Epoch;
            to.IsLeader = false;
            to.TruncateTo(from);
        }

        from.Ends[follower] = to.End;
        if (to.End == from.End)
        {
            from.CaughtUp[follower] = now;
        }

        if (to.End >= from.HighWatermark && to.End >= from.EpochStart)
        {
            InSync.Add(follower);
        }

        Commit();
        foreach (var batch in from.Log.Skip(to.Log.Count).Take(batches).ToList())
        {
            to.Store(batch);
        }

        to.HighWatermark = Math.Max(to.HighWatermark, Math.Min(from.HighWatermark, to.End));
    }

    /// <summary>The leader removes followers that lag from those in sync.</summary>
    public void DropLaggards(DateTimeOffset now)
    {
        if (Leader < 0)
        {
            return;
        }

        var leader = Replicas[Leader];
        InSync.RemoveWhere(b => b != Leader && leader.Ends[b] < leader.End && now - leader.CaughtUp[b] >= ReplicaLag);
        Commit();
    }

    /// <summary>A batch comes to a broker.</summary>
    public SimulatedAppend Append(int broker, SimulatedBatch batch, int maxBytes)
    {
        var replica = Replicas[broker];
        return !replica.IsLeader ? new(KafkaError.NotLeaderOrFollower)
            : replica.InSync.Count < MinInSync ? new(KafkaError.NotEnoughReplicas)
            : batch.Bytes > maxBytes ? new(KafkaError.MessageTooLarge)
            : Enumerable.Range(0, batch.Count).Any(batch.IsRefused) ? new(KafkaError.InvalidRecord)
            : replica.Append(batch);
    }

    /// <summary>What becomes of a batch that waits for the replicas; null: it still waits.</summary>
    public KafkaError? Answer(int broker, long endOffset)
    {
        var replica = Replicas[broker];
        return !replica.IsLeader ? KafkaError.NotLeaderOrFollower
            : replica.HighWatermark < endOffset ? null
            : replica.InSync.Count < MinInSync ? KafkaError.NotEnoughReplicasAfterAppend
            : KafkaError.None;
    }

    /// <summary>The leader finds out what all in-sync replicas have.</summary>
    private void Commit()
    {
        if (Leader < 0)
        {
            return;
        }

        var leader = Replicas[Leader];
        var end = InSync.Where(b => b != Leader).Select(b => leader.Ends[b]).Append(leader.End).Min();
        if (end > leader.HighWatermark)
        {
            foreach (var batch in leader.Log.Where(b => b.EndOffset <= end && b.BaseOffset >= leader.HighWatermark))
            {
                Committed.UnionWith(batch.Values);
            }

            leader.HighWatermark = end;
        }
    }
}
