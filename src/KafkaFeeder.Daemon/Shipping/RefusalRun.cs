using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Tells a topic that takes nothing from a few bad records: a compacted topic refuses each record without a key, and to set
/// all of them aside would empty the log into quarantine. What is wrong with a record itself (its size) counts for nothing
/// here. Records are in a row as they lie in the log, however few of them each batch has: what lies between two refused
/// batches of a segment was taken, perhaps before the first of them was looked at alone. One that is refused again, because
/// it could not be set aside, counts once. Pure.
/// </summary>
internal sealed class RefusalRun
{
    /// <summary>So many in a row are no accident.</summary>
    private const int Most = 20;

    private readonly HashSet<(string Segment, long Position, int Index)> _inRow = [];
    private (string Segment, long Position, long EndPosition) _last;

    /// <summary>Records were taken.</summary>
    public void Taken() => _inRow.Clear();

    /// <summary>Records were refused.</summary>
    /// <param name="batch">The batch that they are in.</param>
    /// <param name="rejected">Which, and why.</param>
    /// <param name="isAnyTaken">Whether others of the same batch were taken, by this try or one before.</param>
    /// <returns>Why the log has to be held; null if it need not be.</returns>
    public string? Add(OutboundBatch batch, IReadOnlyList<RejectedRecord> rejected, bool isAnyTaken)
    {
        var isInRow = batch.SegmentName != _last.Segment || batch.Position == _last.EndPosition || batch.Position == _last.Position;
        _last = (batch.SegmentName, batch.Position, batch.EndPosition);
        if (!isInRow || isAnyTaken)
        {
            _inRow.Clear();
        }

        if (isAnyTaken)
        {
            return null;
        }

        var ofTopic = rejected.Where(r => r.Why == RejectionKind.Topic).ToList();
        _inRow.UnionWith(ofTopic.Select(r => (batch.SegmentName, batch.Position, r.Index)));
        return ofTopic.Count > 0 && _inRow.Count >= Most
            ? $"{_inRow.Count} records in a row are refused ({ofTopic[0].Reason}): the topic seems to take none of this log (is it "
                + "compacted, and the records have no key?)"
            : null;
    }
}
