namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Shares the memory for records in flight: among the broker groups, so that one whose brokers are away holds little that
/// another needs, and within a group among its logs. Each log has a share of its own, and what the others leave. While the
/// brokers of a group answer nobody, only a few of its logs send a batch, to find out when they are back. Thread-safe.
/// </summary>
internal sealed class InFlightBudget
{
    /// <summary>Batches of a group that are in flight while nobody was answered: the others wait on disk.</summary>
    private const int MaxProbes = 8;

    /// <summary>Beside others that are answered, such a group holds at most this part of its share.</summary>
    private const int SilentPart = 4;

    /// <summary>How often one more log may send a batch all the same: those that did may wait for partitions without a leader.</summary>
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The same while brokers answer, but the memory is held by batches that wait, as those for partitions without a leader
    /// do: the logs beside them go on, slowly.
    /// </summary>
    private static readonly TimeSpan CrowdedInterval = TimeSpan.FromMilliseconds(500);

    private readonly Func<int, long, long> _limitFor;
    private int _logs;
    private long _segments;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Group> _groups = new(StringComparer.Ordinal);

    private readonly TimeProvider _time;

    /// <param name="limitFor">
    /// What so many logs, with so many segments in all, together may hold, in bytes of memory: <see cref="LimitFor"/>.
    /// </param>
    /// <param name="time">The clock; null: the system's.</param>
    public InFlightBudget(Func<int, long, long> limitFor, TimeProvider? time = null)
    {
        _limitFor = limitFor;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>
    /// What the process takes before the first log, in bytes, with room for what the runtime leaves for later: runtime, client
    /// library, status page. Measured: docs/BENCHMARKS.md.
    /// </summary>
    public const long BaseBytes = 76L << 20;

    /// <summary>The same without that room, which <see cref="Hosting.MemoryGuard"/> takes away where the limit is near.</summary>
    public const long LeastBaseBytes = 58L << 20;

    /// <summary>What a log takes before its first record, in bytes.</summary>
    public const long BytesPerLog = 20L << 10;

    /// <summary>What a segment takes while its log is shipped, in bytes, whether it is shipped or not.</summary>
    public const long BytesPerSegment = 300;

    /// <summary>What records may always take, in bytes, so that something can be shipped at all.</summary>
    public const long MinLimitBytes = 8L << 20;

    /// <summary>The memory limit that so many logs, with so many segments in all, need at least, in bytes.</summary>
    public static long NeededFor(int logs, long segments) => LeastBaseBytes + TakenBy(logs, segments) + MinLimitBytes;

    /// <summary>What the memory limit leaves for the records on the way, in bytes.</summary>
    public static long LimitFor(long memoryLimitBytes, int logs, long segments) =>
        Math.Max(MinLimitBytes, memoryLimitBytes - BaseBytes - TakenBy(logs, segments));

    private static long TakenBy(int logs, long segments) => (BytesPerLog * logs) + (BytesPerSegment * segments);

    /// <summary>Memory that all logs hold, in bytes.</summary>
    public long UsedBytes
    {
        get
        {
            lock (_lock)
            {
                return _groups.Values.Sum(g => g.UsedBytes);
            }
        }
    }

    /// <summary>Logs that are shipped now, of all groups.</summary>
    public int Logs => Volatile.Read(ref _logs);

    /// <summary>Segments that are there, of all logs.</summary>
    public long Segments { get => Interlocked.Read(ref _segments); set => Interlocked.Exchange(ref _segments, value); }

    /// <summary>
    /// What a group may hold. Beside groups whose brokers answer, one whose brokers answer nobody holds little, and leaves
    /// them the rest. When its brokers are back, each has the same again; until those have got back what they hold beyond it,
    /// which takes an answer, all together hold more than the limit.
    /// </summary>
    private long LimitOf(Group group)
    {
        var limit = _limitFor(_logs, Segments);
        var answered = _groups.Values.Count(g => g.IsAnswered);
        var silent = _groups.Values.Where(g => !g.IsAnswered).Sum(g => g.UsedBytes);
        var equal = limit / _groups.Count;
        return group.IsAnswered ? Math.Max(equal, (limit - silent) / answered)
            : answered > 0 ? equal / SilentPart
            : equal;
    }

    /// <summary>A log of a broker group begins to ship.</summary>
    public Account Join(string group)
    {
        lock (_lock)
        {
            if (!_groups.TryGetValue(group, out var found))
            {
                _groups[group] = found = new Group();
            }

            found.Logs++;
            _logs++;
            return new Account(this, group, found);
        }
    }

    /// <summary>What the logs of a broker group hold together.</summary>
    internal sealed class Group
    {
        public int Logs { get; set; }

        public int Batches { get; set; }

        /// <summary>Whether somebody got an acknowledgement since its brokers were last away.</summary>
        public bool IsAnswered { get; set; }

        /// <summary>When the last batch was sent.</summary>
        public long SentAt { get; set; }

        public long UsedBytes { get; set; }
    }

    /// <summary>What one log holds. Disposed of, it gives all back.</summary>
    internal sealed class Account : IDisposable
    {
        private readonly InFlightBudget _budget;
        private readonly string _name;
        private readonly Group _group;
        private int _batches;
        private long _usedBytes;
        private bool _hasLeft;

        public Account(InFlightBudget budget, string name, Group group)
        {
            _budget = budget;
            _name = name;
            _group = group;
        }

        /// <summary>Whether the log may have a batch in flight at all.</summary>
        /// <param name="brokersAnswer">Whether somebody got an acknowledgement since the brokers were last away.</param>
        public bool AllowsFirst(bool brokersAnswer)
        {
            lock (_budget._lock)
            {
                _group.IsAnswered = brokersAnswer;
                var isRoom = _group.UsedBytes < _budget.LimitOf(_group);
                var silence = _budget._time.GetElapsedTime(_group.SentAt);
                return brokersAnswer
                    ? isRoom || silence >= CrowdedInterval
                    : _group.Batches < MaxProbes || (isRoom && silence >= ProbeInterval);
            }
        }

        /// <summary>Whether the log may send one more batch.</summary>
        public bool AllowsMore(bool brokersAnswer)
        {
            lock (_budget._lock)
            {
                _group.IsAnswered = brokersAnswer;
                var limit = _budget.LimitOf(_group);
                var share = limit / (2 * _group.Logs);
                return brokersAnswer && (_usedBytes < share || _group.UsedBytes < limit - ((_group.Logs - 1) * share));
            }
        }

        /// <summary>A batch was sent, and holds so much memory until it is back.</summary>
        public void Take(long costBytes)
        {
            lock (_budget._lock)
            {
                _group.SentAt = _budget._time.GetTimestamp();
                Change(1, costBytes);
            }
        }

        /// <summary>It is back.</summary>
        public void GiveBack(long costBytes) => Change(-1, -costBytes);

        public void Dispose()
        {
            lock (_budget._lock)
            {
                if (_hasLeft)
                {
                    return;
                }

                _hasLeft = true;
                _budget._logs--;
                _group.Batches -= _batches;
                _group.UsedBytes -= _usedBytes;
                if (--_group.Logs == 0)
                {
                    _budget._groups.Remove(_name);
                }
            }
        }

        private void Change(int batches, long bytes)
        {
            lock (_budget._lock)
            {
                _batches += batches;
                _usedBytes += bytes;
                _group.Batches += batches;
                _group.UsedBytes += bytes;
            }
        }
    }
}
