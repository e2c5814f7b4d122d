using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Losses;

/// <summary>
/// Accounts for everything of one log that does not reach Kafka as it was: quarantine first, then the ledger, then the
/// counters and the log. Only when a call has returned may the watermark pass.
/// </summary>
internal sealed class LossRecorder(
    Ledger ledger, Quarantine quarantine, string directory, string component, ILogger logger, TimeProvider time) : IDisposable
{
    private Ledger Ledger => ledger;

    private Quarantine Quarantine => quarantine;

    private string Directory => directory;

    private readonly RepeatLimit _rejectedLogged = new(time);
    private long _rejectedSince;

    /// <summary>What of this log is in quarantine, in bytes on the disk.</summary>
    public long QuarantineBytes => quarantine.Bytes;

    /// <summary>Whether records of so many bytes can be set aside now; if not, why not and what to do.</summary>
    public bool HasRoomFor(long bytes, [NotNullWhen(false)] out string? reason) => quarantine.HasRoomFor(bytes, out reason);

    /// <summary>Bytes of a segment are no batch, or the start of one that was never finished.</summary>
    /// <returns>False if they are not all in quarantine, since there is no room: they are in the segment, and nowhere else.</returns>
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

    /// <summary>Bytes vanished before they were shipped.</summary>
    public void Lost(string segment, long position, long endPosition, string reason)
    {
        ledger.Add(LedgerKind.Lost, directory, segment, position, endPosition, 0, reason);
        FeederLog.Lost(logger, PathOf(segment), position, endPosition, reason);
    }

    /// <summary>
    /// A file was cut behind what was confirmed. Bytes that had been shipped vanished: nothing is missing of those, but
    /// somebody cuts files that he should not. What was written after them is lost. All of it is in the ledger, or nothing.
    /// </summary>
    /// <param name="segment">Its name.</param>
    /// <param name="bytes">What is left.</param>
    /// <param name="confirmed">To where it was confirmed.</param>
    /// <param name="written">To where it had been written.</param>
    /// <param name="lostReason">Why what was not confirmed is lost.</param>
    public void Cut(string segment, long bytes, long confirmed, long written, string lostReason)
    {
        const string Reason =
            "the file has shrunk behind what was confirmed; the bytes had been shipped, or are in an entry before this one";
        var vanished = new LedgerEntry(LedgerKind.Vanished, directory, segment, bytes, confirmed, 0, Reason);
        if (written <= confirmed)
        {
            ledger.Add([vanished]);
            return;
        }

        ledger.Add([vanished, new LedgerEntry(LedgerKind.Lost, directory, segment, confirmed, written, 0, lostReason)]);
        FeederLog.Lost(logger, PathOf(segment), confirmed, written, lostReason);
    }

    /// <summary>
    /// The brokers will never take these records. All are safe when <see cref="Refusals.Commit"/> has returned. If that fails, what
    /// is in quarantine already is not copied again by the next try.
    /// </summary>
    /// <param name="batch">Whose records.</param>
    /// <param name="bytes">What those take that are not in quarantine.</param>
    /// <param name="inQuarantine">By index: records that are in quarantine. Those that are added join them once they are on the disk.</param>
    /// <exception cref="IOException">There is no room for so many bytes of them.</exception>
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

    /// <summary>For the log: directories hold segments of the same name.</summary>
    private string PathOf(string segment) => Path.Combine(directory, segment);

    /// <summary>The first at once, then one line in a while with how many there were.</summary>
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
            FeederLog.RejectedMore(logger, component, directory, _rejectedSince);
            _rejectedSince = 0;
        }
    }

    /// <summary>Refused records of one batch: they become safe together.</summary>
    public sealed class Refusals(LossRecorder book, StoredBatch batch, HashSet<int> inQuarantine)
    {
        private readonly List<(LedgerEntry Entry, long Offset, string Reason)> _refused = [];
        private readonly List<int> _added = [];

        /// <summary>One more.</summary>
        /// <param name="index">Its place in the batch.</param>
        /// <param name="record">What it is.</param>
        /// <param name="reason">Why the brokers do not take it.</param>
        /// <exception cref="IOException">It cannot be set aside: do not pass it.</exception>
        public void Add(int index, in Record record, string reason)
        {
            if (!inQuarantine.Contains(index))
            {
                book.Quarantine.Add(record);
                _added.Add(index);
            }

            var entry = new LedgerEntry(
                LedgerKind.Rejected,
                book.Directory,
                batch.FileName,
                batch.Position,
                batch.EndPosition,
                1,
                $"offset {record.Offset}: {reason}");
            _refused.Add((entry, record.Offset, reason));
        }

        /// <summary>Forces the records to the disk, then the entries in the ledger.</summary>
        /// <exception cref="IOException">They are not safe: do not pass them.</exception>
        public void Commit()
        {
            book.Quarantine.Sync();
            inQuarantine.UnionWith(_added);
            book.Ledger.Add([.. _refused.Select(r => r.Entry)]);
            foreach (var (_, offset, reason) in _refused)
            {
                book.LogRejected(batch.FileName, offset, reason);
            }
        }
    }
}
