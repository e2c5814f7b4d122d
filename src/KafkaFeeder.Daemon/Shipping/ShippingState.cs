using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// The state of a log's shipping, and why: the current error of its files, its checkpoint or the brokers; whether it is recovering,
/// and when it may send again. Does no I/O. Not thread-safe.
/// </summary>
internal sealed class ShippingState(TimeProvider time)
{
    /// <summary>Working brokers answer within the linger time of the client; no answer for longer than this is an error.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ShortSilence = TimeSpan.FromSeconds(1);

    private readonly RetrySchedule _retries = new();
    private long _failedAt;
    private TimeSpan _wait;
    private long _answeredAt;
    private string? _saveFault;
    private (OutcomeKind Kind, string Error)? _trouble;

    /// <summary>True from a failure until all unacknowledged batches are queued to be sent again. Nothing is sent meanwhile.</summary>
    public bool IsRecovering { get; private set; }

    /// <summary>True while only one batch at a time is sent, until something is acknowledged.</summary>
    public bool IsProbing { get; private set; }

    /// <summary>The error with the log's files, or with a write that must succeed before shipping continues; null: none.</summary>
    public string? Fault { get; private set; }

    /// <summary>True if it is recovering, and has waited long enough to send again.</summary>
    public bool IsRecoveryDue => IsRecovering && time.GetElapsedTime(_failedAt) >= _wait;

    /// <summary>True if only one batch at a time is sent after an outcome of this kind.</summary>
    public static bool NeedsProbe(OutcomeKind kind) => kind is OutcomeKind.Held or OutcomeKind.Fatal or OutcomeKind.Unknown;

    /// <summary>Starts to recover: all unacknowledged batches have to be sent again, after this time at the earliest.</summary>
    public void Recover(TimeSpan wait)
    {
        if (!IsRecovering || wait > _wait)
        {
            _wait = wait;
        }

        IsRecovering = true;
        _failedAt = time.GetTimestamp();
    }

    /// <summary>All unacknowledged batches are queued to be sent again.</summary>
    public void Recovered() => IsRecovering = false;

    /// <summary>Files of the log could not be read, or a write failed.</summary>
    public void Failed(string fault) => Fault = fault;

    /// <summary>A turn ended without an error.</summary>
    public void TurnSucceeded()
    {
        if (!IsRecovering)
        {
            Fault = null;
        }
    }

    /// <summary>A save has ended.</summary>
    /// <param name="error">Why it failed; null: it succeeded.</param>
    public void SaveEnded(string? error) => _saveFault = error is null ? null : $"the checkpoint cannot be saved: {error}";

    /// <summary>A batch is sent while none was in flight: the time without an answer counts from now.</summary>
    public void AwaitAnswer() => _answeredAt = time.GetTimestamp();

    /// <summary>The brokers answered, with success or an error.</summary>
    public void Answered() => _answeredAt = time.GetTimestamp();

    /// <summary>A batch was acknowledged, or settled in another way.</summary>
    /// <returns>True if this ends an error of the brokers.</returns>
    public bool Acknowledged()
    {
        IsProbing = false;
        _retries.Succeeded();
        if (IsRecovering || _trouble is null)
        {
            return false;
        }

        _trouble = null;
        return true;
    }

    /// <summary>A batch was not acknowledged: starts to recover.</summary>
    /// <param name="kind">The kind of failure.</param>
    /// <param name="error">Kafka's error text.</param>
    /// <param name="hasProgressed">
    /// True if some records were settled, or the records are sent one by one next: then there is no wait.
    /// </param>
    /// <returns>How long it waits before it sends again.</returns>
    public TimeSpan NotAcknowledged(OutcomeKind kind, string error, bool hasProgressed)
    {
        IsProbing |= NeedsProbe(kind);
        _trouble = (kind, error);
        var wait = hasProgressed ? TimeSpan.Zero : _retries.Failed(kind);
        Recover(wait);
        return wait;
    }

    /// <summary>The state as it is shown, and the error; null: no error.</summary>
    public (LogState State, string? Error) Judge(in ShippingFacts facts)
    {
        var unanswered = Unanswered(facts);
        var error = _saveFault ?? Fault ?? _trouble?.Error ?? unanswered;
        var state =
            _saveFault is not null || Fault is not null ? LogState.Failed
            : _trouble?.Kind == OutcomeKind.Held ? LogState.Held
            : error is not null || facts.Absent is not null ? LogState.Retrying
            : facts.LagBytes == 0 && !facts.IsInFlight ? LogState.Idle
            : LogState.Shipping;
        return (state, error is not null && facts.Absent is not null ? $"{error}; {facts.Absent}" : error ?? facts.Absent);
    }

    /// <summary>
    /// The error if the brokers have not answered for a while; null if they have. If nothing is in flight: the last error, while the
    /// brokers answer no log and there is something to ship.
    /// </summary>
    private string? Unanswered(in ShippingFacts facts)
    {
        if (!facts.IsInFlight)
        {
            return facts.HasUnshipped && !facts.BrokersAnswer ? facts.BrokersError : null; // other logs detect when they are back
        }

        var silence = time.GetElapsedTime(_answeredAt);
        return silence < ShortSilence ? null
            : facts.BrokersError is { } error ? error
            : silence <= AnswerTime ? null
            : $"no {(facts.BrokersAnswer ? "acknowledgement" : "answer from the brokers")} for {Words.Age(silence)}";
    }
}

/// <summary>The current facts that the state of a log depends on.</summary>
/// <param name="LagBytes">Bytes on disk that are not acknowledged.</param>
/// <param name="HasUnshipped">True if a segment on disk has such bytes.</param>
/// <param name="IsInFlight">True if a batch is in flight.</param>
/// <param name="BrokersAnswer">See <see cref="IBatchTransport.BrokersAnswer"/>.</param>
/// <param name="BrokersError">See <see cref="IBatchTransport.LastError"/>.</param>
/// <param name="Absent">The text about segments that are gone; null: none are.</param>
internal readonly record struct ShippingFacts(
    long LagBytes, bool HasUnshipped, bool IsInFlight, bool BrokersAnswer, string? BrokersError, string? Absent);
