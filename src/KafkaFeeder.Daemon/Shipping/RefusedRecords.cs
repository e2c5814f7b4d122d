using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Decides what happens to records that the brokers refused one by one: the log is held, or the records are set aside in
/// quarantine and the ledger. Not thread-safe.
/// </summary>
internal sealed class RefusedRecords(IBatchSource source, LossRecorder recorder, TimeProvider time)
{
    /// <summary>If a record is further ahead of the clock than this, it is set aside like any other, and the log is not held.</summary>
    private static readonly TimeSpan LongestAhead = TimeSpan.FromDays(1);

    private readonly RefusalRun _run = new();

    private delegate void RecordAction(int index, Record record);

    /// <summary>A batch was acknowledged as a whole.</summary>
    public void Taken() => _run.Taken();

    /// <summary>Counts a refusal and decides: the log is held for these records, or they may be set aside.</summary>
    /// <returns>True if it is held.</returns>
    /// <exception cref="IOException">The batch cannot be read again, or the free space cannot be determined.</exception>
    public bool HoldsFor(
        PendingBatch batch, IReadOnlyList<RejectedRecord> rejected, RejectAction onReject, [NotNullWhen(true)] out string? reason)
    {
        var what = $"{Words.Count(rejected.Count, "record", "records")} of {batch.Stored.FileName} from position {batch.Stored.Position} "
            + $"refused ({rejected[0].Reason})";
        reason = onReject == RejectAction.Hold ? $"{what}; on_reject: hold"
            : !recorder.HasRoomFor(BytesOf(batch, rejected), out var noRoom) ? $"{what}, and {noRoom}"
            : _run.AddAndJudge(batch.Stored, rejected, batch.IsAnyTaken, out var ofTopic) ? ofTopic
            : AheadOfTime(batch, rejected) is { } ahead
                ? $"a record of {batch.Stored.FileName} at position {batch.Stored.Position} is {Words.Age(ahead)} ahead of the clock "
                    + $"({rejected[0].Reason}): it is sent again until the brokers accept it"
            : null;
        return reason is not null;
    }

    /// <summary>Puts records in quarantine and the ledger, and settles them.</summary>
    /// <exception cref="IOException">They could not be written. Send them again: they will be refused again.</exception>
    public void SetAside(PendingBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var reasons = rejected.ToDictionary(r => r.Index, r => r.Reason);
        var refused = recorder.Rejected(batch.Stored, BytesOf(batch, rejected), batch.InQuarantine ??= []);
        Decode(batch, (index, record) =>
        {
            if (reasons.TryGetValue(index, out var reason))
            {
                refused.Add(index, record, reason);
            }
        });
        refused.Commit();
        foreach (var index in reasons.Keys)
        {
            batch.SetAside(index);
        }
    }

    /// <summary>How far a refused record is ahead of the clock, if that is at most <see cref="LongestAhead"/>; null if none is.</summary>
    private TimeSpan? AheadOfTime(PendingBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var refused = rejected.Where(r => r.Why == RejectionKind.Timestamp).Select(r => r.Index).ToHashSet();
        if (refused.Count == 0)
        {
            return null;
        }

        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        TimeSpan? ahead = null;
        Decode(batch, (index, record) =>
        {
            var by = TimeSpan.FromMilliseconds(Math.Max(0, record.Timestamp - now));
            if (refused.Contains(index) && by > TimeSpan.Zero && by <= LongestAhead)
            {
                ahead = by;
            }
        });
        return ahead;
    }

    /// <summary>Bytes that these records need in quarantine. Records that are there already need none.</summary>
    private long BytesOf(PendingBatch batch, IReadOnlyList<RejectedRecord> rejected)
    {
        var refused = rejected.Select(r => r.Index).Where(i => batch.InQuarantine?.Contains(i) is not true).ToHashSet();
        var bytes = 0L;
        Decode(batch, (index, record) => bytes += refused.Contains(index) ? Quarantine.BytesOf(record) : 0);
        return bytes;
    }

    private void Decode(PendingBatch batch, RecordAction action)
    {
        var bytes = source.ReadAgain(batch) ?? throw new IOException(
            $"{batch.Stored.FileName}: the batch at position {batch.Stored.Position} has changed since it was read");
        try
        {
            var records = new RecordBatchDecoder().Decode(bytes.AsSpan(0, (int)batch.Stored.Bytes));
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
}
