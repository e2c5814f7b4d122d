using System.Globalization;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>How far a run has sent a segment.</summary>
/// <param name="EndPosition">The position after the last byte that was sent.</param>
/// <param name="NextOffset">The offset after the last record that was sent.</param>
/// <param name="Records">The number of records in the segment before <paramref name="EndPosition"/>.</param>
internal readonly record struct SentMark(long EndPosition, long NextOffset, long Records);

/// <summary>Possible duplicates after a crash: records that were sent after the saved checkpoint. Pure.</summary>
/// <param name="Records">The number of records: an upper bound.</param>
/// <param name="Where">Which records, as text; empty if none.</param>
internal readonly record struct DuplicateWindow(long Records, string Where)
{
    private const int NamedSegments = 5;

    /// <summary>
    /// The records between the checkpoint and the end of what was sent according to the journal. Records are counted, not offsets:
    /// offsets of a foreign file may have holes, or start at 0 in each batch. A segment that is gone counts too, since it may come back.
    /// </summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="sent">The journal, by segment.</param>
    public static DuplicateWindow Between(Checkpoint checkpoint, IReadOnlyDictionary<string, SentMark> sent)
    {
        var stretches = Stretches(checkpoint, sent);
        var named = stretches.Take(NamedSegments).Select(s => s.To.NextOffset > s.From.NextOffset
            ? string.Create(CultureInfo.InvariantCulture, $"segment {s.Segment} offsets {s.From.NextOffset}..{s.To.NextOffset - 1}")
            : string.Create(CultureInfo.InvariantCulture, $"segment {s.Segment} positions {s.From.Position}..{s.To.EndPosition}"));
        var more = stretches.Count > NamedSegments ? $" and {stretches.Count - NamedSegments} more segments" : "";
        return new DuplicateWindow(
            stretches.Sum(s => s.To.Records - s.From.Records),
            stretches.Count == 0 ? "" : ", " + string.Join(", ", named) + more);
    }

    /// <summary>Where these records begin in each segment, according to the checkpoint.</summary>
    public static IReadOnlyList<(string Segment, SentMark Mark)> BeginningsOf(
        Checkpoint checkpoint, IReadOnlyDictionary<string, SentMark> sent) =>
            [.. Stretches(checkpoint, sent).Select(s => (s.Segment, new SentMark(s.From.Position, s.From.NextOffset, s.From.Records)))];

    private static List<(string Segment, AcknowledgedPosition From, SentMark To)> Stretches(
        Checkpoint checkpoint, IReadOnlyDictionary<string, SentMark> sent)
    {
        var marks = checkpoint.Segments.ToDictionary(s => s.Name, s => s.Acknowledged, StringComparer.Ordinal);
        return
        [
            .. sent.Select(s => (s.Key, marks.GetValueOrDefault(s.Key), s.Value))
                .Where(s => s.Value.Records > s.Item2.Records)
                .OrderBy(s => s.Key, StringComparer.Ordinal),
        ];
    }
}
