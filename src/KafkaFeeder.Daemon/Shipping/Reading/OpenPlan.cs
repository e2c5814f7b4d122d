using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Where to start reading a segment, which bytes of it are lost, and why it differs from the checkpoint. Pure: the file was examined
/// before (<see cref="OpenFacts"/>). Only the search for its last whole batch is a callback, called if it is needed.
/// </summary>
/// <param name="Start">Where reading starts.</param>
/// <param name="Reset">Why reading does not start where the checkpoint says; null: it does.</param>
internal sealed record OpenPlan(AcknowledgedPosition Start, SegmentReset? Reset)
{
    /// <summary>Written bytes after this position are lost, unless <see cref="IsCut"/>.</summary>
    public long LostFrom { get; init; }

    /// <summary>Why they are lost.</summary>
    public string LostReason { get; init; } = "";

    /// <summary>
    /// True if acknowledged bytes are gone from the end of the file. Those had been shipped; the bytes written after them are lost.
    /// </summary>
    public bool IsCut { get; init; }

    /// <summary>True if it is another file of the same name.</summary>
    public bool IsOther { get; init; }

    /// <summary>Records that are sent from before this position may have been acknowledged before.</summary>
    public long AcknowledgedBefore { get; init; }

    /// <summary>The position where a skipped torn tail starts; null: there is none.</summary>
    public long? SkippedTailAt { get; init; }

    /// <summary>A torn tail that ends at or before this position is no loss: it was acknowledged before the file was cut.</summary>
    public long CutTo { get; init; }

    /// <summary>Decides where to start.</summary>
    /// <param name="facts">The file and the checkpoint.</param>
    /// <param name="search">Searches where the last whole batch before a position ends. Returns null while it is not done.</param>
    /// <returns>The plan; null while the search is not done.</returns>
    public static OpenPlan? Of(in OpenFacts facts, Func<long, IntactPart?> search)
    {
        var saved = facts.Saved;
        return facts.HasOtherHead ? OfOtherFile(facts)
            : facts.Bytes < saved.Position ? OfCutFile(facts, search)
            : facts.IsWrittenOver ? OfWrittenOver(facts)
            : facts.IsLastBatchThere ? OfSameFile(facts)
            : facts.SkippedTailAt is { } tail && facts.Bytes == saved.Position && !facts.IsTailWhole
                ? Plan(facts, saved, null) with { SkippedTailAt = tail }
            : search(facts.LastBatchOrEnd) is not { } intact ? null
            : facts.SkippedTailAt is not null ? OfGrownTail(facts, intact)
            : intact.IsFollowedByBatch ? OfWrittenOver(facts)
            : OfDamagedEnd(facts, intact);
    }

    private static OpenPlan Plan(in OpenFacts facts, AcknowledgedPosition start, string? whyReset) =>
        new(start, whyReset is null ? null : new SegmentReset(whyReset, IsGoingBack: true))
        {
            LostFrom = Math.Max(facts.Bytes, facts.Saved.Position),
            LostReason = ReasonOfCut(facts.Bytes),
        };

    private static OpenPlan OfSameFile(in OpenFacts facts)
    {
        var saved = facts.Saved;
        return facts.IsHalfBatchThere ? Plan(facts, saved, null)
            : Plan(
                facts,
                saved.WithoutRecord(),
                $"the batch at position {saved.Position}, of which {saved.Record} records were acknowledged, is not there any more: "
                    + "reading on from there; what is sent of another one in its place counts as possible duplicates") with
            {
                AcknowledgedBefore = saved.Position + 1,
            };
    }

    /// <summary>A file that is too short for a header is probably the rest of the old file, and not a new file.</summary>
    private static OpenPlan OfOtherFile(in OpenFacts facts)
    {
        var isShort = facts.Bytes < RecordBatchHeader.Bytes;
        return Plan(
            facts,
            default,
            isShort ? $"it was cut to {facts.Bytes} bytes, or is another file under the same name: reading it from its start"
                : "it is another file under the same name: reading it from its start") with
        {
            LostFrom = isShort ? Math.Max(facts.Bytes, facts.Saved.Position) : facts.Saved.Position,
            LostReason = isShort ? ReasonOfCut(facts.Bytes) : "another file took its name before it was shipped",
            IsOther = true,
        };
    }

    /// <summary>
    /// The bytes between the last whole batch and the end were acknowledged. The rest of their batch may be written again.
    /// </summary>
    private static OpenPlan? OfCutFile(in OpenFacts facts, Func<long, IntactPart?> search)
    {
        if (search(Math.Min(facts.LastBatchOrEnd, facts.Bytes)) is not { } intact)
        {
            return null;
        }

        var whole = intact.End;
        return Plan(
            facts,
            whole,
            $"it has shrunk to {facts.Bytes} bytes, {facts.Saved.Position} were acknowledged: reading on after the last batch that is "
                + $"whole, at position {whole.Position}; what is sent again counts as possible duplicates") with
        {
            IsCut = true,
            AcknowledgedBefore = facts.AcknowledgedEnd,
            CutTo = Math.Min(facts.AcknowledgedEnd, facts.Bytes),
        };
    }

