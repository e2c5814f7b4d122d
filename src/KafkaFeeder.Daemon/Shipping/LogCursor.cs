using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// All segments of one log, read in order. A segment whose writer lives is waited for only as long as no later one is
/// there: a writer closes its segment before it creates the next, so the later one is by somebody else, and there is no
/// order between the two. Not thread-safe.
/// </summary>
internal sealed class LogCursor : IDisposable
{
    /// <summary>Finished files that are looked at again for growth when the directory changes: writers without a lock.</summary>
    private const int RecheckedSegments = 3;

    private readonly string _directory;
    private readonly LossBook _book;
    private readonly TimeProvider _time;
    private readonly Action<string, string> _onReset;
    private readonly SegmentSet _set;
    private readonly SortedDictionary<SegmentName, SegmentLane> _lanes = [];
    private readonly SortedSet<SegmentName> _unread = [];
    private readonly HashSet<SegmentLane> _open = [];

    /// <param name="directory">The real path of the log's directory.</param>
    /// <param name="component">The log's component.</param>
    /// <param name="start">What is confirmed, from an earlier run; or null.</param>
    /// <param name="book">Told of everything that will not be shipped.</param>
    /// <param name="time">The clock.</param>
    /// <param name="onReset">Told, with the segment's name, when a file is not the one that was confirmed.</param>
    public LogCursor(string directory, string component, Checkpoint? start, LossBook book, TimeProvider time, Action<string, string> onReset)
    {
        _directory = directory;
        _book = book;
        _time = time;
        _onReset = onReset;
        _set = new SegmentSet(directory, component);
        foreach (var saved in start?.Segments ?? [])
        {
            Add(new SegmentLane(SegmentName.TryParse(saved.Name)!, saved));
        }
    }

    /// <summary>The segments, in order.</summary>
    public IReadOnlyCollection<SegmentLane> Lanes => _lanes.Values;

    /// <summary>Segments that are held open.</summary>
    public int OpenCount => _open.Count;

    /// <summary>Segments that are open, or yet to be read.</summary>
    public bool IsReadToEnd => _unread.Count == 0;

    /// <summary>Looks for segments that came or went. True if the set of segments is another one.</summary>
    /// <exception cref="IOException">The directory cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be read.</exception>
    public bool Refresh()
    {
        if (!_set.Refresh(_time.GetUtcNow()))
        {
            return false;
        }

        var present = _set.Names.ToHashSet();
        var changed = false;
        foreach (var name in _set.Names.Where(name => !_lanes.ContainsKey(name)))
        {
            Add(new SegmentLane(name, SizeOf(name)));
            changed = true;
        }

        foreach (var lane in _lanes.Values.Where(lane => !present.Contains(lane.Name)).ToList())
        {
            changed |= Vanished(lane);
        }

        foreach (var lane in _lanes.Values.Reverse().Where(l => l.IsDone).Take(RecheckedSegments))
        {
            ReopenIfGrown(lane);
        }

        return changed;
    }

    /// <summary>Reads the next batch of the log. Null: there is none now.</summary>
    /// <exception cref="IOException">A segment cannot be read; nothing was consumed.</exception>
    /// <exception cref="KafkaLog.Format.Records.UnsupportedBatchException">A segment holds what this version does not read.</exception>
    public SegmentLane? TryReadNext()
    {
        var now = _time.GetUtcNow();
        while (true)
        {
            var finished = false;
            foreach (var name in _unread)
            {
                var lane = _lanes[name];
                Open(lane);
                LaneStatus status;
                do
                {
                    status = lane.Read(now, hasLater: name != _unread.Max, _book);
                }
                while (status == LaneStatus.Passed);

                if (status == LaneStatus.Batch)
                {
                    return lane;
                }

                if (status == LaneStatus.End)
                {
                    _unread.Remove(name);
                    Finish(lane);
                    finished = true;
                    break; // the set has changed: begin again
                }
            }

            if (!finished)
            {
                return null;
            }
        }
    }

    /// <summary>To be called when something of a segment was confirmed: closes it when that was the last.</summary>
    public void Confirmed(SegmentLane lane)
    {
        if (lane.IsReadToEnd)
        {
            Finish(lane);
        }
    }

    /// <summary>Whether a file that was called done has grown since; then it is read on.</summary>
    public bool ReopenIfGrown(SegmentLane lane)
    {
        var bytes = SizeOf(lane.Name);
        if (!lane.IsDone || bytes <= lane.Bytes)
        {
            return false;
        }

        lane.Reopen(bytes);
        _unread.Add(lane.Name);
        return true;
    }

    /// <summary>Bytes that are there and not confirmed.</summary>
    public long LagBytes()
    {
        var lag = 0L;
        foreach (var lane in _lanes.Values)
        {
            lag += lane.IsDone ? 0 : Math.Max(0, lane.Bytes - lane.Tracker.Watermark.Position);
        }

        return lag;
    }

    public void Dispose()
    {
        foreach (var lane in _lanes.Values)
        {
            lane.Dispose();
        }
    }

    private void Add(SegmentLane lane)
    {
        _lanes.Add(lane.Name, lane);
        if (!lane.IsDone)
        {
            _unread.Add(lane.Name);
        }
    }

    private void Open(SegmentLane lane)
    {
        if (!lane.IsOpen)
        {
            if (lane.Open(_directory, _book) is { } reset)
            {
                _onReset(lane.Name.FileName, reset);
            }

            _open.Add(lane);
        }
    }

    private void Finish(SegmentLane lane)
    {
        if (!lane.TryFinish())
        {
            _unread.Add(lane.Name);
            return;
        }

        if (!lane.IsOpen)
        {
            _open.Remove(lane);
            if (lane.IsUnlinked)
            {
                _lanes.Remove(lane.Name);
            }
        }
    }

    /// <summary>A name is gone. What is open is read to its end; what was never opened is lost, unless it was done.</summary>
    private bool Vanished(SegmentLane lane)
    {
        if (lane.IsOpen)
        {
            var isNews = !lane.IsUnlinked;
            lane.IsUnlinked = true;
            return isNews;
        }

        if (!lane.IsDone && lane.Bytes > lane.Tracker.Watermark.Position)
        {
            _book.Lost(lane.Name.FileName, lane.Tracker.Watermark.Position, lane.Bytes, "the segment was removed before it was shipped");
        }

        _unread.Remove(lane.Name);
        _lanes.Remove(lane.Name);
        return true;
    }

    private long SizeOf(SegmentName name)
    {
        var file = new FileInfo(Path.Combine(_directory, name.FileName));
        return file.Exists ? file.Length : 0;
    }
}
