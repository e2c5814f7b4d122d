namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// Divides the memory for records in flight among the broker groups, and within a group among its logs. A group whose brokers do not
/// answer gets little, so that the others have enough. Each log has its own share, and may use what the other logs leave. While the
/// brokers of a group answer no log, only a few of its logs send a batch, to find out when they are back. Thread-safe.
/// </summary>
internal sealed class InFlightBudget
{
    /// <summary>How many batches of a group may be in flight while its brokers answer no log. The others wait on disk.</summary>
    private const int MaxProbes = 8;

    /// <summary>While other groups are answered, such a group holds at most its share divided by this.</summary>
    private const int SilentPart = 4;

    /// <summary>After this time one more log may send a batch: the earlier ones may wait for partitions without a leader.</summary>
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The same while brokers answer but waiting batches hold the memory, such as batches for partitions without a leader: then the
    /// other logs continue slowly.
    /// </summary>
    private static readonly TimeSpan CrowdedInterval = TimeSpan.FromMilliseconds(500);

    private readonly Func<int, long, long> _limitFor;
    private int _logs;
    private long _segments;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Group> _groups = new(StringComparer.Ordinal);

    private readonly TimeProvider _time;

    /// <param name="limitFor">
    /// The memory that all logs together may hold, in bytes, given the number of logs and of all their segments: <see cref="LimitFor"/>.
    /// </param>
    /// <param name="time">The clock; null: the clock of the system.</param>
    public InFlightBudget(Func<int, long, long> limitFor, TimeProvider? time = null)
    {
        _limitFor = limitFor;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>
    /// Memory of the process before the first log, in bytes: runtime, client library, status page, and garbage that the runtime has not
    /// collected yet. Measured: docs/BENCHMARKS.md.
    /// </summary>
    public const long BaseBytes = 76L << 20;

    /// <summary>The same without that garbage: <see cref="Hosting.MemoryGuard"/> collects it near the limit.</summary>
    public const long LeastBaseBytes = 58L << 20;

    /// <summary>Memory of a log before its first record, in bytes.</summary>
    public const long BytesPerLog = 20L << 10;

    /// <summary>Memory of a segment while its log is shipped, in bytes, whether or not the segment itself is shipped.</summary>
    public const long BytesPerSegment = 300;

    /// <summary>Memory that records may always use, in bytes, so that something can be shipped at all.</summary>
    public const long MinLimitBytes = 8L << 20;

    /// <summary>The smallest memory limit for this number of logs and of all their segments, in bytes.</summary>
    public static long NeededFor(int logs, long segments) => LeastBaseBytes + TakenBy(logs, segments) + MinLimitBytes;

    /// <summary>The part of the memory limit that is left for records in flight, in bytes.</summary>
    public static long LimitFor(long memoryLimitBytes, int logs, long segments) =>
        Math.Max(MinLimitBytes, memoryLimitBytes - BaseBytes - TakenBy(logs, segments));

    private static long TakenBy(int logs, long segments) => (BytesPerLog * logs) + (BytesPerSegment * segments);

    /// <summary>Memory that the batches of all logs hold, in bytes.</summary>
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

    /// <summary>The number of logs that are shipped now, in all groups.</summary>
    public int Logs => Volatile.Read(ref _logs);

    /// <summary>The number of segments on disk, of all logs.</summary>
    public long Segments { get => Interlocked.Read(ref _segments); set => Interlocked.Exchange(ref _segments, value); }

    /// <summary>
    /// The memory that a group may hold. If other groups are answered, a group whose brokers do not answer gets little, and the others
    /// get the rest. When its brokers are back, all groups have equal shares again. Until the others have had the outcomes of what they
    /// hold above their shares, all groups together hold more than the limit.
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

    /// <summary>Registers a log that begins to ship to a broker group.</summary>
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

    /// <summary>The memory that the logs of a broker group hold together.</summary>
    internal sealed class Group
    {
        public int Logs { get; set; }

        public int Batches { get; set; }

        /// <summary>True if any log got an acknowledgement since the brokers of the group were last unreachable.</summary>
        public bool IsAnswered { get; set; }

        /// <summary>When the last batch was sent, as a timestamp of the clock.</summary>
        public long SentAt { get; set; }

        public long UsedBytes { get; set; }
    }

    /// <summary>The memory that one log holds. Dispose gives all of it back.</summary>
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

        /// <summary>True if the log may send a batch while it has none in flight.</summary>
        /// <param name="brokersAnswer">True if any log got an acknowledgement since the brokers were last unreachable.</param>
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

        /// <summary>True if the log may send one more batch.</summary>
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

        /// <summary>Counts a batch that was sent. It holds this much memory until it has its outcome.</summary>
        public void Take(long costBytes)
        {
            lock (_budget._lock)
            {
                _group.SentAt = _budget._time.GetTimestamp();
                Change(1, costBytes);
            }
        }

        /// <summary>Gives back the memory of a batch that has its outcome.</summary>
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
