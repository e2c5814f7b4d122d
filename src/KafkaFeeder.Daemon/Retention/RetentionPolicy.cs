using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>Whether a segment may be deleted, and if not, why.</summary>
internal enum RetentionVerdict
{
    /// <summary>Wholly acknowledged in the saved checkpoint, final, and past its retention: delete it.</summary>
    Delete,

    /// <summary>The log has no retention: segments are kept.</summary>
    KeptForEver,

    /// <summary>Not wholly acknowledged in the saved checkpoint.</summary>
    NotShipped,

    /// <summary>Shipped, but its last modification is too recent.</summary>
    TooYoung,

    /// <summary>Its size is not the size that was shipped: it has grown since, or is another file.</summary>
    Grown,

    /// <summary>It has damaged bytes that are not copied to quarantine.</summary>
    NotCopied,

    /// <summary>Its first bytes are not the ones that were shipped: it is another file of the same name.</summary>
    Replaced,
}

/// <summary>Decides what may be deleted. Pure.</summary>
internal static class RetentionPolicy
{
    /// <summary>Returns the verdict on a segment.</summary>
    /// <param name="saved">Its checkpoint on disk.</param>
    /// <param name="stat">Its current metadata.</param>
    /// <param name="retention">How long it is kept after its last modification; null: forever.</param>
    /// <param name="now">The time.</param>
    public static RetentionVerdict Judge(SegmentCheckpoint saved, SegmentStat stat, TimeSpan? retention, DateTimeOffset now) =>
        retention is not { } keep ? RetentionVerdict.KeptForEver
        : !saved.IsDone ? RetentionVerdict.NotShipped
        : stat.Bytes != saved.Bytes || saved.Acknowledged.Position < stat.Bytes ? RetentionVerdict.Grown
        : now - stat.Modified <= keep ? RetentionVerdict.TooYoung
        : saved.HasUncopied ? RetentionVerdict.NotCopied
        : RetentionVerdict.Delete;
}
