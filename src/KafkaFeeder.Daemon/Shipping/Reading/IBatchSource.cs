using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Where the batches of one log come from. It finds files, reads them in order, reads a batch again when it has to be sent again,
/// knows when a file is final, and keeps what is acknowledged of each. Nothing outside it opens a file of the log. Not thread-safe.
/// </summary>
internal interface IBatchSource : IDisposable
{
    /// <summary>Files that are there.</summary>
    int Count { get; }

    /// <summary>Files that are read to their end and wait for acknowledgements. They are open.</summary>
    int AwaitingCount { get; }

    /// <summary>Bytes that are there and not acknowledged.</summary>
    long LagBytes { get; }

    /// <summary>The first bytes that are there and not acknowledged; null if there are none.</summary>
    UnshippedPlace? FirstUnshipped { get; }

    /// <summary>A file of which nobody can tell whether its writer still runs; null: none so far.</summary>
    UncertainFile? Uncertain { get; }

    /// <summary>What is gone, or is back and cannot be read.</summary>
    AbsentFiles Absent { get; }

    /// <summary>The batches that were read and are not settled, in order.</summary>
    IEnumerable<PendingBatch> Pending { get; }

    /// <summary>
    /// The batches that were read after the acknowledged positions, in order within a file, also those of them that are settled.
    /// </summary>
    IEnumerable<StoredBatch> AfterAcknowledged { get; }

    /// <summary>True if there is something to save, besides what <see cref="HasFound"/> says.</summary>
    bool HasChanges { get; }

    /// <summary>
    /// True if files were found and are not saved yet. Nothing has to wait for them: a later run would find them again.
    /// </summary>
    bool HasFound { get; }

    /// <summary>
    /// Looks for files that came or went, and every few seconds at sizes. To be called in every turn, also while nothing can be sent.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be read, or a loss cannot be recorded; it is looked at again.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be read.</exception>
    void Refresh();

    /// <summary>Reads the next batch of the log.</summary>
    /// <param name="goesOn">Asked between steps that give no batch; false: enough for this turn.</param>
    /// <param name="stored">Its bytes, until the next call.</param>
    /// <returns>Null: there is none now.</returns>
    /// <exception cref="IOException">A file cannot be read; nothing was consumed.</exception>
    /// <exception cref="KafkaLog.Format.UnsupportedBatchException">A file holds what this version does not read.</exception>
    PendingBatch? TryReadNext(Func<bool> goesOn, out ReadOnlySpan<byte> stored);

    /// <summary>Whether, since this was last asked, a search after damage was left unfinished: then continue soon.</summary>
    bool TakeSearching();

    /// <summary>Reads a batch once more, to send it again.</summary>
    /// <returns>The bytes in an array of the shared pool; null if the file no longer holds that batch.</returns>
    byte[]? ReadAgain(PendingBatch batch);

    /// <summary>All records of a batch are acknowledged or recorded as lost: moves the acknowledged position, may finish the file.</summary>
    /// <exception cref="IOException">It is settled; what follows from it could not be done and is tried again.</exception>
    void Settle(PendingBatch batch);

    /// <summary>Some records of a batch may be settled that were not before: as <see cref="Settle"/>, for those at its front.</summary>
    /// <exception cref="IOException">What follows from it could not be done and is tried again.</exception>
    void Progressed(PendingBatch batch);

    /// <summary>Records that a batch cannot be read again, because the file has changed.</summary>
    /// <exception cref="IOException">It could not be recorded: do not settle the batch.</exception>
    void RecordChanged(PendingBatch batch);

    /// <summary>Records that a batch is damaged.</summary>
    /// <exception cref="IOException">It could not be recorded: do not settle the batch.</exception>
    void RecordDamaged(PendingBatch batch, string reason);

    /// <summary>
    /// Takes what has changed since this was last asked, to be saved; of files that were found, and of which nothing is
    /// acknowledged, a bounded number.
    /// </summary>
    /// <param name="withFound">False: none of those.</param>
    CheckpointChange TakeChanges(bool withFound);

    /// <summary>A change that was taken could not be saved: it still has to be.</summary>
    void GiveBackChanges(CheckpointChange change);

    /// <summary>Frees read buffers: between turns, an idle log holds nothing in memory of what is on disk.</summary>
    void DropBuffers();
}

/// <summary>Opens the source of a log.</summary>
/// <param name="onReset">Called when a file is not as the checkpoint says, before any batch is returned that was read after it.</param>
internal delegate IBatchSource OpenSource(Action<FileReset> onReset);

/// <summary>A file is not as the checkpoint says.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="Start">Where it is read from now, if it is read.</param>
/// <param name="What">What is different and where reading continues: a sentence.</param>
/// <param name="IsGoingBack">True: the checkpoint on disk claims more than is true now, so a new one has to be saved before
/// anything of the file is sent.</param>
internal sealed record FileReset(string FileName, SentMark Start, string What, bool IsGoingBack);

/// <summary>The first bytes of a log that are not acknowledged.</summary>
/// <param name="Place">File and position, for people.</param>
/// <param name="Timestamp">Time of the first record there, ms since 1970 UTC; 0 if nobody can tell.</param>
internal readonly record struct UnshippedPlace(string Place, long Timestamp);

/// <summary>A file of which nobody can tell whether its writer still runs.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="FinalAt">When it counts as final.</param>
internal readonly record struct UncertainFile(string FileName, DateTimeOffset FinalAt);

/// <summary>Files of a log that are gone from its directory, or are back and cannot be read.</summary>
/// <param name="Missing">Those that may come back; null: none.</param>
/// <param name="Removed">Those that are still open with something to ship, which can be read as long as they are open; null:
/// none. Their bytes are in <see cref="IBatchSource.LagBytes"/>.</param>
/// <param name="RemovedCount">Those that are still open, whether or not all of them is shipped.</param>
/// <param name="Unreadable">Those that were shipped, are back and cannot be read, so that nobody knows whether they are the same;
/// null: none.</param>
internal readonly record struct AbsentFiles(
    MissingFiles? Missing, RemovedFiles? Removed, int RemovedCount, UnreadableFiles? Unreadable);

/// <summary>Files that are gone and are waited for.</summary>
/// <param name="Count">How many.</param>
/// <param name="Bytes">What of them is not shipped.</param>
/// <param name="Since">When the first was missed.</param>
/// <param name="Until">When the first counts as lost.</param>
internal readonly record struct MissingFiles(int Count, long Bytes, DateTimeOffset Since, DateTimeOffset Until);

/// <summary>Files that are open and whose names are gone.</summary>
/// <param name="Count">How many.</param>
/// <param name="Bytes">What of them is not shipped.</param>
internal readonly record struct RemovedFiles(int Count, long Bytes);

/// <summary>Files that are back and cannot be read.</summary>
/// <param name="Count">How many.</param>
/// <param name="Error">Why the first cannot.</param>
internal readonly record struct UnreadableFiles(int Count, string Error);
