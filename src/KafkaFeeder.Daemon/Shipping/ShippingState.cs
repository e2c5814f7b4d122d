using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Shipping;

/// <summary>
/// In which state the shipping of a log is, and why: what went wrong with its files, its checkpoint or the brokers, until it goes
/// right again; whether it recovers, and when it may send again. Does no I/O. Not thread-safe.
/// </summary>
internal sealed class ShippingState(TimeProvider time)
{
    /// <summary>Brokers that are well answer within the linger of the client; after so long something is wrong.</summary>
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan ShortSilence = TimeSpan.FromSeconds(1);

    private readonly RetrySchedule _retries = new();
    private long _failedAt;
    private TimeSpan _wait;
    private long _answeredAt;
    private string? _saveFault;
    private (OutcomeKind Kind, string Error)? _trouble;

    /// <summary>True from a failure until all that is not acknowledged is sent again: nothing is read and sent meanwhile.</summary>
    public bool IsRecovering { get; private set; }

    /// <summary>True while one batch at a time is sent, until something is acknowledged.</summary>
    public bool IsProbing { get; private set; }

    /// <summary>What is wrong with the log's files, or with what must be on disk before it goes on; null: nothing.</summary>
    public string? Fault { get; private set; }

    /// <summary>True if it recovers, and has waited long enough to send again.</summary>
    public bool IsRecoveryDue => IsRecovering && time.GetElapsedTime(_failedAt) >= _wait;

    /// <summary>Whether after an outcome of that kind one batch at a time is tried.</summary>
    public static bool NeedsProbe(OutcomeKind kind) => kind is OutcomeKind.Held or OutcomeKind.Fatal or OutcomeKind.Unknown;

    /// <summary>All that is not acknowledged has to be sent again, after that time at the earliest.</summary>
    public void Recover(TimeSpan wait)
    {
        if (!IsRecovering || wait > _wait)
        {
            _wait = wait;
        }

        IsRecovering = true;
        _failedAt = time.GetTimestamp();
    }

    /// <summary>What is not acknowledged is about to be sent again.</summary>
    public void Recovered() => IsRecovering = false;

    /// <summary>Files of the log could not be read, or something could not be written.</summary>
    public void Failed(string fault) => Fault = fault;

    /// <summary>A turn is done without a fault.</summary>
    public void TurnSucceeded()
    {
        if (!IsRecovering)
        {
            Fault = null;
        }
    }

    /// <summary>A save has ended.</summary>
    /// <param name="error">Why it failed; null: it is on disk.</param>
    public void SaveEnded(string? error) => _saveFault = error is null ? null : $"the checkpoint cannot be saved: {error}";

    /// <summary>A batch is sent while none is in flight: from now on an answer is due.</summary>
    public void AwaitAnswer() => _answeredAt = time.GetTimestamp();

    /// <summary>The brokers answered, whatever they said.</summary>
    public void Answered() => _answeredAt = time.GetTimestamp();

    /// <summary>Something was acknowledged, or needs to be sent no more.</summary>
    /// <returns>True if trouble with the brokers is over by it.</returns>
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

    /// <summary>A batch was not acknowledged: begins to recover.</summary>
    /// <param name="kind">What is wrong.</param>
    /// <param name="error">Kafka's words for it.</param>
    /// <param name="hasProgressed">True if some of the batch needs to be sent no more, or it is known which of it fails.</param>
    /// <returns>How long it waits before it sends again.</returns>
    public TimeSpan NotAcknowledged(OutcomeKind kind, string error, bool hasProgressed)
    {
        IsProbing |= NeedsProbe(kind);
        _trouble = (kind, error);
        var wait = hasProgressed ? TimeSpan.Zero : _retries.Failed(kind);
        Recover(wait);
        return wait;
    }

    /// <summary>The state for people, and what is wrong; null: nothing is.</summary>
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

    /// <summary>What is wrong with the brokers when they have not answered for a while; null if they have, or were asked nothing.</summary>
    private string? Unanswered(in ShippingFacts facts)
    {
        if (!facts.IsInFlight)
        {
            return facts.HasUnshipped && !facts.BrokersAnswer ? facts.BrokersError : null; // other logs find out when they are back
        }

        var silence = time.GetElapsedTime(_answeredAt);
        return silence < ShortSilence ? null
            : facts.BrokersError is { } error ? error
            : silence <= AnswerTime ? null
            : $"no {(facts.BrokersAnswer ? "acknowledgement" : "answer from the brokers")} for {Words.Age(silence)}";
    }
}

/// <summary>What the state of a log depends on besides what happened to it.</summary>
/// <param name="LagBytes">Bytes on disk that are not acknowledged.</param>
/// <param name="HasUnshipped">True if a segment that is there has such bytes.</param>
/// <param name="IsInFlight">True if something is sent and has no outcome.</param>
/// <param name="BrokersAnswer">See <see cref="IBatchTransport.BrokersAnswer"/>.</param>
/// <param name="BrokersError">See <see cref="IBatchTransport.LastError"/>.</param>
/// <param name="Absent">What is said of segments that are gone; null: none are.</param>
internal readonly record struct ShippingFacts(
    long LagBytes, bool HasUnshipped, bool IsInFlight, bool BrokersAnswer, string? BrokersError, string? Absent);
