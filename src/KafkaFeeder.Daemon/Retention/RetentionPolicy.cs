using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Retention;

/// <summary>Why a segment stays, or that it may go.</summary>
internal enum RetentionVerdict
{
    /// <summary>Wholly below the saved checkpoint, final, and past its retention.</summary>
    Delete,

    /// <summary>The log keeps everything.</summary>
    KeptForEver,

    /// <summary>The saved checkpoint does not cover all of it.</summary>
    NotShipped,

    /// <summary>Shipped, but its last modification is too recent.</summary>
    TooYoung,

    /// <summary>Its size is not that of what was shipped: it has grown since, or is another file.</summary>
    Grown,

    /// <summary>Damaged bytes in it are nowhere else.</summary>
    NotCopied,

    /// <summary>It begins otherwise than what was shipped: it is another file under the same name.</summary>
    Replaced,
}

/// <summary>Decides what may be deleted. Pure.</summary>
internal static class RetentionPolicy
{
    /// <summary>The verdict on a segment.</summary>
    /// <param name="saved">What the checkpoint on disk says of it.</param>
    /// <param name="stat">What the system says of it now.</param>
    /// <param name="retention">How long it is kept after its last modification; null: for ever.</param>
    /// <param name="now">The time.</param>
    public static RetentionVerdict Judge(SegmentCheckpoint saved, SegmentStat stat, TimeSpan? retention, DateTimeOffset now) =>
        retention is not { } keep ? RetentionVerdict.KeptForEver
        : !saved.IsDone ? RetentionVerdict.NotShipped
        : stat.Bytes != saved.Bytes || saved.Acknowledged.Position < stat.Bytes ? RetentionVerdict.Grown
        : now - stat.Modified <= keep ? RetentionVerdict.TooYoung
        : saved.HasUncopied ? RetentionVerdict.NotCopied
        : RetentionVerdict.Delete;
}
