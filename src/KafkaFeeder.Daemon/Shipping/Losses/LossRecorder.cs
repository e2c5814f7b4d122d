using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Records everything of one log that does not reach Kafka as it was: first in quarantine, then in the ledger, then in the counters
/// and in the daemon's log. Only when a call has returned may the acknowledged position move past it.
/// </summary>
internal sealed class LossRecorder(
    Ledger ledger, Quarantine quarantine, string directory, string component, ILogger logger, TimeProvider time) : IDisposable
{
    private Ledger Ledger => ledger;

    private Quarantine Quarantine => quarantine;

    private string Directory => directory;

    private readonly RepeatLimit _rejectedLogged = new(time);
    private long _rejectedSince;

    /// <summary>What quarantine of this log takes on disk, in bytes.</summary>
    public long QuarantineBytes => quarantine.Bytes;

    /// <summary>True if records of this many bytes can be set aside now; if not, the reason says why, and what to do.</summary>
    public bool HasRoomFor(long bytes, [NotNullWhen(false)] out string? reason) => quarantine.HasRoomFor(bytes, out reason);

    /// <summary>Records bytes of a segment that are not a batch, or that are the start of an unfinished batch (a torn tail).</summary>
    /// <returns>False if not all damaged bytes could be copied to quarantine: then the segment has the only copy.</returns>
    public bool Damaged(SafeFileHandle file, string segment, SegmentDamage damage)
    {
        if (damage.IsTornTail)
        {
            ledger.Add(LedgerKind.Torn, directory, segment, damage.Position, damage.EndPosition, 0, damage.Reason);
            FeederLog.TornTail(logger, PathOf(segment), damage.Position, damage.EndPosition);
            return true;
        }

        var isCopied = quarantine.TryAddDamage(file, segment, damage.Position, damage.EndPosition, out var uncopied);
        var reason = isCopied ? damage.Reason : $"{damage.Reason}; {uncopied}";
        ledger.Add(LedgerKind.Damaged, directory, segment, damage.Position, damage.EndPosition, 0, reason);
        FeederLog.Damage(
            logger, PathOf(segment), damage.Position, damage.EndPosition, damage.Reason, uncopied ?? "copied to quarantine");
        return isCopied;
    }

    /// <summary>Records bytes that vanished before they were shipped.</summary>
    public void Lost(string segment, long position, long endPosition, string reason)
    {
        ledger.Add(LedgerKind.Lost, directory, segment, position, endPosition, 0, reason);
        FeederLog.Lost(logger, PathOf(segment), position, endPosition, reason);
    }

    /// <summary>Records that the brokers had acknowledged and have no longer. What retention has left of them is still on disk.</summary>
    public void LostByBrokers(string segment, long records)
    {
        var reason = $"the brokers had acknowledged {Words.Count(records, "record", "records")} and have lost them: "
            + "an unclean election of a leader, or the loss of a disk";
        ledger.Add(LedgerKind.Lost, directory, segment, 0, 0, records, reason);
        FeederLog.LostByBrokers(logger, component, directory, records);
    }

    /// <summary>
    /// Records that a file was cut before the acknowledged position. The bytes up to that position had been shipped, so nothing of
    /// those is lost, but somebody cuts files that must not be cut. Bytes written after the position are lost. Both entries are
    /// written to the ledger, or none.
    /// </summary>
    /// <param name="segment">The file name of the segment.</param>
    /// <param name="bytes">The size that is left.</param>
    /// <param name="acknowledged">The acknowledged position.</param>
    /// <param name="written">The position up to which it had been written.</param>
    /// <param name="lostReason">Why the bytes after the acknowledged position are lost.</param>
    public void Cut(string segment, long bytes, long acknowledged, long written, string lostReason)
    {
        const string Reason =
            "the file was cut before the acknowledged position; the bytes had been shipped, or are in an earlier entry";
        var vanished = new LedgerEntry(LedgerKind.Vanished, directory, segment, bytes, acknowledged, 0, Reason);
        if (written <= acknowledged)
        {
            ledger.Add([vanished]);
            return;
        }

        ledger.Add([vanished, new LedgerEntry(LedgerKind.Lost, directory, segment, acknowledged, written, 0, lostReason)]);
        FeederLog.Lost(logger, PathOf(segment), acknowledged, written, lostReason);
    }

    /// <summary>
    /// Starts to set aside records that the brokers will never accept. All are on disk when <see cref="Refusals.Commit"/> has returned.
    /// If that fails, the next attempt does not copy records again that are in quarantine already.
    /// </summary>
    /// <param name="batch">The batch of the records.</param>
    /// <param name="bytes">The bytes that the records need that are not in quarantine yet.</param>
    /// <param name="inQuarantine">Indexes of records that are in quarantine. Added records join them once they are on disk.</param>
    /// <exception cref="IOException">Quarantine has no room for this many bytes.</exception>
    public Refusals Rejected(StoredBatch batch, long bytes, HashSet<int> inQuarantine)
    {
        quarantine.Take(bytes);
        return new(this, batch, inQuarantine);
    }

    public void Dispose()
    {
        LogRejectedSince();
        quarantine.Dispose();
    }

    /// <summary>The path for log events: several directories may have segments of the same name.</summary>
    private string PathOf(string segment) => Path.Combine(directory, segment);

    /// <summary>Logs the first refused record at once, then from time to time one line with their number.</summary>
    private void LogRejected(string segment, long offset, string reason)
    {
        if (!_rejectedLogged.TryTake())
        {
            _rejectedSince++;
            return;
        }

        LogRejectedSince();
        FeederLog.Rejected(logger, component, PathOf(segment), offset, reason);
    }

    private void LogRejectedSince()
    {
        if (_rejectedSince > 0)
        {
            FeederLog.RejectedMore(logger, component, directory, Words.Count(_rejectedSince, "more record was", "more records were"));
            _rejectedSince = 0;
        }
    }

    /// <summary>Refused records of one batch. They are synced to disk together.</summary>
    public sealed class Refusals(LossRecorder recorder, StoredBatch batch, HashSet<int> inQuarantine)
    {
        private readonly List<(LedgerEntry Entry, long Offset, string Reason)> _refused = [];
        private readonly List<int> _added = [];

        /// <summary>Adds a record.</summary>
        /// <param name="index">Its index in the batch, from 0.</param>
        /// <param name="record">The record.</param>
        /// <param name="reason">Why the brokers refuse it.</param>
        /// <exception cref="IOException">It cannot be set aside: do not settle it.</exception>
        public void Add(int index, in Record record, string reason)
        {
            if (!inQuarantine.Contains(index))
            {
                recorder.Quarantine.Add(record);
                _added.Add(index);
            }

            var entry = new LedgerEntry(
                LedgerKind.Rejected,
                recorder.Directory,
                batch.FileName,
                batch.Position,
                batch.EndPosition,
                1,
                $"offset {record.Offset}: {reason}");
            _refused.Add((entry, record.Offset, reason));
        }

        /// <summary>Syncs the records to disk, then the entries in the ledger.</summary>
        /// <exception cref="IOException">They may not be on disk: do not settle them.</exception>
        public void Commit()
        {
            recorder.Quarantine.Sync();
            inQuarantine.UnionWith(_added);
            recorder.Ledger.Add([.. _refused.Select(r => r.Entry)]);
            foreach (var (_, offset, reason) in _refused)
            {
                recorder.LogRejected(batch.FileName, offset, reason);
            }
        }
    }
}
