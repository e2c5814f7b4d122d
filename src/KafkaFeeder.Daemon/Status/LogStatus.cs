using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>How a log is, in one word.</summary>
internal enum LogState
{
    /// <summary>Reading its state.</summary>
    Starting,

    /// <summary>All there is, is shipped.</summary>
    Idle,

    /// <summary>Shipping.</summary>
    Shipping,

    /// <summary>A passing fault; tried again by itself.</summary>
    Retrying,

    /// <summary>Something needs repair: see the error. Tried again by itself.</summary>
    Held,

    /// <summary>Its files or state cannot be read or written; tried again by itself.</summary>
    Failed,

    /// <summary>Stopped.</summary>
    Stopped,
}

/// <summary>
/// What there is to know of one log. Written by its shipper alone, read by the status page, the metrics and
/// <c>kafkafeeder status</c> at any time: each number is right, two numbers may be of two moments.
/// </summary>
/// <param name="options">Its settings.</param>
/// <param name="directory">The real path of the log's directory.</param>
/// <param name="time">The clock.</param>
/// <param name="account">What the ledger says of it.</param>
/// <param name="history">Its changes of state so far, when another shipper takes over.</param>
internal sealed class LogStatus(
    LogOptions options, string directory, TimeProvider time, LedgerAccount? account = null, StateHistory? history = null)
{
    private readonly LedgerAccount _account = account ?? new LedgerAccount();
    private readonly Lock _lock = new();
    private readonly RateWindow _rate = new();
    private readonly long _origin = time.GetTimestamp();
    private volatile LogState _state = LogState.Starting;
    private string? _error;
    private (string Text, DateTimeOffset At)? _lastError;
    private long _shippedRecords;
    private long _shippedBytes;
    private long _resentRecords;
    private long _possibleDuplicates;
    private long _checkpointResets;
    private long _checkpointFailures;
    private long _lagBytes;
    private long _missingBytes;
    private long _removedBytes;
    private long _inFlightBytes;
    private long _oldestUnshipped;
    private long _cleanedSegments;
    private long _segments;
    private long _quarantineBytes;
    private long _lookedAt = long.MinValue;

    /// <summary>A log whose state is older than this hangs: a state is written several times a second.</summary>
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(30);

    /// <summary>Its settings. Those that concern where it goes change only with its shipper.</summary>
    public LogOptions Options { get; set; } = options;

    /// <summary>The real path of the log's directory.</summary>
    public string Directory { get; } = directory;

    public LogState State => IsStale ? LogState.Failed : _state;

    /// <summary>How its state has changed in this run.</summary>
    public StateHistory History { get; } = history ?? new StateHistory();

    /// <summary>True while it is not shipped as it should be: it is tried again, or somebody has to repair something.</summary>
    public bool IsInTrouble => State is LogState.Retrying or LogState.Held or LogState.Failed;

    /// <summary>True if somebody should look at it: it is in trouble, or something went wrong that nobody has acknowledged.</summary>
    public bool NeedsAttention => IsInTrouble || HasIncidents;

    /// <summary>What is wrong now; null: nothing.</summary>
    public string? Error => IsStale
        ? $"no progress for {Words.Age(time.GetElapsedTime(LookedAt))}: its files do not answer (a mount that hangs?); the numbers are from then"
        : _error;

    /// <summary>What went wrong last, whether or not it still does, and when it last did; null: nothing in this run.</summary>
    public (string Text, DateTimeOffset At)? LastError
    {
        get
        {
            lock (_lock)
            {
                return _lastError;
            }
        }
    }

    /// <summary>The segment and position that are confirmed.</summary>
    public string Position { get; set; } = "";

    public long ShippedRecords => Interlocked.Read(ref _shippedRecords);

    public long ShippedBytes => Interlocked.Read(ref _shippedBytes);

    /// <summary>Bytes of segments confirmed a second, over the last <see cref="RateWindow.Seconds"/>.</summary>
    public double BytesPerSecond
    {
        get
        {
            lock (_lock)
            {
                return _rate.At(time.GetElapsedTime(_origin));
            }
        }
    }

    public long ResentRecords => Interlocked.Read(ref _resentRecords);

    /// <summary>Records that may have arrived twice since the log was first seen, over all runs.</summary>
    public long PossibleDuplicates
    {
        get => Interlocked.Read(ref _possibleDuplicates);
        set => Interlocked.Exchange(ref _possibleDuplicates, value);
    }

    /// <summary>What the ledger says of this log: over all runs, and what of it nobody has acknowledged.</summary>
    public LedgerCounts Ledger => _account.Counts;

    /// <summary>Whether something went wrong with it that nobody has acknowledged.</summary>
    public bool HasIncidents => Ledger.Incidents > 0;

    public long RejectedRecords => Ledger.Total.Rejected;

    public long TornBytes => Ledger.Total.Torn;

    public long DamagedBytes => Ledger.Total.Damaged;

    public long LostBytes => Ledger.Total.Lost;

    public long CheckpointResets => Interlocked.Read(ref _checkpointResets);

    public long CheckpointFailures => Interlocked.Read(ref _checkpointFailures);

    public long CleanedSegments => Interlocked.Read(ref _cleanedSegments);

    /// <summary>Segments that are there.</summary>
    public long Segments { get => Interlocked.Read(ref _segments); set => Interlocked.Exchange(ref _segments, value); }

    /// <summary>What of it is in quarantine, in bytes on the disk.</summary>
    public long QuarantineBytes { get => Interlocked.Read(ref _quarantineBytes); set => Interlocked.Exchange(ref _quarantineBytes, value); }

    /// <summary>Bytes that are not confirmed.</summary>
    public long LagBytes { get => Interlocked.Read(ref _lagBytes); set => Interlocked.Exchange(ref _lagBytes, value); }

    /// <summary>
    /// Bytes that are not confirmed, of segments that are gone from the directory. They are lost unless the segments come back, or,
    /// for what is in <see cref="RemovedBytes"/>, are shipped before the daemon stops.
    /// </summary>
    public long MissingBytes { get => Interlocked.Read(ref _missingBytes); set => Interlocked.Exchange(ref _missingBytes, value); }

    /// <summary>What of <see cref="MissingBytes"/> is still read, since the files are open. It is in <see cref="LagBytes"/> too.</summary>
    public long RemovedBytes { get => Interlocked.Read(ref _removedBytes); set => Interlocked.Exchange(ref _removedBytes, value); }

    /// <summary>Segments that are open and whose names are gone from the directory, whether or not all of them is shipped.</summary>
    public int RemovedSegments { get; set; }

    /// <summary>Bytes that are sent and not confirmed.</summary>
    public long InFlightBytes { get => Interlocked.Read(ref _inFlightBytes); set => Interlocked.Exchange(ref _inFlightBytes, value); }

    /// <summary>Timestamp of the oldest record on disk that is not confirmed, ms since 1970 UTC; 0 if there is none.</summary>
    public long OldestUnshipped { get => Interlocked.Read(ref _oldestUnshipped); set => Interlocked.Exchange(ref _oldestUnshipped, value); }

    /// <summary>When the turn of which this tells began: what was written before is seen in it. A timestamp.</summary>
    public long LookedAt { get => Interlocked.Read(ref _lookedAt); set => Interlocked.Exchange(ref _lookedAt, value); }

    /// <summary>Whether its files were looked at in this run: before, its numbers say nothing.</summary>
    public bool IsLookedAt => LookedAt != long.MinValue;

    private bool IsStale =>
        _state is not (LogState.Starting or LogState.Stopped) && IsLookedAt && time.GetElapsedTime(LookedAt) > StaleAfter;

    /// <summary>True if all is confirmed that was written before that time, and whatever came while it was looked at.</summary>
    /// <param name="timestamp">Of the clock of <see cref="LookedAt"/>.</param>
    public bool IsAtEndSince(long timestamp) => LookedAt >= timestamp && State == LogState.Idle;

    /// <summary>It is in this state from now on.</summary>
    /// <param name="state">The state.</param>
    /// <param name="error">What is wrong; null: nothing.</param>
    public void Became(LogState state, string? error)
    {
        var now = time.GetUtcNow();
        History.Add(now, state, error);
        _error = error;
        _state = state;
        if (error is not null)
        {
            lock (_lock)
            {
                _lastError = (error, now);
            }
        }
    }

    /// <summary>Its shipper ended. What was wrong last stays to be seen.</summary>
    public void Stopped() => Became(LogState.Stopped, _error);

    public void AddShipped(long records, long bytes)
    {
        Interlocked.Add(ref _shippedRecords, records);
        Interlocked.Add(ref _shippedBytes, bytes);
        lock (_lock)
        {
            _rate.Add(time.GetElapsedTime(_origin), bytes);
        }
    }

    public void AddResent(long records) => Interlocked.Add(ref _resentRecords, records);

    public void AddCheckpointReset() => Interlocked.Increment(ref _checkpointResets);

    public void AddCheckpointFailure() => Interlocked.Increment(ref _checkpointFailures);

    public void AddCleaned() => Interlocked.Increment(ref _cleanedSegments);
}
