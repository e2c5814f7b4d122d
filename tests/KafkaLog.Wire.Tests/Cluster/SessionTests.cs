using KafkaFeeder.Tests;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Cluster;

/// <summary>A broker that closes connections which are authenticated for too long (KIP-368): sessions of 20 s.</summary>
public sealed class SessionTests : IAsyncDisposable
{
    /// <summary>A response to ApiVersions: it has InitProducerId, SaslHandshake and SaslAuthenticate.</summary>
    private const string Versions =
        "0000" + "00000003" + "0016" + "0000" + "0001" + "0011" + "0000" + "0001" + "0024" + "0000" + "0001";

    private const int LifetimeMs = 20_000;

    private readonly ManualTime _time = new();
    private readonly ManualResetEventSlim _mayAnswer = new(true);
    private readonly ScriptedBroker _broker;
    private readonly BrokerLink _link;
    private volatile bool _refuses;
    private int _checks;

    public SessionTests()
    {
        _broker = new ScriptedBroker(Answer);
        var options = new ConnectionOptions { Sasl = new SaslOptions(SaslMechanism.Plain, "user", "password") };
        _link = new BrokerLink("127.0.0.1", _broker.Port, new BrokerConnector(options, _time), _time, () => 0.5, _ =>
        {
            Interlocked.Increment(ref _checks);
            return Task.CompletedTask;
        });
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private int Connections => _broker.Received.Count(r => r.Key == (short)ApiKey.ApiVersions);

    public async ValueTask DisposeAsync()
    {
        _mayAnswer.Set();
        await _link.DisposeAsync();
        await _broker.DisposeAsync();
        _mayAnswer.Dispose();
    }

    [Fact]
    public async Task Before_the_session_ends_the_next_connection_is_made_and_given_out_when_all_before_is_answered()
    {
        var first = await _link.GetAsync(Cancellation);
        _time.Advance(TimeSpan.FromMilliseconds((LifetimeMs * 0.85) - 1));
        Assert.Same(first, await _link.GetAsync(Cancellation));
        Assert.Equal(1, Connections);

        _mayAnswer.Reset();
        var sent = SendAsync(first);
        _time.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Same(first, await _link.GetAsync(Cancellation)); // in use until the next is there
        await Eventually.HoldsAsync(() => Volatile.Read(ref _checks) == 2);
        var getting = _link.GetAsync(Cancellation);
        while (getting.IsCompleted) // the last step to the switch
        {
            Assert.Same(first, await getting);
            await Task.Yield();
            getting = _link.GetAsync(Cancellation);
        }

        await Assert.ThrowsAsync<ConnectionLostException>(() => SendAsync(first)); // nothing overtakes
        Assert.Null(first.Failure);
        _mayAnswer.Set();
        Assert.Equal(7, (await sent).ProducerId);
        var next = await getting;
        Assert.NotSame(first, next);
        Assert.NotNull(first.Failure);
        Assert.Equal(7, (await SendAsync(next)).ProducerId);
        Assert.Equal(2, Connections);
    }

    [Fact]
    public async Task While_it_cannot_be_renewed_the_connection_is_used_until_its_session_ends()
    {
        var first = await _link.GetAsync(Cancellation);
        _refuses = true;
        _time.Advance(TimeSpan.FromMilliseconds(LifetimeMs * 0.85));
        Assert.Same(first, await _link.GetAsync(Cancellation));
        await Eventually.HoldsAsync(() => Connections == 2);
        Assert.Same(first, await _link.GetAsync(Cancellation));
        Assert.Equal(7, (await SendAsync(first)).ProducerId);
        _time.Advance(TimeSpan.FromMilliseconds(LifetimeMs * 0.15));
        Assert.Null(_link.Connected);
        await Assert.ThrowsAsync<AuthenticationException>(() => _link.GetAsync(Cancellation));
        _refuses = false;
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.NotSame(first, await _link.GetAsync(Cancellation));
        Assert.NotNull(first.Failure);
    }

    [Theory]
    [InlineData(0, 1_000_000, false, false)]
    [InlineData(1000, 849, false, false)]
    [InlineData(1000, 850, true, false)]
    [InlineData(1000, 999, true, false)]
    [InlineData(1000, 1000, true, true)]
    public void A_session_is_renewed_after_85_percent(long lifetimeMs, int afterMs, bool isToBeRenewed, bool isOver)
    {
        var session = new Session(_time.GetTimestamp(), lifetimeMs);
        _time.Advance(TimeSpan.FromMilliseconds(afterMs));
        Assert.Equal((isToBeRenewed, isOver), (session.IsToBeRenewed(_time), session.IsOver(_time)));
    }

    private static Task<InitProducerIdResponse> SendAsync(BrokerConnection connection) =>
        connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);

    private byte[]? Answer(ScriptedBroker.Request request)
    {
        switch ((ApiKey)request.Key)
        {
            case ApiKey.ApiVersions:
                return ScriptedBroker.Frame(request.CorrelationId, Versions);
            case ApiKey.SaslHandshake:
                return ScriptedBroker.Frame(request.CorrelationId, "0000" + "00000000");
            case ApiKey.SaslAuthenticate:
                return ScriptedBroker.Frame(
                    request.CorrelationId, (_refuses ? "003A" : "0000") + "FFFF" + "00000000" + $"{LifetimeMs:X16}");
            default:
                _mayAnswer.Wait();
                return Responses.ProducerId(request.CorrelationId, 7);
        }
    }
}
