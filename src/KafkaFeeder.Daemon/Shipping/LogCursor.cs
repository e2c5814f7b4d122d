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
    private readonly HashSet<SegmentName> _ignored = [];
    private bool _hasNews;
    private bool _isSearching;
    private bool _isReconciled; // false: what the last look at the directory showed was not dealt with to its end

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

    /// <summary>True if there is nothing left to read.</summary>
    public bool IsReadToEnd => _unread.Count == 0;

    /// <summary>Whether, since this was asked last, there is something new to save that no outcome tells of: segments came, went or ended, or damage was passed.</summary>
    public bool TakeNews()
    {
        var had = _hasNews;
        _hasNews = false;
        return had;
    }

    /// <summary>
    /// Whether, since this was asked last, a search behind damage was left to be gone on with: soon, though there is no
    /// batch now.
    /// </summary>
    public bool TakeSearching()
    {
        var was = _isSearching;
        _isSearching = false;
        return was;
    }

    /// <summary>Looks for segments that came or went.</summary>
    /// <exception cref="IOException">The directory cannot be read, or a loss cannot be accounted for; it is looked at again.</exception>
    /// <exception cref="UnauthorizedAccessException">The directory may not be read.</exception>
    public void Refresh()
    {
        if (!_set.Refresh(_time.GetUtcNow()) && _isReconciled)
        {
            return;
        }

        _isReconciled = false;
        var present = _set.Names.ToHashSet();
        _ignored.IntersectWith(present);
        foreach (var name in _set.Names.Where(name => !_lanes.ContainsKey(name) && !_ignored.Contains(name)))
        {
            Add(new SegmentLane(name, SizeOf(name)));
            _hasNews = true;
        }

        foreach (var lane in _lanes.Values.Where(lane => !present.Contains(lane.Name)).ToList())
        {
            Vanished(lane);
        }

        foreach (var lane in _lanes.Values.Reverse().Where(l => l.IsDone).Take(RecheckedSegments))
        {
            ReopenIfGrown(lane);
        }

        _isReconciled = true;
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
                if (!TryOpen(lane))
                {
                    finished = true;
                    break; // the set has changed: begin again
                }

                LaneStatus status;
                do
                {
                    status = lane.Read(now, _book);
                    _hasNews |= status == LaneStatus.Passed;
                    _isSearching |= status == LaneStatus.Searching;
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

    /// <summary>
    /// Whether a file that was called done has another size now; then it is read on. Smaller, it is another file under
    /// the same name, or has lost its end: opening it tells which.
    /// </summary>
    public bool ReopenIfGrown(SegmentLane lane)
    {
        var file = new FileInfo(Path.Combine(_directory, lane.Name.FileName));
        if (!lane.IsDone || !file.Exists || file.Length == lane.Bytes)
        {
            return false;
        }

        lane.Reopen(file.Length);
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

    /// <summary>False if it is no segment at all (a link, a FIFO): then it is in nobody's way any more.</summary>
    private bool TryOpen(SegmentLane lane)
    {
        if (lane.IsOpen)
        {
            return true;
        }

        try
        {
            if (lane.Open(_directory, _book) is { } reset)
            {
                _onReset(lane.Name.FileName, reset);
            }

            _open.Add(lane);
            return true;
        }
        catch (NotASegmentException e)
        {
            _onReset(lane.Name.FileName, $"ignored: {e.Message}");
            _ignored.Add(lane.Name);
            if (lane.Tracker.Watermark.Position > 0)
            {
                Vanished(lane); // the segment that it was is gone
            }

            _unread.Remove(lane.Name);
            _lanes.Remove(lane.Name);
            return false;
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
            _hasNews = true;
            _open.Remove(lane);
            if (lane.IsUnlinked)
            {
                _lanes.Remove(lane.Name);
                _isReconciled = false; // there may be a new file under its name
            }
            else
            {
                ReopenIfGrown(lane); // another file may have taken its name while it was read
            }
        }
    }

    /// <summary>A name is gone. What is open is read to its end; what was never opened is lost, unless it was done.</summary>
    private void Vanished(SegmentLane lane)
    {
        if (lane.IsOpen)
        {
            lane.IsUnlinked = true;
            return;
        }

        if (!lane.IsDone && lane.Bytes > lane.Tracker.Watermark.Position)
        {
            _book.Lost(lane.Name.FileName, lane.Tracker.Watermark.Position, lane.Bytes, "the segment was removed before it was shipped");
        }

        _unread.Remove(lane.Name);
        _lanes.Remove(lane.Name);
        _hasNews = true;
    }

    private long SizeOf(SegmentName name)
    {
        var file = new FileInfo(Path.Combine(_directory, name.FileName));
        return file.Exists ? file.Length : 0;
    }
}
