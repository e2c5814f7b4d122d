using System.Net;
using System.Net.Sockets;
using KafkaFeeder.Tests;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Cluster;

/// <summary>Brokers on loopback that answer, hang up, or are not there.</summary>
public sealed class ClusterClientTests
{
    private readonly ManualTime _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_topic_is_asked_for_once_until_it_is_forgotten()
    {
        await using var broker = new ScriptedBroker(Answer);
        await using var cluster = Client(broker.Port);
        for (var i = 0; i < 3; i++)
        {
            var topic = await cluster.TopicAsync("orders", Cancellation);
            Assert.Equal((KafkaError.None, 1), (topic.Error, Assert.Single(topic.Partitions).Leader));
        }

        Assert.Equal(1, Questions(broker));
        _time.Advance(TopicCache.RetryAfter);
        cluster.Forget("orders");
        await cluster.TopicAsync("orders", Cancellation);
        Assert.Equal(2, Questions(broker));
    }

    [Fact]
    public async Task All_who_talk_to_a_broker_share_one_connection()
    {
        await using var broker = new ScriptedBroker(Answer);
        await using var cluster = Client(broker.Port);
        await cluster.TopicAsync("orders", Cancellation);
        var link = cluster.LinkOf(1)!;
        var connections = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(() => link.GetAsync(Cancellation))));
        Assert.Single(connections.Distinct());
        Assert.Equal(1, Count(broker, ApiKey.ApiVersions)); // the bootstrap server is broker 1
        Assert.Null(cluster.LinkOf(7));
    }

    [Fact]
    public async Task The_next_bootstrap_server_is_asked_when_the_first_cannot_be_reached()
    {
        await using var broker = new ScriptedBroker(Answer);
        await using var cluster = Client(FreePort(), broker.Port);
        Assert.Equal(KafkaError.None, (await cluster.TopicAsync("orders", Cancellation)).Error);
    }

    [Fact]
    public async Task When_no_broker_answers_the_error_names_them_all()
    {
        var (one, two) = (FreePort(), FreePort());
        await using var cluster = Client(one, two);
        var error = await Assert.ThrowsAsync<ConnectionLostException>(() => cluster.TopicAsync("orders", Cancellation));
        Assert.Contains($"127.0.0.1:{one}", error.Message, StringComparison.Ordinal);
        Assert.Contains($"127.0.0.1:{two}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_broker_that_hangs_up_is_not_connected_again_before_the_backoff_is_over()
    {
        await using var broker = new ScriptedBroker(request =>
        {
            if (request.Key == (short)ApiKey.InitProducerId)
            {
                request.Broker.Hangup();
                return null;
            }

            return Answer(request);
        });
        await using var cluster = Client(broker.Port);
        await cluster.TopicAsync("orders", Cancellation);
        var link = cluster.LinkOf(1)!;
        var connection = await link.GetAsync(Cancellation);
        await Assert.ThrowsAsync<ConnectionLostException>(
            () => connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default));
        Assert.Null(link.Connected);
        var before = Count(broker, ApiKey.ApiVersions);
        await Assert.ThrowsAsync<ConnectionLostException>(() => link.GetAsync(Cancellation));
        await Assert.ThrowsAsync<ConnectionLostException>(() => link.GetAsync(Cancellation));
        Assert.Equal(before, Count(broker, ApiKey.ApiVersions));
        _time.Advance(TimeSpan.FromMilliseconds(100));
        Assert.NotSame(connection, await link.GetAsync(Cancellation));
    }

    [Fact]
    public async Task A_broker_that_refuses_us_is_reported_before_one_that_cannot_be_reached()
    {
        await using var broker = new ScriptedBroker(Answer); // it has no SASL
        var options = new ConnectionOptions { Sasl = new SaslOptions(SaslMechanism.ScramSha512, "user", "password") };
        await using var cluster = new ClusterClient([("127.0.0.1", broker.Port), ("127.0.0.1", FreePort())], options, _time, () => 0.5);
        for (var i = 0; i < 2; i++) // the second time it is still in its backoff
        {
            var error = await Assert.ThrowsAsync<BrokerTooOldException>(
                () => cluster.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, Cancellation));
            Assert.Contains("too old for SASL", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_asked_of_a_closed_client_fails()
    {
        await using var broker = new ScriptedBroker(Answer);
        var cluster = Client(broker.Port);
        await cluster.TopicAsync("orders", Cancellation);
        var link = cluster.LinkOf(1)!;
        await link.GetAsync(Cancellation);
        await cluster.DisposeAsync();
        await cluster.DisposeAsync();
        await Assert.ThrowsAsync<ConnectionLostException>(() => link.GetAsync(Cancellation));
        Assert.Throws<ObjectDisposedException>(() => cluster.LinkOf(1));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => cluster.TopicAsync("orders", Cancellation));
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => cluster.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, Cancellation));
        Assert.Equal(1, Count(broker, ApiKey.ApiVersions));
    }

    [Fact]
    public async Task Who_waits_while_the_client_is_closed_is_released()
    {
        await using var broker = new ScriptedBroker(r => IsQuestion(r) ? null : Answer(r));
        var cluster = Client(broker.Port);
        var asked = cluster.TopicAsync("orders", Cancellation);
        await Eventually.HoldsAsync(() => Questions(broker) == 1);
        await cluster.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => asked);
    }

    [Fact]
    public void The_backoff_doubles_up_to_ten_seconds_until_something_is_answered()
    {
        var backoff = new ReconnectBackoff(() => 0.5);
        Assert.Equal(
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000],
            Enumerable.Range(0, 9).Select(_ => backoff.Failed().TotalMilliseconds));
        backoff.Answered();
        Assert.Equal(100, backoff.Failed().TotalMilliseconds);
        Assert.Equal(80, new ReconnectBackoff(() => 0).Failed().TotalMilliseconds);
    }

    private static byte[]? Answer(ScriptedBroker.Request request) => (ApiKey)request.Key switch
    {
        ApiKey.ApiVersions => Responses.Versions(request.CorrelationId),
        ApiKey.Metadata => Responses.Metadata(request.CorrelationId, "orders", request.Broker.Port),
        ApiKey.InitProducerId => Responses.ProducerId(request.CorrelationId, 7),
        _ => null,
    };

    private static bool IsQuestion(ScriptedBroker.Request request) =>
        request.Key == (short)ApiKey.Metadata && Responses.TopicsIn(request).Count > 0;

    /// <summary>How often it was asked for topics.</summary>
    private static int Questions(ScriptedBroker broker) => broker.Received.Count(IsQuestion);

    private static int Count(ScriptedBroker broker, ApiKey key) => broker.Received.Count(r => r.Key == (short)key);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private ClusterClient Client(params int[] ports) =>
        new([.. ports.Select(p => ("127.0.0.1", p))], new ConnectionOptions(), _time, () => 0.5);
}
