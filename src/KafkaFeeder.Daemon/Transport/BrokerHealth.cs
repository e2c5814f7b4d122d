using KafkaFeeder.Daemon.Telemetry;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Transport;

/// <summary>
/// What is known about the brokers of a group: whether they answer, and their last error. Errors of a topic or a record do not
/// count. Shared by all logs of the group. Thread-safe.
/// </summary>
/// <param name="group">The broker group.</param>
/// <param name="shown">Removes secrets from a text.</param>
/// <param name="logger">Logs events.</param>
/// <param name="time">The clock.</param>
internal sealed class BrokerHealth(string group, Func<string, string> shown, ILogger logger, TimeProvider time)
{
    private readonly Lock _lock = new();
    private volatile string? _error;
    private volatile bool _answers;
    private readonly RepeatLimit _logged = new(time);
    private long _troubledSince;
    private bool _wasLogged;

    /// <summary>See <see cref="IBatchTransport.BrokersAnswer"/>.</summary>
    public bool Answers => _answers;

    /// <summary>See <see cref="IBatchTransport.LastError"/>.</summary>
    public string? LastError => _error;

    /// <summary>A record was acknowledged.</summary>
    public void Acknowledged()
    {
        _answers = true;
        if (_error is null)
        {
            return;
        }

        lock (_lock)
        {
            if (_error is null)
            {
                return;
            }

            _error = null;
            if (_wasLogged)
            {
                _wasLogged = false;
                FeederLog.BrokersAnswer(logger, group, Words.Age(time.GetElapsedTime(_troubledSince)));
            }
        }
    }

    /// <summary>An error was reported. Ignored unless it concerns the brokers.</summary>
    /// <param name="code">Its code: see <see cref="ProduceErrors"/>.</param>
    /// <param name="error">Its text.</param>
    /// <param name="kind">What to do about it.</param>
    public void Failed(int code, string error, OutcomeKind kind)
    {
        if (!ProduceErrors.IsOfBrokers(code))
        {
            return;
        }

        lock (_lock)
        {
            _answers &= !ProduceErrors.IsNoBroker(code);
            Failed(error, kind);
        }
    }

    /// <summary>No producer can be created: librdkafka refuses the user's properties.</summary>
    public void Refused(string error)
    {
        lock (_lock)
        {
            Failed(error, OutcomeKind.Held);
        }
    }

    private void Failed(string error, OutcomeKind kind)
    {
        if (_error is null)
        {
            _troubledSince = time.GetTimestamp();
        }

        error = shown(error);
        _error = error;
        if (_logged.TryTake())
        {
            _wasLogged = true;
            FeederLog.BrokerTrouble(logger, group, kind.InWords(), error);
        }
    }
}
