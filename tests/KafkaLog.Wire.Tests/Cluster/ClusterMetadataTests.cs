using KafkaFeeder.Tests;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Cluster;

/// <summary>What a client makes of answers that are late, wrong, or from another cluster; brokers on loopback.</summary>
public sealed class ClusterMetadataTests : IAsyncDisposable
{
    private readonly ManualTime _time = new();
    private readonly ScriptedBroker _broker;
    private readonly ClusterClient _cluster;
    private volatile int _throttleMs;
    private volatile Func<ScriptedBroker.Request, byte[]?> _metadata;

    public ClusterMetadataTests()
    {
        _metadata = r => Metadata(r, (1, r.Broker.Port));
        _broker = new ScriptedBroker(Answer);
        _cluster = Client(_broker.Port);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Questions for topics that came, in order.</summary>
    private List<string> Questions =>
        [.. _broker.Received.Where(IsMetadata).Select(r => string.Join(' ', Responses.TopicsIn(r))).Where(t => t.Length > 0)];

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await _broker.DisposeAsync();
    }

    [Fact]
    public async Task While_a_refresh_fails_what_was_known_is_used()
    {
        await _cluster.TopicAsync("orders", Cancellation);
        _metadata = r =>
        {
            r.Broker.Hangup();
            return null;
        };
        _time.Advance(TopicCache.RefreshAfter);
        Assert.Equal(1, Assert.Single((await _cluster.TopicAsync("orders", Cancellation)).Partitions).Leader);
        await Eventually.HoldsAsync(() => Questions.Count == 2);
        _metadata = r => Metadata(r, (1, r.Broker.Port), (2, r.Broker.Port + 1));
        await Eventually.HoldsAsync(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1)); // past the pauses
            Assert.Equal(KafkaError.None, (await _cluster.TopicAsync("orders", Cancellation)).Error);
            return _cluster.LinkOf(2) is not null; // it was refreshed, and nobody waited for it
        });
    }

    [Fact]
    public async Task An_error_is_known_for_a_moment_and_then_asked_for_again()
    {
        _metadata = r => Responses.Metadata(
            r.CorrelationId, Responses.TopicsIn(r), [(1, r.Broker.Port)], error: KafkaError.UnknownTopicOrPartition);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(KafkaError.UnknownTopicOrPartition, (await _cluster.TopicAsync("orders", Cancellation)).Error);
        }

        Assert.Single(Questions);
        _metadata = r => Metadata(r, (1, r.Broker.Port));
        _time.Advance(TopicCache.RetryAfter);
        Assert.Equal(KafkaError.None, (await _cluster.TopicAsync("orders", Cancellation)).Error);
    }

    [Fact]
    public async Task Who_forgets_a_topic_again_and_again_waits_between_the_questions()
    {
        await _cluster.TopicAsync("orders", Cancellation);
        _cluster.Forget("orders");
        var again = _cluster.TopicAsync("orders", Cancellation);
        Assert.False(again.IsCompleted);
        _time.Advance(TopicCache.RetryAfter);
        await again;
        Assert.Equal(2, Questions.Count);
    }

    [Fact]
    public async Task All_who_need_a_topic_share_a_question_and_the_cancelling_of_one_leaves_it_to_the_others()
    {
        using var mayAnswer = new ManualResetEventSlim();
        _metadata = r =>
        {
            if (Responses.TopicsIn(r).Count > 0)
            {
                mayAnswer.Wait();
            }

            return Metadata(r, (1, r.Broker.Port));
        };
        using var cancel = new CancellationTokenSource();
        var first = _cluster.TopicAsync("orders", cancel.Token);
        await Eventually.HoldsAsync(() => Questions.Count == 1);
        var others = Enumerable.Range(0, 20).Select(i => _cluster.TopicAsync($"t{i % 4}", Cancellation)).ToList();
        var same = _cluster.TopicAsync("orders", Cancellation);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        mayAnswer.Set();
        Assert.Equal(KafkaError.None, (await same).Error);
        await Task.WhenAll(others);
        Assert.Equal(2, Questions.Count);
        Assert.Equal(["t0", "t1", "t2", "t3"], Questions[1].Split(' ').Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task The_link_to_a_broker_that_is_away_is_kept_while_it_works_and_retired_when_nobody_uses_it()
    {
        await using var second = new ScriptedBroker(Answer);
        _metadata = r => Metadata(r, (1, _broker.Port), (2, second.Port));
        await _cluster.TopicAsync("orders", Cancellation);
        var link = _cluster.LinkOf(2)!;
        var connection = await link.GetAsync(Cancellation);
        _metadata = r => Metadata(r, (1, _broker.Port));
        await AskAgainAsync(TopicCache.RetryAfter);
        Assert.Same(link, _cluster.LinkOf(2));
        Assert.Same(connection, await link.GetAsync(Cancellation));
        _metadata = r => Metadata(r, (1, _broker.Port), (2, second.Port));
        await AskAgainAsync(BrokerLinks.RetiredAfter); // unused, but there
        Assert.Same(connection, await _cluster.LinkOf(2)!.GetAsync(Cancellation));
        _metadata = r => Metadata(r, (1, _broker.Port));
        await AskAgainAsync(BrokerLinks.RetiredAfter);
        Assert.Null(_cluster.LinkOf(2));
        Assert.NotNull(connection.Failure);
        await Assert.ThrowsAsync<ConnectionLostException>(() => link.GetAsync(Cancellation));
    }

    [Fact]
    public async Task To_a_broker_that_is_away_and_whose_connection_is_lost_there_is_no_link()
    {
        await using var second = new ScriptedBroker(Answer);
        _metadata = r => Metadata(r, (1, _broker.Port), (2, second.Port));
        await _cluster.TopicAsync("orders", Cancellation);
        await _cluster.LinkOf(2)!.GetAsync(Cancellation);
        _metadata = r => Metadata(r, (1, _broker.Port));
        await AskAgainAsync(TopicCache.RetryAfter);
        second.Hangup();
        await Eventually.HoldsAsync(() => _cluster.LinkOf(2) is null);
    }

    [Fact]
    public async Task The_cancelling_of_one_leaves_the_connecting_to_the_others()
    {
        using var mayAnswer = new ManualResetEventSlim();
        await using var second = new ScriptedBroker(r =>
        {
            mayAnswer.Wait();
            return Answer(r);
        });
        _metadata = r => Metadata(r, (1, _broker.Port), (2, second.Port));
        await _cluster.TopicAsync("orders", Cancellation);
        using var cancel = new CancellationTokenSource();
        var first = _cluster.LinkOf(2)!.GetAsync(cancel.Token);
        await Eventually.HoldsAsync(() => !second.Received.IsEmpty);
        var other = _cluster.LinkOf(2)!.GetAsync(Cancellation);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        mayAnswer.Set();
        Assert.Null((await other).Failure);
        Assert.Single(second.Received, r => r.Key == (short)ApiKey.ApiVersions);
    }

    [Fact]
    public async Task Nothing_is_sent_to_a_broker_of_another_cluster()
    {
        await using var other = new ScriptedBroker(r => IsMetadata(r)
            ? Responses.Metadata(r.CorrelationId, Responses.TopicsIn(r), [(2, r.Broker.Port)], clusterId: "another")
            : Answer(r));
        _metadata = r => Metadata(r, (1, _broker.Port), (2, other.Port)); // where broker 2 was, another cluster is
        Assert.Null(_cluster.ClusterId);
        await _cluster.TopicAsync("orders", Cancellation);
        Assert.Equal("a cluster", _cluster.ClusterId);
        var error = await Assert.ThrowsAsync<OtherClusterException>(() => _cluster.LinkOf(2)!.GetAsync(Cancellation));
        Assert.Equal(
            $"127.0.0.1:{other.Port} belongs to the cluster another, and not to a cluster as the brokers before it", error.Message);
        Assert.Null(_cluster.LinkOf(2)!.Connected);
        Assert.Equal([ApiKey.ApiVersions, ApiKey.Metadata], other.Received.Select(r => (ApiKey)r.Key));
        await using var client = Client(_broker.Port, other.Port);
        await client.TopicAsync("orders", Cancellation);
        _metadata = r =>
        {
            r.Broker.Hangup();
            return null;
        };
        client.Forget("orders");
        _broker.Hangup();
        var asked = client.TopicAsync("orders", Cancellation);
        _time.Advance(TopicCache.RetryAfter);
        await Assert.ThrowsAsync<OtherClusterException>(() => asked); // says more than that the first is away
    }

    [Fact]
    public async Task A_bootstrap_server_that_is_a_known_broker_has_one_connection()
    {
        await _cluster.TopicAsync("orders", Cancellation);
        await _cluster.LinkOf(1)!.GetAsync(Cancellation);
        await _cluster.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, Cancellation);
        Assert.Single(_broker.Received, r => r.Key == (short)ApiKey.ApiVersions);
    }

    [Fact]
    public async Task A_broker_that_asked_to_wait_is_not_asked_while_there_is_another()
    {
        await using var second = new ScriptedBroker(Answer);
        _metadata = r => Metadata(r, (1, _broker.Port), (2, second.Port));
        _throttleMs = 60_000;
        await _cluster.TopicAsync("orders", Cancellation);
        await _cluster.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, Cancellation);
        await _cluster.TopicAsync("payments", Cancellation);
        Assert.Equal(["orders"], Questions);
        Assert.Contains(second.Received, r => IsMetadata(r) && Responses.TopicsIn(r).Contains("payments"));
    }

    private static bool IsMetadata(ScriptedBroker.Request request) => request.Key == (short)ApiKey.Metadata;

    private static byte[] Metadata(ScriptedBroker.Request request, params (int, int)[] brokers) =>
        Responses.Metadata(request.CorrelationId, Responses.TopicsIn(request), brokers);

    private byte[]? Answer(ScriptedBroker.Request request) => (ApiKey)request.Key switch
    {
        ApiKey.ApiVersions => Responses.Versions(request.CorrelationId),
        ApiKey.Metadata => _metadata(request),
        ApiKey.InitProducerId => Responses.ProducerId(request.CorrelationId, 7, _throttleMs),
        _ => null,
    };

    /// <summary>Asks for the metadata after some time.</summary>
    private async Task AskAgainAsync(TimeSpan after)
    {
        _time.Advance(after);
        _cluster.Forget("orders");
        await _cluster.TopicAsync("orders", Cancellation);
    }

    private ClusterClient Client(params int[] ports) =>
        new([.. ports.Select(p => ("127.0.0.1", p))], new ConnectionOptions(), _time, () => 0.5);
}
