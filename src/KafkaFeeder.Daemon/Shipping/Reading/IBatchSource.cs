using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// The source of the batches of one log. It finds the files, reads them in order, reads a batch again if it has to be sent again,
/// determines when a file is final, and keeps the acknowledged position of each. Nothing else opens a file of the log. Not
/// thread-safe.
/// </summary>
internal interface IBatchSource : IDisposable
{
    /// <summary>The number of files that exist.</summary>
    int Count { get; }

    /// <summary>The number of files that are read to their end and wait for acknowledgements. They are open.</summary>
    int AwaitingCount { get; }

    /// <summary>Bytes on disk that are not acknowledged.</summary>
    long LagBytes { get; }

    /// <summary>The first bytes on disk that are not acknowledged; null if there are none.</summary>
    UnshippedPlace? FirstUnshipped { get; }

    /// <summary>A file for which it cannot be determined whether its writer still runs; null: none so far.</summary>
    UncertainFile? Uncertain { get; }

    /// <summary>Files that are gone, or that are back and cannot be read.</summary>
    AbsentFiles Absent { get; }

    /// <summary>The batches that were read and are not settled, in order.</summary>
    IEnumerable<PendingBatch> Pending { get; }

    /// <summary>
    /// The batches that were read after the acknowledged positions, in order within a file, including settled ones.
    /// </summary>
    IEnumerable<BatchPlace> AfterAcknowledged { get; }

    /// <summary>Called with the name of a file when bytes of it were skipped, before a batch behind them is returned.</summary>
    Action<string>? OnSkipped { set; }

    /// <summary>True if there is something to save, besides what <see cref="HasFound"/> says.</summary>
    bool HasChanges { get; }

    /// <summary>
    /// True if files were found that are not saved in the checkpoint yet. Nothing has to wait for that: a later run finds them again.
    /// </summary>
    bool HasFound { get; }

    /// <summary>
    /// Checks which files appeared or disappeared, and every few seconds their sizes. To be called in every turn, even while nothing
    /// can be sent.
    /// </summary>
    /// <exception cref="IOException">The directory cannot be read, or a loss cannot be recorded; the next call tries again.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be read.</exception>
    void Refresh();

    /// <summary>Reads the next batch of the log.</summary>
    /// <param name="goesOn">Called after each step that gives no batch. If it returns false, reading stops for this turn.</param>
    /// <param name="stored">Its bytes, until the next call.</param>
    /// <returns>The batch; null if there is none now.</returns>
    /// <exception cref="IOException">A file cannot be read; nothing was consumed.</exception>
    /// <exception cref="KafkaLog.Format.UnsupportedBatchException">A file holds what this version does not read.</exception>
    PendingBatch? TryReadNext(Func<bool> goesOn, out ReadOnlySpan<byte> stored);

    /// <summary>True if a search after damage was left unfinished since the last call: read on soon.</summary>
    bool TakeSearching();

    /// <summary>Reads a batch once more, to send it again.</summary>
    /// <returns>The bytes in an array of the shared pool; null if the file no longer holds that batch.</returns>
    byte[]? ReadAgain(PendingBatch batch);

    /// <summary>
    /// Settles a batch: all its records are acknowledged or recorded in the ledger. Moves the acknowledged position; may finish the file.
    /// </summary>
    /// <exception cref="IOException">The batch is settled, but the file could not be finished. That is tried again.</exception>
    void Settle(PendingBatch batch);

    /// <summary>
    /// Like <see cref="Settle"/>, but for a batch of which only some records are settled: the position moves past those at its front.
    /// </summary>
    /// <exception cref="IOException">The file could not be finished or closed. That is tried again.</exception>
    void Progressed(PendingBatch batch);

    /// <summary>Records that a batch cannot be read again, because the file has changed.</summary>
    /// <exception cref="IOException">It could not be recorded: do not settle the batch.</exception>
    void RecordChanged(PendingBatch batch);

    /// <summary>Records that a batch is damaged.</summary>
    /// <exception cref="IOException">It could not be recorded: do not settle the batch.</exception>
    void RecordDamaged(PendingBatch batch, string reason);

    /// <summary>
    /// Takes the changes since the last call, to be saved. New files with nothing acknowledged are included up to a limit.
    /// </summary>
    /// <param name="withFound">False: such new files are not included.</param>
    CheckpointChange TakeChanges(bool withFound);

    /// <summary>Returns changes that were taken and could not be saved: the next <see cref="TakeChanges"/> includes them.</summary>
    void GiveBackChanges(CheckpointChange change);

    /// <summary>Frees the read buffers: between turns, a log keeps no file content in memory.</summary>
    void DropBuffers();
}

/// <summary>Opens the source of a log.</summary>
/// <param name="onReset">
/// Called when a file is not as the checkpoint says, before any batch is returned that was read after the reset.
/// </param>
internal delegate IBatchSource OpenSource(Action<FileReset> onReset);

/// <summary>A file is not as the checkpoint says.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="Start">Where reading starts now, if the file is read.</param>
/// <param name="What">What is different and where reading continues: a sentence.</param>
/// <param name="IsGoingBack">
/// True: the position in the checkpoint on disk is too far, so a new checkpoint must be saved before anything of the file is sent.
/// </param>
internal sealed record FileReset(string FileName, SentMark Start, string What, bool IsGoingBack);

/// <summary>The first bytes of a log that are not acknowledged.</summary>
/// <param name="Place">File and position, for people.</param>
/// <param name="Timestamp">Time of the first record there, ms since 1970 UTC; 0 if it cannot be determined.</param>
internal readonly record struct UnshippedPlace(string Place, long Timestamp);

/// <summary>A file for which it cannot be determined whether its writer still runs.</summary>
/// <param name="FileName">Its name.</param>
/// <param name="FinalAt">When it counts as final.</param>
internal readonly record struct UncertainFile(string FileName, DateTimeOffset FinalAt);

/// <summary>Files of a log that are gone from its directory, or are back and cannot be read.</summary>
/// <param name="Missing">Files that may come back; null: none.</param>
/// <param name="Removed">
/// Files that are still open and have bytes to ship. They can be read as long as they are open. Their bytes are included in
/// <see cref="IBatchSource.LagBytes"/>. Null: none.
/// </param>
/// <param name="RemovedCount">The number of files that are gone and still open, including those that are wholly shipped.</param>
/// <param name="Unreadable">
/// Files that were shipped, are back and cannot be read, so it cannot be determined whether they are the same files; null: none.
/// </param>
internal readonly record struct AbsentFiles(
    MissingFiles? Missing, RemovedFiles? Removed, int RemovedCount, UnreadableFiles? Unreadable);

/// <summary>Files that are gone and may come back.</summary>
/// <param name="Count">The number of files.</param>
/// <param name="Bytes">Their unshipped bytes.</param>
/// <param name="Since">When the first was found missing.</param>
/// <param name="Until">When the first counts as lost.</param>
internal readonly record struct MissingFiles(int Count, long Bytes, DateTimeOffset Since, DateTimeOffset Until);

/// <summary>Files that are open and whose names are gone.</summary>
/// <param name="Count">The number of files.</param>
/// <param name="Bytes">Their unshipped bytes.</param>
internal readonly record struct RemovedFiles(int Count, long Bytes);

/// <summary>Files that are back and cannot be read.</summary>
/// <param name="Count">The number of files.</param>
/// <param name="Error">Why the first cannot be read.</param>
internal readonly record struct UnreadableFiles(int Count, string Error);
