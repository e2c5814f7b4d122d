using KafkaLog.Wire.Batches;

namespace KafkaFeeder.Daemon.Transport.Wire;

/// <summary>
/// Sends the records of a batch one by one, each after the one before was acknowledged, to find those that the brokers will never accept.
/// It stops at the first that is refused: what follows gets its sequence, so it has to be set aside, and saved, before. Not thread-safe.
/// </summary>
/// <param name="group">What the logs of the broker group share.</param>
/// <param name="partitions">Which partition a record goes to.</param>
/// <param name="outboxes">Where they go.</param>
internal sealed class OneByOne(WireGroup group, RecordPartitions partitions, Outboxes outboxes)
{
    /// <summary>Prepares to send the records of a batch that are not settled.</summary>
    public void Begin(Lane lane, SentBatch sent, in SendRequest request)
    {
        var entry = lane.Find(request.Batch);
        var start = entry?.StartRecord ?? request.LeadingSkipped;
        var partitionOf = partitions.Of(lane, request.Batch, group.Decoder.Decode(request.Stored));
        entry ??= lane.Add(request.Batch, start, RecordPartitions.Counts(partitionOf.AsSpan(start)));
        var known = lane.SendOneByOne(entry, partitionOf);
        SettleKnown(lane, entry, known, request.Skipped);

        var next = entry.Pieces.ToDictionary(p => p.Partition, p => p.First);
        var toSend = new Queue<WireBatch>();
        var named = new Dictionary<int, RejectedRecord>();
        using var one = new BatchAssembler();
        var records = group.Decoder.Decode(request.Stored);
        for (var i = 0; records.MoveNext(); i++)
        {
            if (i < start || known.Refused[i])
            {
                continue;
            }

            var count = next[partitionOf[i]]++;
            if (!known.Acknowledged[i])
            {
                one.Reset();
                one.Append(records.Current);
                toSend.Enqueue(outboxes.Single(outboxes.Of(lane, partitionOf[i]), one, count, sent, i));
                if (entry.Named.Remove((partitionOf[i], count), out var refusal))
                {
                    named[i] = refusal with { Index = i };
                }
            }
        }

        sent.Run = new RecordByRecordRun(known, toSend, named);
    }

    /// <summary>Sends the next record, unless one is in flight.</summary>
    /// <param name="sent">The batch.</param>
    /// <param name="refused">Records that are refused without being sent: the leader has named them before. Null: none.</param>
    /// <returns>True if nothing is left to send or to wait for.</returns>
    public bool SendNext(SentBatch sent, out List<RejectedRecord>? refused)
    {
        refused = null;
        var run = sent.Run!;
        while (!run.IsOneInFlight && run.ToSend.TryPeek(out var next))
        {
            if (run.TakeNamed() is { Count: > 0 } named)
            {
                refused = named;
                return false;
            }

            var sequence = next.Outbox.Sequence;
            if (next.First < sequence.Acknowledged)
            {
                run.Records.Acknowledged[next.Index] = true;
                run.ToSend.Dequeue().Release();
                continue;
            }

            if (next.First >= sequence.Present)
            {
                run.IsOneInFlight = true;
                run.ToSend.Dequeue();
                next.Outbox.Add(next);
                outboxes.Send(next.Outbox);
            }

            return false; // if the leader has it, it waits for the replicas
        }

        return !run.IsOneInFlight;
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
}
