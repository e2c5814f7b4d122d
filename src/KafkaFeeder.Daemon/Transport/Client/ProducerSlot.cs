using Confluent.Kafka;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// Holds one producer: creates it when it is first needed, and replaces it when it is broken, at most once in a growing interval.
/// Thread-safe.
/// </summary>
internal sealed class ProducerSlot : IDisposable
{
    private static readonly TimeSpan MinRenewal = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan MaxRenewal = TimeSpan.FromSeconds(60);

    private readonly BrokerGroupOptions _group;
    private readonly AckLevel _ack;
    private readonly PartitionerKind _partitioner;
    private readonly ProducerShape _shape;
    private readonly BrokerHealth _health;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private ProducerGeneration? _generation;
    private bool _isIdempotent;
    private TimeSpan _renewal = MinRenewal;
    private long _renewedAt;
    private bool _acknowledgedSinceRenewal = true;

    /// <param name="group">The broker group.</param>
    /// <param name="ack">Whose acknowledgement counts.</param>
    /// <param name="partitioner">Which partition a key goes to.</param>
    /// <param name="shape">How large its requests are.</param>
    /// <param name="health">What is known about the brokers.</param>
    /// <param name="logger">Logs events of the producer.</param>
    /// <param name="time">The clock.</param>
    public ProducerSlot(
        BrokerGroupOptions group,
        AckLevel ack,
        PartitionerKind partitioner,
        ProducerShape shape,
        BrokerHealth health,
        ILogger logger,
        TimeProvider time)
    {
        _group = group;
        _ack = ack;
        _partitioner = partitioner;
        _shape = shape;
        _health = health;
        _logger = logger;
        _time = time;
        _isIdempotent = ProducerSettings.MayBeIdempotent(group, ack);
    }

    public bool IsIdempotent => _isIdempotent;

    public string Description =>
        $"librdkafka {Library.VersionString} to {_group.Name} ({string.Join(", ", _group.Brokers)}), "
            + $"{(_isIdempotent ? "idempotent" : "not idempotent")}";

    /// <summary>
    /// Without idempotence a window must be sent as one request, or a retry could change its order. So the client has a long linger
    /// time, and this ends it when the window is complete.
    /// </summary>
    public void SendNow()
    {
        ProducerGeneration? generation;
        lock (_lock)
        {
            if ((_isIdempotent && !_shape.IsPushed) || _generation is null)
            {
                return;
            }

            generation = _generation;
            generation.Retain();
        }

        generation.SendNow();
        generation.Release();
    }

    public void Dispose()
    {
        ProducerGeneration? last;
        lock (_lock)
        {
            last = _generation;
            _generation = null;
        }

        last?.Dispose();
    }

    /// <summary>Returns the producer, retained for a batch; null while a broken one may not be replaced, or none can be created.</summary>
    public ProducerGeneration? Take(out OutcomeKind refusal)
    {
        refusal = OutcomeKind.Retriable;
        lock (_lock)
        {
            if (_generation is { IsBroken: true } broken)
            {
                _isIdempotent &= !broken.LacksIdempotence;
                _generation = null;
                broken.Dispose();
                FeederLog.ProducerBroken(
                    _logger, _group.Name, _isIdempotent ? "an idempotent" : "a non-idempotent", broken.Reason ?? "fatal error");
                _renewal = _acknowledgedSinceRenewal ? MinRenewal : TimeSpan.FromTicks(Math.Min(_renewal.Ticks * 2, MaxRenewal.Ticks));
            }

            if (_generation is null)
            {
                if (_renewedAt != 0 && _time.GetElapsedTime(_renewedAt) < _renewal)
                {
                    return null;
                }

                _renewedAt = _time.GetTimestamp();
                _acknowledgedSinceRenewal = false;
                var settings = ProducerSettings.For(_group, _ack, _partitioner, _isIdempotent, _shape);
                try
                {
                    _generation = new ProducerGeneration(
                        settings, _isIdempotent, OnError, OnLog, OnAcknowledged, _group.WithoutSecrets);
                }
                catch (Exception e) when (e is ArgumentException or InvalidOperationException or KafkaException)
                {
                    _health.Refused($"the properties of broker group {_group.Name} are refused by librdkafka: "
                        + _group.WithoutSecrets(e.Message));
                    refusal = OutcomeKind.Held;
                    return null;
                }

                FeederLog.ProducerMade(_logger, Description);
            }

            _generation.Retain();
            return _generation;
        }
    }

    /// <summary>
    /// Withdraws all records of the producer, of every log, and uses another producer from now on. For a log whose transport is closed:
    /// its records would otherwise still be sent while its next shipper sends them again.
    /// </summary>
    public void Abandon()
    {
        ProducerGeneration? abandoned;
        lock (_lock)
        {
            abandoned = _generation;
            _generation = null;
        }

        abandoned?.Purge();
        abandoned?.Dispose();
    }

    private void OnError(Error error, OutcomeKind kind) => _health.Failed((int)error.Code, $"{error.Code}: {error.Reason}", kind);

    private void OnAcknowledged()
    {
        _acknowledgedSinceRenewal = true;
        _health.Acknowledged();
    }

    private void OnLog(LogMessage message) =>
        FeederLog.ClientLibrary(_logger, _group.Name, message.Facility, _group.WithoutSecrets(message.Message));
}
