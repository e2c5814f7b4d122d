using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Where to start reading a segment that is opened, what is lost of it, and why it is not as the checkpoint says. Pure: the file was
/// looked at before (<see cref="OpenFacts"/>), but for the search for its last whole batch, which is asked for when it is needed.
/// </summary>
/// <param name="Start">Where reading starts.</param>
/// <param name="Reset">Why it does not start where the checkpoint says; null: it does.</param>
internal sealed record OpenPlan(AcknowledgedPosition Start, SegmentReset? Reset)
{
    /// <summary>What was written after this position is lost, unless <see cref="IsCut"/>.</summary>
    public long LostFrom { get; init; }

    /// <summary>Why it is lost.</summary>
    public string LostReason { get; init; } = "";

    /// <summary>
    /// True if acknowledged bytes are gone from the end of the file. They vanished after they were shipped; what was written after
    /// them is lost.
    /// </summary>
    public bool IsCut { get; init; }

    /// <summary>True if it is another file of the same name.</summary>
    public bool IsOther { get; init; }

    /// <summary>What is sent below this position was acknowledged before.</summary>
    public long AcknowledgedBefore { get; init; }

    /// <summary>Where a torn tail starts that was skipped; null: none was.</summary>
    public long? SkippedTailAt { get; init; }

    /// <summary>A torn tail that ends before this position is no loss: it was acknowledged before the file was cut.</summary>
    public long CutTo { get; init; }

    /// <summary>Decides.</summary>
    /// <param name="facts">The file and the checkpoint.</param>
    /// <param name="search">Searches where the last whole batch before a position ends; null: it is not done yet.</param>
    /// <returns>Null: the search is not done yet.</returns>
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

    /// <summary>A file too short for a header is rather what is left of the old one than a new one that has just begun.</summary>
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
    /// The bytes between the last whole batch and the end were acknowledged; the rest of that batch may come back.
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
    /// Another batch stands where the last acknowledged one was. Nobody can tell whether the batches before it were acknowledged.
    /// </summary>
    private static OpenPlan OfWrittenOver(in OpenFacts facts) => Plan(
        facts,
        default,
        $"it was written over: the batches before position {facts.Saved.Position} are not the ones that were acknowledged; reading it "
            + "from its start; what is sent again counts as possible duplicates") with
    {
        AcknowledgedBefore = facts.WithHalfBatch,
    };

    /// <summary>Of the tail that was skipped nothing was sent.</summary>
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

    /// <summary>Why bytes are lost that were seen after this size.</summary>
    public static string ReasonOfCut(long bytes) => $"the file was cut to {bytes} bytes before they were shipped";
}

/// <summary>What is known of a file when it is opened: by its checkpoint, and by a look at a few headers in it.</summary>
/// <param name="Saved">The acknowledged position by the checkpoint.</param>
/// <param name="Bytes">The size of the file now.</param>
internal readonly record struct OpenFacts(AcknowledgedPosition Saved, long Bytes)
{
    /// <summary>True if the file starts with other bytes than it did.</summary>
    public bool HasOtherHead { get; init; }

    /// <summary>True if it was seen, while it was open, that other content was written into it, and it was no shorter.</summary>
    public bool IsWrittenOver { get; init; }

    /// <summary>True if the last acknowledged batch is where it was, or none is known.</summary>
    public bool IsLastBatchThere { get; init; }

    /// <summary>False if the batch of which some records are acknowledged is gone, or another stands in its place.</summary>
    public bool IsHalfBatchThere { get; init; }

    /// <summary>True if a batch that is whole stands where a torn tail was skipped.</summary>
    public bool IsTailWhole { get; init; }

    /// <summary>Where a torn tail starts that was skipped; null: none was. A checkpoint says it by a last batch without a CRC.</summary>
    public long? SkippedTailAt => TailOf(Saved);

    /// <summary>To where it was sent and acknowledged: of a tail that was skipped nothing was sent.</summary>
    public long AcknowledgedEnd => SkippedTailAt ?? Saved.Position;

    /// <summary>Where the last acknowledged batch starts: if it is gone, another batch there is new.</summary>
    public long LastBatchOrEnd => Math.Min(AcknowledgedEnd, Saved.LastBatchPosition ?? AcknowledgedEnd);

    /// <summary>If records of the next batch are acknowledged, it is sent whole.</summary>
    public long WithHalfBatch => Saved.Record > 0 ? Saved.Position + 1 : Saved.Position;

    /// <summary>Looks at a file.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="saved">What the checkpoint says of it.</param>
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
/// True: the checkpoint on disk claims more than is true now, so a new one is saved before anything is sent.
/// </param>
internal sealed record SegmentReset(string What, bool IsGoingBack);
