using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// The acknowledged positions of one log. Invariants, checked before a save and after a load:
/// <list type="bullet">
/// <item>each segment is in it once, and its name belongs to this log;</item>
/// <item>positions, offsets, counts and sizes are not negative, and no position is greater than the size;</item>
/// <item>a segment that is done is acknowledged to its whole size, with no record of a next batch.</item>
/// </list>
/// </summary>
internal sealed record Checkpoint
{
    /// <summary>The log's component.</summary>
    public required string Component { get; init; }

    /// <summary>The real path of the log's directory.</summary>
    public required string Directory { get; init; }

    /// <summary>The number of saves; of two checkpoints the one with the higher number is newer.</summary>
    public long Generation { get; init; }

    /// <summary>Records that may be in the topic twice, since the log was first shipped.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>
    /// What the transport needs to continue exactly at these positions: one word of ASCII, in its own format. "": nothing.
    /// </summary>
    public string TransportState { get; init; } = "";

    /// <summary>All known segments.</summary>
    public IReadOnlyList<SegmentCheckpoint> Segments { get; init; } = [];

    /// <summary>Throws if an invariant does not hold, because of a bug in this program or a damaged file.</summary>
    public void ThrowIfInconsistent()
    {
        ThrowIfNotOneWord(Component, TransportState);
        var known = new SegmentTable<SegmentCheckpoint>(s => s.Segment);
        foreach (var segment in Segments)
        {
            segment.ThrowIfInconsistent(Component);
            known.Set(segment);
        }

        if (known.Count < Segments.Count)
        {
            var twice = Segments.First(s => !ReferenceEquals(known.Find(s.Segment), s));
            throw new CheckpointException($"the checkpoint of {Component} is inconsistent: {twice.Name} is named twice");
        }
    }

    /// <summary>Throws if the transport's state is not one word of ASCII, since it could not be read back from the file.</summary>
    public static void ThrowIfNotOneWord(string component, string transportState)
    {
        if (transportState.Any(c => c is <= ' ' or > '~'))
        {
            throw new CheckpointException(
                $"the checkpoint of {component} is inconsistent: the state of the transport is not one word of ASCII");
        }
    }
}

/// <summary>The changes of a log's checkpoint in one save. Segments that are not in it stay as they were.</summary>
internal sealed record CheckpointChange
{
    /// <summary>See <see cref="Checkpoint.PossibleDuplicates"/>.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>See <see cref="Checkpoint.TransportState"/>.</summary>
    public string TransportState { get; init; } = "";

    /// <summary>Segments that are new or have changed.</summary>
    public IReadOnlyList<SegmentCheckpoint> Segments { get; init; } = [];

    /// <summary>Segments that are removed from the checkpoint.</summary>
    public IReadOnlyList<SegmentName> Removed { get; init; } = [];
}

/// <summary>The checkpoint of one segment.</summary>
/// <param name="Segment">The segment.</param>
/// <param name="Acknowledged">Everything before it is acknowledged, or recorded in the ledger.</param>
/// <param name="Bytes">The size at the last check, in bytes, without preallocated space.</param>
/// <param name="IsDone">True if the writer is gone and everything is acknowledged: it may be cleaned.</param>
/// <param name="Head">CRC-32C of the first 61 bytes, which contain the segment's identity; null while they are not written.</param>
/// <param name="MissingSince">Since when there is no regular file of this name in the directory; null while there is one.</param>
/// <param name="HasUncopied">True if damaged bytes in it were skipped and not copied to quarantine: it is never cleaned.</param>
/// <param name="SentTo">
/// The position in bytes up to which it was sent before the acknowledged position went back; 0: it did not go back. Records that are
/// sent from below this position may be in the topic already.
/// </param>
internal sealed record SegmentCheckpoint(
    SegmentName Segment,
    AcknowledgedPosition Acknowledged,
    long Bytes,
    bool IsDone,
    uint? Head,
    DateTimeOffset? MissingSince = null,
    bool HasUncopied = false,
    long SentTo = 0)
{
    // There may be 100,000, so it is small, and smaller as long as nothing is acknowledged.
    private readonly long _missingSince = TicksOf(MissingSince);
    private readonly Progress? _progress = Progress.Of(Acknowledged, SentTo);

    /// <summary>The segment's file name.</summary>
    public string Name => Segment.FileName;

    /// <summary>Everything before it is acknowledged, or recorded in the ledger.</summary>
    public AcknowledgedPosition Acknowledged
    {
        get => _progress?.Acknowledged ?? default;
        init => _progress = Progress.Of(value, SentTo);
    }

    /// <summary>The position up to which it was sent before the acknowledged position went back; 0: it did not go back.</summary>
    public long SentTo
    {
        get => (_progress as ProgressAfterReset)?.SentTo ?? 0;
        init => _progress = Progress.Of(Acknowledged, value);
    }

    /// <summary>Since when there is no regular file of this name in the directory; null while there is one.</summary>
    public DateTimeOffset? MissingSince
    {
        get => _missingSince == 0 ? null : new DateTimeOffset(_missingSince, TimeSpan.Zero);
        init => _missingSince = TicksOf(value);
    }

    /// <summary>
    /// <see cref="Files.FileFacts.Changed"/> of the file when its head was last compared; 0 before that. Not saved.
    /// </summary>
    public long ComparedAt { get; set; }

    /// <summary>Throws if one of the invariants of <see cref="Checkpoint"/> does not hold.</summary>
    public void ThrowIfInconsistent(string component)
    {
        var fault =
            Segment.Component != component ? "is not a segment of this log"
            : Acknowledged.Position < 0 || Acknowledged.NextOffset < 0 || Acknowledged.Record < 0 || Acknowledged.LastBatchPosition < 0
                || Acknowledged.Records < 0 || SentTo < 0 ? "has a negative number"
            : Acknowledged.Position > Bytes ? $"is acknowledged to position {Acknowledged.Position}, beyond its size of {Bytes}"
            : IsDone && (Acknowledged.Position != Bytes || Acknowledged.Record != 0)
                ? $"is called done at position {Acknowledged.Position}, record {Acknowledged.Record} of {Bytes} bytes"
            : null;
        if (fault is not null)
        {
            throw new CheckpointException($"the checkpoint of {component} is inconsistent: {Name} {fault}");
        }
    }

    private static long TicksOf(DateTimeOffset? time) => time?.UtcTicks ?? 0;

    private record Progress(AcknowledgedPosition Acknowledged)
    {
        public static Progress? Of(AcknowledgedPosition acknowledged, long sentTo) =>
            sentTo != 0 ? new ProgressAfterReset(acknowledged, sentTo) : acknowledged == default ? null : new Progress(acknowledged);
    }

    private sealed record ProgressAfterReset(AcknowledgedPosition Acknowledged, long SentTo) : Progress(Acknowledged);
}

/// <summary>A checkpoint cannot be used.</summary>
internal sealed class CheckpointException(string message) : Exception(message);

/// <summary>A checkpoint was written by a newer version of this program. Run that version to continue from it.</summary>
internal sealed class NewerCheckpointException(string message) : IOException(message);
