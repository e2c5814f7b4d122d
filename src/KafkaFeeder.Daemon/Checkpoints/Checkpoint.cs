using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// What Kafka has confirmed of one log. Invariants, checked before a save and after a load:
/// <list type="bullet">
/// <item>each segment is named once, and its name is one of this log's;</item>
/// <item>positions, offsets, counts and sizes are not negative, and no position is beyond the size that was seen;</item>
/// <item>a segment that is done is confirmed to its whole size, with no record of a next batch.</item>
/// </list>
/// </summary>
internal sealed record Checkpoint
{
    /// <summary>The log's component.</summary>
    public required string Component { get; init; }

    /// <summary>The real path of the log's directory.</summary>
    public required string Directory { get; init; }

    /// <summary>Counts saves; of two states the one with the higher number is newer.</summary>
    public long Generation { get; init; }

    /// <summary>Records that may have arrived twice since the log was first seen.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>
    /// What the transport needs to continue exactly at these acknowledged positions; its own word of ASCII. "": nothing.
    /// </summary>
    public string TransportState { get; init; } = "";

    /// <summary>The segments that are known.</summary>
    public IReadOnlyList<SegmentCheckpoint> Segments { get; init; } = [];

    /// <summary>Throws if an invariant does not hold: a fault of this program, or a damaged file.</summary>
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

    /// <summary>Throws if the transport's state could not be read back from a line of text.</summary>
    public static void ThrowIfNotOneWord(string component, string transportState)
    {
        if (transportState.Any(c => c is <= ' ' or > '~'))
        {
            throw new CheckpointException(
                $"the checkpoint of {component} is inconsistent: the state of the transport is not one word of ASCII");
        }
    }
}

/// <summary>What a save changes of a log's checkpoint. Segments that it does not name stay as they were.</summary>
internal sealed record CheckpointChange
{
    /// <summary>See <see cref="Checkpoint.PossibleDuplicates"/>.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>See <see cref="Checkpoint.TransportState"/>.</summary>
    public string TransportState { get; init; } = "";

    /// <summary>Segments that are new, or of which more is acknowledged.</summary>
    public IReadOnlyList<SegmentCheckpoint> Segments { get; init; } = [];

    /// <summary>Segments that are to be forgotten.</summary>
    public IReadOnlyList<SegmentName> Removed { get; init; } = [];
}

/// <summary>What Kafka has confirmed of one segment.</summary>
/// <param name="Segment">The segment.</param>
/// <param name="Acknowledged">Everything before it is acknowledged, or accounted for.</param>
/// <param name="Bytes">The size that was seen last.</param>
/// <param name="IsDone">True if the writer is gone and all of it is confirmed: it may be cleaned.</param>
/// <param name="Head">CRC-32C of the first bytes, which hold the segment's identity; null while there are none.</param>
/// <param name="MissingSince">Since when no regular file of this name is in the directory; null while there is one.</param>
/// <param name="HasUncopied">True if damaged bytes in it were passed and are nowhere else: it is never cleaned.</param>
/// <param name="SentTo">
/// Where the watermark was before it went back, as a position in bytes; 0: it did not. What is sent below it may be there already.
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
    // There may be a hundred thousand, so it is small, and smaller as long as nothing is confirmed.
    private readonly long _missingSince = TicksOf(MissingSince);
    private readonly Confirmed? _confirmed = Confirmed.Of(Acknowledged, SentTo);

    /// <summary>The segment's file name.</summary>
    public string Name => Segment.FileName;

    /// <summary>Everything before it is confirmed.</summary>
    public AcknowledgedPosition Acknowledged
    {
        get => _confirmed?.Acknowledged ?? default;
        init => _confirmed = Confirmed.Of(value, SentTo);
    }

    /// <summary>Where the watermark was before it went back; 0: it did not.</summary>
    public long SentTo
    {
        get => (_confirmed as ConfirmedAgain)?.SentTo ?? 0;
        init => _confirmed = Confirmed.Of(Acknowledged, value);
    }

    /// <summary>Since when no regular file of this name is in the directory; null while there is one.</summary>
    public DateTimeOffset? MissingSince
    {
        get => _missingSince == 0 ? null : new DateTimeOffset(_missingSince, TimeSpan.Zero);
        init => _missingSince = TicksOf(value);
    }

    /// <summary>
    /// When the file had been changed last, by <see cref="Files.FileFacts.Changed"/>, when its head was compared. Not saved: 0 until then.
    /// </summary>
    public long ComparedAt { get; set; }

    /// <summary>Throws if one of the invariants of <see cref="Checkpoint"/> does not hold.</summary>
    public void ThrowIfInconsistent(string component)
    {
        var fault =
            Segment.Component != component ? "is not a segment of this log"
            : Acknowledged.Position < 0 || Acknowledged.NextOffset < 0 || Acknowledged.Record < 0 || Acknowledged.LastBatchPosition < 0
                || Acknowledged.Records < 0 || SentTo < 0 ? "has a negative number"
            : Acknowledged.Position > Bytes ? $"is confirmed to position {Acknowledged.Position}, beyond its size of {Bytes}"
            : IsDone && (Acknowledged.Position != Bytes || Acknowledged.Record != 0)
                ? $"is called done at position {Acknowledged.Position}, record {Acknowledged.Record} of {Bytes} bytes"
            : null;
        if (fault is not null)
        {
            throw new CheckpointException($"the checkpoint of {component} is inconsistent: {Name} {fault}");
        }
    }

    private static long TicksOf(DateTimeOffset? time) => time?.UtcTicks ?? 0;

    private record Confirmed(AcknowledgedPosition Acknowledged)
    {
        public static Confirmed? Of(AcknowledgedPosition watermark, long sentTo) =>
            sentTo != 0 ? new ConfirmedAgain(watermark, sentTo) : watermark == default ? null : new Confirmed(watermark);
    }

    private sealed record ConfirmedAgain(AcknowledgedPosition Acknowledged, long SentTo) : Confirmed(Acknowledged);
}

/// <summary>A checkpoint cannot be used.</summary>
internal sealed class CheckpointException(string message) : Exception(message);

/// <summary>A checkpoint is by a later version of this program. To go on from it, run that version.</summary>
internal sealed class NewerCheckpointException(string message) : IOException(message);
