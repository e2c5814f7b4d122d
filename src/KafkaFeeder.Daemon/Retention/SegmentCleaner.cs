using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Telemetry;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>
/// Deletes segments that are wholly acknowledged in the checkpoint on disk (not the one in memory) and past their retention. (Kafka's
/// LogCleaner compacts; this one only deletes.) It holds the directory open in which the log was planned, so that changing a link in
/// its path meanwhile has no effect.
/// </summary>
internal sealed class SegmentCleaner(
    TimeSpan interval,
    Func<IReadOnlyList<CleanableLog>> logs,
    ILogger logger,
    TimeProvider time)
{
    /// <summary>If the wall clock jumps by more than this against the monotonic clock, ages are wrong: nothing is deleted.</summary>
    private static readonly TimeSpan MaxClockJump = TimeSpan.FromHours(1);

    private DateTimeOffset _lastNow = time.GetUtcNow();
    private long _lastTimestamp = time.GetTimestamp();
    private HashSet<string> _warned = new(StringComparer.Ordinal);
    private HashSet<string> _warnedNow = new(StringComparer.Ordinal);

    /// <summary>Cleans at intervals.</summary>
    public Task RunAsync(LoopProgress progress, CancellationToken stopping) =>
        progress.RepeatAsync(() => RunOnce(progress.MadeProgress, stopping), interval, time, stopping);

    /// <summary>One round over all logs.</summary>
    /// <param name="onStep">Called for each segment, as a sign of progress: deleting many large files takes long.</param>
    /// <param name="stopping">Ends the round before the next segment.</param>
    public void RunOnce(Action onStep, CancellationToken stopping)
    {
        var now = time.GetUtcNow();
        var jump = now - _lastNow - time.GetElapsedTime(_lastTimestamp);
        _lastNow = now;
        _lastTimestamp = time.GetTimestamp();
        if (jump.Duration() > MaxClockJump)
        {
            FeederLog.CleaningPaused(logger, Words.Age(jump.Duration()));
            return;
        }

        _warnedNow = new HashSet<string>(StringComparer.Ordinal);
        foreach (var log in logs())
        {
            Clean(log, now, onStep, stopping);
        }

        if (!stopping.IsCancellationRequested)
        {
            _warned = _warnedNow;
        }
    }

    private void Clean(CleanableLog log, DateTimeOffset now, Action onStep, CancellationToken stopping)
    {
        if (log.Done.Count == 0 || log.Retention is null || stopping.IsCancellationRequested)
        {
            return;
        }

        if (!RealFile.TryOpen(log.Directory, out var directory, out var errno))
        {
            if (!Errors.IsAbsent(errno))
            {
                FeederLog.NotCleaned(logger, log.Directory, Errors.Text(errno));
            }

            return;
        }

        using (directory)
        {
            var facts = FileFacts.Of(directory!);
            if (!facts.IsDirectory || (log.DirectoryId is { } planned && planned != facts.Id))
            {
                Warn(log.Directory, "", "moved", "is another directory than the log was found in: nothing in it is deleted until the "
                    + "next search for logs");
                return;
            }

            foreach (var segment in log.Done.TakeWhile(_ => !stopping.IsCancellationRequested))
            {
                onStep();
                Clean(log, directory!, facts, segment, now);
            }
        }
    }

    private void Clean(CleanableLog log, SafeFileHandle directory, FileFacts directoryFacts, SegmentCheckpoint saved, DateTimeOffset now)
    {
        try
        {
            if (!FileFacts.TryOf(directory, saved.Name, out var facts, out _) // deleted by somebody else, or in an earlier round
                || RetentionPolicy.Judge(saved, StatOf(facts), log.Retention, now) == RetentionVerdict.TooYoung)
            {
                return;
            }

            if (!RealFile.TryOpenIn(directory, saved.Name, out var file, out var errno))
            {
                Warn(log.Directory, saved.Name, "unopened", $"cannot be deleted: {Errors.Text(errno)}");
                return;
            }

            using (file)
            {
                Clean(log, directory, directoryFacts, saved, file!, now);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            FeederLog.NotCleaned(logger, Path.Combine(log.Directory, saved.Name), e.Message);
        }
    }

    /// <summary>Checks the open file, so that the checks and the deletion concern the same file.</summary>
    private void Clean(
        CleanableLog log,
        SafeFileHandle directory,
        FileFacts directoryFacts,
        SegmentCheckpoint saved,
        SafeFileHandle file,
        DateTimeOffset now)
    {
        var facts = FileFacts.Of(file);
        var keep = log.Retention!.Value;
        var verdict = !facts.IsRegular || IsReplaced(saved, file)
            ? RetentionVerdict.Replaced
            : RetentionPolicy.Judge(saved, StatOf(facts), keep, now);
        if (verdict == RetentionVerdict.Grown)
        {
            Warn(log.Directory, saved.Name, "grown", $"has {facts.Bytes} bytes, and had {saved.Bytes} when it was shipped: it is not "
                + $"deleted before the rest is shipped. A writer has started again, or holds no lock");
        }
        else if (verdict == RetentionVerdict.Replaced)
        {
            Warn(log.Directory, saved.Name, "replaced", "is another file than the one of this name that was shipped: it is not deleted");
        }
        else if (verdict == RetentionVerdict.NotCopied)
        {
            Warn(log.Directory, saved.Name, "uncopied", "holds damaged bytes that are not in quarantine, or not all of them: it is not "
                + "deleted. ledger.jsonl says which. Save what you need from it, then delete it by hand");
        }
        else if (verdict == RetentionVerdict.Delete && MayGo(log, directoryFacts, saved, file, facts, now, keep))
        {
            Delete(log, directory, saved, facts, now - facts.Modified);
        }
    }

    private bool MayGo(
        CleanableLog log,
        FileFacts directoryFacts,
        SegmentCheckpoint saved,
        SafeFileHandle file,
        FileFacts facts,
        DateTimeOffset now,
        TimeSpan keep)
    {
        if (!SegmentFinality.IsFinal(SegmentLock.Probe(file), SegmentName.TryParse(saved.Name), facts.Modified, now))
        {
            return false; // a writer has it open, or may have it open
        }

        var overdue = now - facts.Modified - keep;
        var use = SegmentLocks.Check(file);
        if (use == SegmentUse.Writing || (use == SegmentUse.Reading && overdue <= SegmentLocks.ReaderGrace))
        {
            return false;
        }

        if (use == SegmentUse.Reading)
        {
            Warn(log.Directory, saved.Name, "locked", $"is deleted although somebody holds a lock on it: it has been due for "
                + $"{Words.Age(overdue)}, and no writer has it open");
        }

        if (facts.Links > 1 && facts.Owner != directoryFacts.Owner)
        {
            Warn(log.Directory, saved.Name, "foreign", $"has {facts.Links} names and belongs to user {facts.Owner}, its directory to "
                + $"user {directoryFacts.Owner}: it may be somebody else's file, and is not deleted");
            return false;
        }

        if (facts.Links > 1)
        {
            Warn(log.Directory, saved.Name, "linked", $"has {facts.Links} names: this one is deleted, but its space stays taken as "
                + $"long as there is another");
        }

        return true;
    }

    private void Delete(CleanableLog log, SafeFileHandle directory, SegmentCheckpoint saved, FileFacts facts, TimeSpan age)
    {
        if (!FileFacts.TryOf(directory, saved.Name, out var named, out _) || named.Id != facts.Id)
        {
            return; // another file has taken the name
        }

        var path = Path.Combine(log.Directory, saved.Name);
        if (FileCalls.UnlinkAt(directory, saved.Name, 0) != 0)
        {
            FeederLog.NotCleaned(logger, path, Errors.Text(System.Runtime.InteropServices.Marshal.GetLastPInvokeError()));
            return;
        }

        log.OnCleaned();
        FeederLog.Cleaned(logger, path, Words.Age(age));
    }

    private static SegmentStat StatOf(FileFacts facts) => new(facts.Id.Device, facts.Id.Inode, facts.Bytes, facts.Modified);

    /// <summary>True if the checksum of the first bytes is not the one in the checkpoint.</summary>
    private static bool IsReplaced(SegmentCheckpoint saved, SafeFileHandle file)
    {
        Span<byte> head = stackalloc byte[RecordBatchHeader.Bytes];
        return saved.Head is { } known && (RandomAccess.Read(file, head, 0) != head.Length || Crc32C.Compute(head) != known);
    }

    /// <summary>Logs a warning once for each segment and reason, as long as the reason applies.</summary>
    private void Warn(string directory, string segment, string why, string what)
    {
        var key = $"{directory}\0{segment}\0{why}";
        _warnedNow.Add(key);
        if (_warned.Add(key))
        {
            FeederLog.SegmentKept(logger, Path.Combine(directory, segment), what);
        }
    }
}

/// <summary>What the cleaner needs to know about a log.</summary>
/// <param name="Directory">The real path of its directory.</param>
/// <param name="DirectoryId">Which directory it was when the log was found; null: unknown.</param>
/// <param name="Retention">How long its segments are kept after their last write; null: they are not deleted.</param>
/// <param name="Done">Its segments that are done, by the checkpoint on disk.</param>
/// <param name="OnCleaned">Called for each deleted segment.</param>
internal sealed record CleanableLog(
    string Directory, FileId? DirectoryId, TimeSpan? Retention, IReadOnlyList<SegmentCheckpoint> Done, Action OnCleaned);
