using KafkaFeeder.Daemon.Shipping;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>
/// What Kafka has confirmed of one log. Invariants, checked before a save and after a load:
/// <list type="bullet">
/// <item>each segment is named once, and its name is one of this log's;</item>
/// <item>positions, offsets and sizes are not negative, and no position is beyond the size that was seen;</item>
/// <item>a segment that is done is confirmed to its whole size, with no record of a next batch.</item>
/// </list>
/// </summary>
internal sealed record Checkpoint
{
    /// <summary>The log's component.</summary>
    public required string Component { get; init; }

    /// <summary>The real path of the log's directory.</summary>
    public required string Directory { get; init; }

    /// <summary>Counts saves; of two files the one with the higher number is newer.</summary>
    public long Generation { get; init; }

    /// <summary>Records that may have arrived twice since the log was first seen.</summary>
    public long PossibleDuplicates { get; init; }

    /// <summary>The segments that are there, in order.</summary>
    public IReadOnlyList<SegmentCheckpoint> Segments { get; init; } = [];

    /// <summary>Throws if an invariant does not hold: a fault of this program, or a damaged file.</summary>
    public void ThrowIfInconsistent()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var segment in Segments)
        {
            var mark = segment.Watermark;
            var fault =
                KafkaLog.Format.Segments.SegmentName.TryParse(segment.Name)?.Component != Component ? "is not a segment of this log"
                : !names.Add(segment.Name) ? "is named twice"
                : mark.Position < 0 || mark.NextOffset < 0 || mark.Record < 0 || mark.LastBatchPosition < 0 ? "has a negative number"
                : mark.Position > segment.Bytes ? $"is confirmed to position {mark.Position}, beyond its size of {segment.Bytes}"
                : segment.IsDone && (mark.Position != segment.Bytes || mark.Record != 0) ? $"is called done at position {mark.Position}, record {mark.Record} of {segment.Bytes} bytes"
                : null;
            if (fault is not null)
            {
                throw new CheckpointException($"the checkpoint of {Component} is inconsistent: {segment.Name} {fault}");
            }
        }
    }
}

/// <summary>What Kafka has confirmed of one segment.</summary>
/// <param name="Name">The segment's file name.</param>
/// <param name="Watermark">Everything before it is confirmed.</param>
/// <param name="Bytes">The size that was seen last.</param>
/// <param name="IsDone">True if the writer is gone and all of it is confirmed: it may be cleaned.</param>
/// <param name="Head">CRC-32C of the first bytes, which hold the segment's identity; null while there are none.</param>
internal sealed record SegmentCheckpoint(string Name, Watermark Watermark, long Bytes, bool IsDone, uint? Head);

/// <summary>A checkpoint cannot be used.</summary>
internal sealed class CheckpointException(string message) : Exception(message);

/// <summary>A checkpoint is by a later version of this program. To go on from it, run that version.</summary>
internal sealed class NewerCheckpointException(string message) : IOException(message);
