using KafkaLog.Format.Segments;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>The checkpoint of one log as it is on disk. Changed only by <see cref="CheckpointStore"/>. Thread-safe.</summary>
internal sealed class StoredCheckpoint(string directory, string component)
{
    private readonly Lock _lock = new();
    private readonly SegmentTable<SegmentCheckpoint> _segments = new(s => s.Segment);
    private long _generation;
    private long _possibleDuplicates;
    private string _transportState = "";

    public string Directory => directory;

    public string Component => component;

    public long Generation
    {
        get
        {
            lock (_lock)
            {
                return _generation;
            }
        }
    }

    /// <summary>See <see cref="Checkpoint.TransportState"/>.</summary>
    public string TransportState
    {
        get
        {
            lock (_lock)
            {
                return _transportState;
            }
        }
    }

    /// <summary>True if the next frame must be a full one: a save failed, so it is unknown what of it is on disk.</summary>
    public bool NeedsFull { get; set; }

    /// <summary>A copy of everything. The cost grows with the number of segments.</summary>
    public Checkpoint Snapshot()
    {
        lock (_lock)
        {
            return new Checkpoint
            {
                Component = component,
                Directory = directory,
                Generation = _generation,
                PossibleDuplicates = _possibleDuplicates,
                TransportState = _transportState,
                Segments = [.. _segments],
            };
        }
    }

    /// <summary>A copy of the segments that may be cleaned.</summary>
    public IReadOnlyList<SegmentCheckpoint> Done()
    {
        lock (_lock)
        {
            return [.. _segments.Where(s => s is { IsDone: true, MissingSince: null })];
        }
    }

    /// <summary>The number of segments with unshipped bytes, and the number of those bytes.</summary>
    public (long Segments, long Bytes) Unshipped()
    {
        lock (_lock)
        {
            var left = _segments.Where(s => !s.IsDone && s.Bytes > s.Acknowledged.Position);
            return left.Aggregate((0L, 0L), (sum, s) => (sum.Item1 + 1, sum.Item2 + s.Bytes - s.Acknowledged.Position));
        }
    }

    /// <summary>Applies a frame.</summary>
    /// <returns>False if the frame is a change that does not follow directly: a generation in between is missing.</returns>
    public bool Apply(CheckpointFrame frame)
    {
        lock (_lock)
        {
            var next = frame.Checkpoint;
            if (!frame.IsFull && next.Generation != _generation + 1)
            {
                return next.Generation <= _generation;
            }

            if (next.Generation < _generation)
            {
                return true; // a snapshot whose file of changes could not be created: later saves went to the previous file
            }

            if (frame.IsFull)
            {
                _segments.Clear();
            }

            Apply(next.Generation, next.PossibleDuplicates, next.TransportState, next.Segments, frame.Removed);
            return true;
        }
    }

    /// <summary>Applies a change that is on disk, or that is part of a full frame to be written.</summary>
    public void Apply(long generation, CheckpointChange change)
    {
        lock (_lock)
        {
            Apply(generation, change.PossibleDuplicates, change.TransportState, change.Segments, change.Removed);
        }
    }

    private void Apply(
        long generation, long possibleDuplicates, string transportState, IEnumerable<SegmentCheckpoint> segments,
        IEnumerable<SegmentName> removed)
    {
        _generation = generation;
        _possibleDuplicates = possibleDuplicates;
        _transportState = transportState;
        foreach (var segment in segments)
        {
            _segments.Set(segment);
        }

        foreach (var name in removed)
        {
            _segments.Remove(name);
        }
    }
}
