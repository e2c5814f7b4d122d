using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Finds where the last whole batch before a position ends: everything up to there was acknowledged. After a crash of the machine
/// the last pages of a file may be zeros although they were read and sent before. The search continues over several turns. Not
/// thread-safe.
/// </summary>
internal sealed class IntactSearch(SafeFileHandle file, string path, long limit) : IDisposable
{
    private readonly SegmentReader _reader = new(file, path);
    private bool _isDone;

    /// <summary>The search ends at this position, in bytes.</summary>
    public long Limit => limit;

    /// <summary>The end of the last whole batch that was found so far.</summary>
    public AcknowledgedPosition Found { get; private set; }

    /// <summary>True if a whole batch starts there and ends after the limit. Only valid when the search is done.</summary>
    public bool IsFollowedByBatch { get; private set; }

    /// <summary>True if the search reads this file.</summary>
    public bool IsOf(SafeFileHandle other)
    {
        var (mine, its) = (SegmentHandle.Stat(_reader.File), SegmentHandle.Stat(other));
        return (mine.Device, mine.Inode) == (its.Device, its.Inode);
    }

    /// <summary>Continues the search.</summary>
    /// <param name="budgetBytes">How many bytes to read at most. May be exceeded by one batch, since a batch is read whole.</param>
    /// <returns>True when the search is done.</returns>
    /// <exception cref="IOException">The file cannot be read; call again.</exception>
    public bool Advance(long budgetBytes)
    {
        _reader.SearchBudgetBytes = budgetBytes;
        var end = _reader.Position + budgetBytes;
        while (!_isDone && _reader.Position < end)
        {
            switch (_reader.TryRead())
            {
                case SegmentReadStatus.Batch when _reader.Position <= limit:
                    var records = Found.Records + _reader.Header.RecordsCount;
                    Found = new AcknowledgedPosition(
                        _reader.Position, 0, _reader.NextOffset, _reader.BatchPosition, _reader.Header.StoredCrc, records);
                    break;
                case SegmentReadStatus.Corrupt when _reader.Damage!.EndPosition <= limit:
                    _reader.Pass(_reader.Damage); // it was recorded when it was first read
                    break;
                case SegmentReadStatus.Searching:
                    return false;
                case var read:
                    IsFollowedByBatch = read == SegmentReadStatus.Batch;
                    _isDone = true;
                    break;
            }
        }

        _reader.DropBuffer();
        return _isDone;
    }

    public void Dispose() => _reader.Dispose();
}
