using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Distinguishes a topic that accepts nothing from a few bad records. A compacted topic refuses each record without a key; setting all
/// of them aside would move the whole log into quarantine. Refusals because of the record itself (its size) do not count. Refused
/// records are in a row if no record between them in the log was accepted, whatever batches they are in. If there are bytes between
/// two refused batches of a segment, those were acknowledged, so the row starts again. A record that is refused again, because it could
/// not be set aside, counts once. Does no I/O.
/// </summary>
internal sealed class RefusalRun
{
    /// <summary>This many in a row mean that the topic refuses all of them.</summary>
    private const int Most = 20;

    private readonly HashSet<(string Segment, long Position, int Index)> _inRow = [];
    private (string Segment, long Position, long EndPosition) _last;

    /// <summary>Records were acknowledged: the row ends.</summary>
    public void Taken() => _inRow.Clear();

    /// <summary>Adds refused records to the row, and returns whether the row is too long.</summary>
    /// <param name="batch">The batch that they are in.</param>
    /// <param name="rejected">The refused records, and why.</param>
    /// <param name="isAnyTaken">True if other records of the same batch were acknowledged, in this attempt or an earlier one.</param>
    /// <param name="reason">Why the log has to be held.</param>
    /// <returns>True if the topic seems to accept no record of this log.</returns>
    public bool AddAndJudge(
        StoredBatch batch, IReadOnlyList<RejectedRecord> rejected, bool isAnyTaken, [NotNullWhen(true)] out string? reason)
    {
        var isInRow = batch.FileName != _last.Segment || batch.Position == _last.EndPosition || batch.Position == _last.Position;
        _last = (batch.FileName, batch.Position, batch.EndPosition);
        if (!isInRow || isAnyTaken)
        {
            _inRow.Clear();
        }

        reason = null;
        if (isAnyTaken)
        {
            return false;
        }

        var ofTopic = rejected.Where(r => r.Why == RejectionKind.Topic).ToList();
        _inRow.UnionWith(ofTopic.Select(r => (batch.FileName, batch.Position, r.Index)));
        reason = ofTopic.Count > 0 && _inRow.Count >= Most
            ? $"{_inRow.Count} records in a row are refused ({ofTopic[0].Reason}): the topic seems to accept none of this log (is it "
                + "compacted, and do the records have no key?)"
            : null;
        return reason is not null;
    }
}
