using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Status;

/// <summary>The state of a log. docs/GLOSSARY.md describes the states.</summary>
internal enum LogState
{
    /// <summary>Its checkpoint is being read.</summary>
    Starting,

    /// <summary>Everything on disk is acknowledged.</summary>
    Idle,

    /// <summary>Records are read and sent.</summary>
    Shipping,

    /// <summary>A transient error; it is tried again.</summary>
    Retrying,

    /// <summary>Somebody has to repair something: see the error. It is tried again.</summary>
    Held,

    /// <summary>Its files or its state cannot be read or written. It is tried again.</summary>
    Failed,

    /// <summary>It is no longer shipped in this run.</summary>
    Stopped,
}

/// <summary>
/// The status of one log. Written only by its shipper; read by the status page, the metrics and <c>kafkafeeder status</c> at any time.
/// Each number is consistent by itself; two numbers may be from different moments.
/// </summary>
/// <param name="options">Its settings.</param>
/// <param name="directory">The real path of the log's directory.</param>
/// <param name="time">The clock.</param>
/// <param name="account">Its counts in the ledger.</param>
/// <param name="history">The changes of state under its previous shipper; null: there was none.</param>
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

    /// <summary>If the status is older than this, the log is stalled: normally it is written every few seconds or more often.</summary>
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(30);

    /// <summary>Its settings. Settings of the destination change only together with its shipper.</summary>
    public LogOptions Options { get; set; } = options;

    /// <summary>The real path of the log's directory.</summary>
    public string Directory { get; } = directory;

    public LogState State => IsStale ? LogState.Failed : _state;

    /// <summary>The changes of its state in this run.</summary>
    public StateHistory History { get; } = history ?? new StateHistory();

    /// <summary>True if it is retrying, held or failed.</summary>
    public bool IsInTrouble => State is LogState.Retrying or LogState.Held or LogState.Failed;

    /// <summary>True if a person should look at it: it is in trouble, or has incidents that nobody has acknowledged.</summary>
    public bool NeedsAttention => IsInTrouble || HasIncidents;

    /// <summary>The current error; null: none.</summary>
    public string? Error => IsStale
        ? $"no progress for {Words.Age(time.GetElapsedTime(LookedAt))}: its files do not answer (a mount that hangs?); the numbers are "
            + "from then"
        : _error;

    /// <summary>The last error, even if it is over, and when it was last reported; null: none in this run.</summary>
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

    /// <summary>Segment and position of the first unacknowledged byte; "" if there is none.</summary>
    public string Position { get; set; } = "";

    /// <summary>How its records are sent, and to which brokers; "" until its shipper runs.</summary>
    public string Transport { get; set; } = "";

    public long ShippedRecords => Interlocked.Read(ref _shippedRecords);

    public long ShippedBytes => Interlocked.Read(ref _shippedBytes);

    /// <summary>Acknowledged bytes of segments per second, averaged over the last <see cref="RateWindow.Seconds"/>.</summary>
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

    /// <summary>Records that may be in the topic twice, over all runs.</summary>
    public long PossibleDuplicates
    {
        get => Interlocked.Read(ref _possibleDuplicates);
        set => Interlocked.Exchange(ref _possibleDuplicates, value);
    }

    /// <summary>Its counts in the ledger, over all runs, and those that nobody has acknowledged.</summary>
    public LedgerCounts Ledger => _account.Counts;

    /// <summary>True if it has incidents that nobody has acknowledged.</summary>
    public bool HasIncidents => Ledger.Incidents > 0;

    public long RejectedRecords => Ledger.Total.Rejected;

    public long TornBytes => Ledger.Total.Torn;

    public long DamagedBytes => Ledger.Total.Damaged;

    public long LostBytes => Ledger.Total.Lost;

    public long CheckpointResets => Interlocked.Read(ref _checkpointResets);

    public long CheckpointFailures => Interlocked.Read(ref _checkpointFailures);

    public long CleanedSegments => Interlocked.Read(ref _cleanedSegments);

    /// <summary>The number of its segments on disk.</summary>
    public long Segments { get => Interlocked.Read(ref _segments); set => Interlocked.Exchange(ref _segments, value); }

    /// <summary>What its quarantine takes on disk, in bytes.</summary>
    public long QuarantineBytes { get => Interlocked.Read(ref _quarantineBytes); set => Interlocked.Exchange(ref _quarantineBytes, value); }

    /// <summary>Bytes that are not acknowledged.</summary>
    public long LagBytes { get => Interlocked.Read(ref _lagBytes); set => Interlocked.Exchange(ref _lagBytes, value); }

    /// <summary>
    /// Unacknowledged bytes of segments that are gone from the directory. They are lost unless the segments come back, or, for those in
    /// <see cref="RemovedBytes"/>, are shipped before the daemon stops.
    /// </summary>
    public long MissingBytes { get => Interlocked.Read(ref _missingBytes); set => Interlocked.Exchange(ref _missingBytes, value); }

    /// <summary>The part of <see cref="MissingBytes"/> in files that are still open. Also part of <see cref="LagBytes"/>.</summary>
    public long RemovedBytes { get => Interlocked.Read(ref _removedBytes); set => Interlocked.Exchange(ref _removedBytes, value); }

    /// <summary>The number of open segments whose names are gone from the directory, including those that are wholly shipped.</summary>
    public int RemovedSegments { get; set; }

    /// <summary>Bytes of segments that are sent and not acknowledged.</summary>
    public long InFlightBytes { get => Interlocked.Read(ref _inFlightBytes); set => Interlocked.Exchange(ref _inFlightBytes, value); }

    /// <summary>Timestamp of the oldest unacknowledged record on disk, ms since 1970 UTC; 0 if there is none.</summary>
    public long OldestUnshipped { get => Interlocked.Read(ref _oldestUnshipped); set => Interlocked.Exchange(ref _oldestUnshipped, value); }

    /// <summary>When the turn that wrote this status began: everything written before is included. A timestamp of the clock.</summary>
    public long LookedAt { get => Interlocked.Read(ref _lookedAt); set => Interlocked.Exchange(ref _lookedAt, value); }

    /// <summary>True once its files were checked in this run. Before that, its numbers are not valid.</summary>
    public bool IsLookedAt => LookedAt != long.MinValue;

    private bool IsStale =>
        _state is not (LogState.Starting or LogState.Stopped) && IsLookedAt && time.GetElapsedTime(LookedAt) > StaleAfter;

    /// <summary>True if everything written before this time is acknowledged.</summary>
    /// <param name="timestamp">A timestamp of the same clock as <see cref="LookedAt"/>.</param>
    public bool IsAtEndSince(long timestamp) => LookedAt >= timestamp && State == LogState.Idle;

    /// <summary>Sets its state.</summary>
    /// <param name="state">The state.</param>
    /// <param name="error">The error; null: none.</param>
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

    /// <summary>Its shipper has ended. The last error stays visible.</summary>
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
