using System.Globalization;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>What may arrive twice after a crash: what was sent and not confirmed. Pure.</summary>
/// <param name="Records">How many records, at most.</param>
/// <param name="Where">Which, for people; empty if none.</param>
internal readonly record struct DuplicateWindow(long Records, string Where)
{
    private const int NamedSegments = 5;

    /// <summary>The stretch between what a checkpoint confirms and what a journal says was sent.</summary>
    /// <param name="confirmed">The checkpoint.</param>
    /// <param name="sent">The journal, by segment.</param>
    /// <param name="exists">Whether a segment still is there: one that is gone is not sent again.</param>
    public static DuplicateWindow Between(Checkpoint confirmed, IReadOnlyDictionary<string, (long EndPosition, long NextOffset)> sent, Func<string, bool> exists)
    {
        var confirmedOffsets = confirmed.Segments.ToDictionary(s => s.Name, s => s.IsDone ? long.MaxValue : s.Watermark.NextOffset, StringComparer.Ordinal);
        var stretches = sent
            .Select(s => (Segment: s.Key, From: confirmedOffsets.GetValueOrDefault(s.Key), To: s.Value.NextOffset))
            .Where(s => s.To > s.From && exists(s.Segment))
            .OrderBy(s => s.Segment, StringComparer.Ordinal)
            .ToList();
        var named = stretches.Take(NamedSegments).Select(s => string.Create(CultureInfo.InvariantCulture, $"segment {s.Segment} offsets {s.From}..{s.To - 1}"));
        var more = stretches.Count > NamedSegments ? $" and {stretches.Count - NamedSegments} more segments" : "";
        return new DuplicateWindow(
            stretches.Sum(s => s.To - s.From),
            stretches.Count == 0 ? "" : ", " + string.Join(", ", named) + more);
    }
}