    /// <summary>
    /// Another batch is where the last acknowledged one was. Whether the batches before it were acknowledged cannot be determined.
    /// </summary>
    private static OpenPlan OfWrittenOver(in OpenFacts facts) => Plan(
        facts,
        default,
        $"it was written over: the batches before position {facts.Saved.Position} are not the ones that were acknowledged; reading it "
            + "from its start; what is sent again counts as possible duplicates") with
    {
        AcknowledgedBefore = facts.WithHalfBatch,
    };

    /// <summary>Nothing of the skipped tail was sent.</summary>
    private static OpenPlan OfGrownTail(in OpenFacts facts, IntactPart intact) => Plan(
        facts,
        intact.End,
        $"it has grown past the start of a batch, which was skipped: reading on from position {intact.End.Position}") with
    {
        AcknowledgedBefore = facts.AcknowledgedEnd,
    };

    private static OpenPlan OfDamagedEnd(in OpenFacts facts, IntactPart intact) => Plan(
        facts,
        intact.End,
        $"the bytes before position {facts.Saved.Position} are not the ones that were acknowledged: reading on after the last batch that "
            + $"is whole, at position {intact.End.Position}; what is sent again counts as possible duplicates") with
    {
        AcknowledgedBefore = facts.WithHalfBatch,
    };

    /// <summary>The reason for losing bytes after the size that the file was cut to.</summary>
    public static string ReasonOfCut(long bytes) => $"the file was cut to {bytes} bytes before they were shipped";
}

/// <summary>What is known about a file when it is opened, from its checkpoint and from a few headers in it.</summary>
/// <param name="Saved">The acknowledged position in the checkpoint.</param>
/// <param name="Bytes">The size of the file now.</param>
internal readonly record struct OpenFacts(AcknowledgedPosition Saved, long Bytes)
{
    /// <summary>True if the first bytes of the file are not the ones in the checkpoint.</summary>
    public bool HasOtherHead { get; init; }

    /// <summary>True if, while it was open, other content was written into it and it was not shorter than what was read.</summary>
    public bool IsWrittenOver { get; init; }

    /// <summary>True if the last acknowledged batch is where it was, or none is known.</summary>
    public bool IsLastBatchThere { get; init; }

    /// <summary>False if a partly acknowledged batch is gone, or another one is in its place.</summary>
    public bool IsHalfBatchThere { get; init; }

    /// <summary>True if a whole batch is where a torn tail was skipped.</summary>
    public bool IsTailWhole { get; init; }

    /// <summary>Where a skipped torn tail starts; null: none. A checkpoint stores it as a last batch with CRC 0.</summary>
    public long? SkippedTailAt => TailOf(Saved);

    /// <summary>The end of what was sent and acknowledged: nothing of a skipped tail was sent.</summary>
    public long AcknowledgedEnd => SkippedTailAt ?? Saved.Position;

    /// <summary>Where the last acknowledged batch starts. If that batch is gone, any batch at this position is new.</summary>
    public long LastBatchOrEnd => Math.Min(AcknowledgedEnd, Saved.LastBatchPosition ?? AcknowledgedEnd);

    /// <summary>
    /// The acknowledged position. It is one byte further if some records of the next batch are acknowledged, so that this batch,
    /// which is sent again as a whole, counts as acknowledged before.
    /// </summary>
    public long WithHalfBatch => Saved.Record > 0 ? Saved.Position + 1 : Saved.Position;

    /// <summary>Examines a file.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="saved">Its checkpoint.</param>
    /// <param name="isWrittenOver">See <see cref="IsWrittenOver"/>.</param>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static OpenFacts Of(SafeFileHandle file, long bytes, SegmentCheckpoint saved, bool isWrittenOver)
    {
        var position = saved.Acknowledged;
        return new OpenFacts(position, bytes)
        {
            HasOtherHead = saved.Head is { } head && SegmentHead.Of(file) != head,
            IsWrittenOver = isWrittenOver,
            IsLastBatchThere = position.LastBatchPosition is not { } last || IsLastBatch(SegmentHead.HeaderAt(file, last), last, position),
            IsHalfBatchThere = position.Record == 0
                || (position.BatchCrc is { } crc
                    ? SegmentHead.HeaderAt(file, position.Position)?.StoredCrc == crc
                    : bytes > position.Position),
            IsTailWhole = TailOf(position) is { } tail && SegmentHead.HeaderAt(file, tail)?.TotalBytes <= bytes - tail,
        };
    }

    private static long? TailOf(AcknowledgedPosition saved) => saved.LastBatchCrc == 0 ? saved.LastBatchPosition : null;

    private static bool IsLastBatch(RecordBatchHeader? header, long at, AcknowledgedPosition saved) =>
        header is { } there && there.StoredCrc == saved.LastBatchCrc && at + there.TotalBytes == saved.Position;
}

/// <summary>The part of a file that is whole.</summary>
/// <param name="End">Where its last batch ends.</param>
/// <param name="IsFollowedByBatch">True if a whole batch starts there.</param>
internal readonly record struct IntactPart(AcknowledgedPosition End, bool IsFollowedByBatch);

/// <summary>A file is not as the checkpoint says.</summary>
/// <param name="What">What is different and where reading continues: a sentence.</param>
/// <param name="IsGoingBack">
/// True: the position in the checkpoint on disk is too far, so a new checkpoint is saved before anything is sent.
/// </param>
internal sealed record SegmentReset(string What, bool IsGoingBack);
