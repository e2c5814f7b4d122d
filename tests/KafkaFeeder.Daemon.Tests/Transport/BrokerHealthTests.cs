using Confluent.Kafka;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
using KafkaFeeder.Daemon.Transport.Client;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport;

/// <summary>The state of the brokers of a group: their own errors count until they answer again.</summary>
public sealed class BrokerHealthTests
{
    private readonly ManualTime _time = new();
    private readonly LogLines _log = new();
    private readonly BrokerHealth _health;

    public BrokerHealthTests()
    {
        _health = new BrokerHealth("kafka", text => text, _log, _time);
        _time.Advance(TimeSpan.FromSeconds(1));
    }

    [Theory]
    [InlineData(ErrorCode.Local_Transport, true)]
    [InlineData(ErrorCode.SaslAuthenticationFailed, true)]
    [InlineData(ErrorCode.TopicAuthorizationFailed, false)] // of one log
    [InlineData(ErrorCode.MsgSizeTooLarge, false)]
    [InlineData(ErrorCode.NotEnoughReplicas, false)]
    public void An_error_of_one_log_is_not_shown_for_all(ErrorCode code, bool isOfBrokers)
    {
        _health.Failed((int)code, "as the test says", OutcomeKind.Retriable);
        Assert.Equal(isOfBrokers, _health.LastError is not null);
        Assert.Equal(isOfBrokers ? 1 : 0, _log.All.Count);
    }

    [Fact]
    public void An_acknowledgement_ends_the_error_and_its_end_is_logged_once()
    {
        _health.Acknowledged();
        Assert.Empty(_log.All);
        _health.Failed((int)ErrorCode.Local_Transport, "as the test says", OutcomeKind.Retriable);
        Assert.True(_health.Answers); // a failed connection to one broker is not all brokers
        _health.Failed((int)ErrorCode.Local_AllBrokersDown, "as the test says", OutcomeKind.Retriable);
        Assert.False(_health.Answers);
        Assert.Single(_log.All); // the second within ten seconds is not repeated

        _time.Advance(TimeSpan.FromSeconds(90));
        _health.Acknowledged();
        _health.Acknowledged();
        Assert.Equal((true, null), (_health.Answers, _health.LastError));
        Assert.Equal(["Brokers of kafka: records are acknowledged again after 90 s"], _log.All.Skip(1).Select(l => l.Text));
    }
}
