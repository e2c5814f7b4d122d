using System.Diagnostics.CodeAnalysis;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Distinguishes a topic that takes nothing from a few bad records: a compacted topic refuses each record without a key, and to set
/// all of them aside would empty the log into quarantine. What is wrong with a record itself (its size) counts for nothing
/// here. Records are in a row as they lie in the log, however few of them each batch has: what lies between two refused
/// batches of a segment was taken, perhaps before the first of them was looked at alone. One that is refused again, because
/// it could not be set aside, counts once. Does no I/O.
/// </summary>
internal sealed class RefusalRun
{
    /// <summary>So many in a row are no accident.</summary>
    private const int Most = 20;

    private readonly HashSet<(string Segment, long Position, int Index)> _inRow = [];
    private (string Segment, long Position, long EndPosition) _last;

    /// <summary>Records were taken.</summary>
    public void Taken() => _inRow.Clear();

    /// <summary>Records were refused: adds them to the run, and says whether the run is too long.</summary>
    /// <param name="batch">The batch that they are in.</param>
    /// <param name="rejected">Which, and why.</param>
    /// <param name="isAnyTaken">Whether others of the same batch were taken, by this try or one before.</param>
    /// <param name="reason">Why the log has to be held.</param>
    /// <returns>True if the topic seems to take nothing of this log.</returns>
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
            ? $"{_inRow.Count} records in a row are refused ({ofTopic[0].Reason}): the topic seems to take none of this log (is it "
                + "compacted, and the records have no key?)"
            : null;
        return reason is not null;
    }
}
