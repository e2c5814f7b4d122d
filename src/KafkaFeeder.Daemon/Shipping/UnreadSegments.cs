using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>The segments that are to be read, the first of them in order at hand. Not thread-safe.</summary>
internal sealed class UnreadSegments
{
    private readonly PriorityQueue<SegmentLane, SegmentName> _queue = new();

    /// <summary>The first; null: none is to be read.</summary>
    public SegmentLane? First
    {
        get
        {
            while (_queue.TryPeek(out var lane, out _))
            {
                if (lane.IsUnread)
                {
                    return lane;
                }

                _queue.Dequeue().IsQueued = false; // what is taken out stays in the queue until its turn comes
            }

            return null;
        }
    }

    public void Add(SegmentLane lane)
    {
        lane.IsUnread = true;
        if (!lane.IsQueued)
        {
            lane.IsQueued = true;
            _queue.Enqueue(lane, lane.Name);
        }
    }

    /// <summary>Makes room for so many more.</summary>
    public void Reserve(int count) => _queue.EnsureCapacity(_queue.Count + count);

    /// <summary>It is not to be read, for now or for good.</summary>
    public static void Remove(SegmentLane lane) => lane.IsUnread = false;
}
