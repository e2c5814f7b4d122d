using KafkaFeeder.Daemon.Checkpoints;
using KafkaLog.Format.Segments;
using Microsoft.Win32.SafeHandles;

namespace KafkaFeeder.Daemon.Shipping.Reading;

/// <summary>
/// Finds where the last whole batch before a position ends: all up to there was confirmed. After a crash of the machine the
/// last pages of a file may be zeros though they had been read, and sent. It goes on from turn to turn. Not thread-safe.
/// </summary>
internal sealed class IntactSearch(SafeFileHandle file, string path, long limit) : IDisposable
{
    private readonly SegmentReader _reader = new(file, path);
    private bool _isDone;

    /// <summary>The position in bytes before which it searches.</summary>
    public long Limit => limit;

    /// <summary>What was found so far.</summary>
    public AcknowledgedPosition Found { get; private set; }

    /// <summary>True if a whole batch stands there, which ends after the limit; known when all was looked at.</summary>
    public bool IsFollowedByBatch { get; private set; }

    /// <summary>Whether it is this file that is searched.</summary>
    public bool IsOf(SafeFileHandle other)
    {
        var (mine, its) = (SegmentHandle.Stat(_reader.File), SegmentHandle.Stat(other));
        return (mine.Device, mine.Inode) == (its.Device, its.Inode);
    }

    /// <summary>Goes on.</summary>
    /// <param name="budgetBytes">How much of the file at most; some more as a batch is read whole.</param>
    /// <returns>True when all was looked at.</returns>
    /// <exception cref="IOException">The file cannot be read; ask again.</exception>
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
                    _reader.Pass(_reader.Damage); // it was accounted for when it was read first
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
