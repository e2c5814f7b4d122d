using KafkaFeeder.Tests;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Connections;

/// <summary>A connection whose broker asks to wait, or that has more to send than there is room for.</summary>
public sealed class BackPressureTests
{
    /// <summary>A response to ApiVersions: it has ApiVersions, InitProducerId and SaslAuthenticate.</summary>
    private const string Versions = "0000" + "00000003" + "0012" + "0000" + "0004" + "0016" + "0000" + "0005" + "0024" + "0000" + "0001";

    private const int Throttle = 40_000; // ms, longer than the request timeout

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);

    private readonly ManualTime _time = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_throttle_time_nothing_is_written_until_it_has_passed_and_no_request_times_out_meanwhile()
    {
        var answers = 0;
        await using var broker = new ScriptedBroker(r => Handshake(r) ?? ProducerId(r, ++answers == 1 ? Throttle : 0));
        var stream = new GatedStream(await broker.ConnectAsync());
        await using var connection = await OpenAsync(stream);
        Assert.Equal(TimeSpan.Zero, connection.Throttled);
        await SendAsync(connection);
        Assert.Equal(TimeSpan.FromMilliseconds(Throttle), connection.Throttled);

        var writes = stream.Writes;
        Task[] sent = [SendAsync(connection), SendAsync(connection)];
        for (var seconds = 0; seconds < Throttle / 1000; seconds++)
        {
            Assert.Equal((writes, 2), (stream.Writes, connection.InFlight));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        await Eventually.HoldsAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1)); // the writing may have begun to wait while the clock was moved
            return sent.All(s => s.IsCompletedSuccessfully);
        });
        Assert.Equal((writes + 2, TimeSpan.Zero), (stream.Writes, connection.Throttled));
    }

    [Fact]
    public async Task A_request_that_was_written_before_the_broker_asked_to_wait_has_its_whole_time_after_that()
    {
        var held = new List<ScriptedBroker.Request>();
        await using var broker = new ScriptedBroker(r =>
        {
            if (Handshake(r) is { } answer)
            {
                return answer;
            }

            held.Add(r);
            return held.Count == 2 ? ProducerId(held[0], Throttle) : null;
        });
        await using var connection = await OpenAsync(new GatedStream(await broker.ConnectAsync()));
        var first = SendAsync(connection);
        var second = SendAsync(connection);
        await first;
        _time.Advance(TimeSpan.FromMilliseconds(Throttle) + RequestTimeout - TimeSpan.FromMilliseconds(1));
        await Eventually.HoldsAsync(() => _time.Next is { } next && next <= TimeSpan.FromMilliseconds(1)); // it waits on
        Assert.Null(connection.Failure);
        while (!second.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Yield();
        }

        Assert.Contains("no response within 30 s", (await Assert.ThrowsAsync<ConnectionLostException>(() => second)).Message);
    }

    [Fact]
    public async Task No_more_requests_are_in_flight_than_there_is_room_for_and_the_others_follow_in_order()
    {
        const int All = (2 * RequestQueue.MaxInFlight) + 10;
        using var mayAnswer = new ManualResetEventSlim();
        await using var broker = new ScriptedBroker(r =>
        {
            if (Handshake(r) is { } answer)
            {
                return answer;
            }

            mayAnswer.Wait();
            return ProducerId(r, 0);
        });
        await using var connection = await OpenAsync(new GatedStream(await broker.ConnectAsync()));
        var sent = Enumerable.Range(0, All).Select(_ => SendAsync(connection)).ToList();
        Assert.Equal((RequestQueue.MaxInFlight, All - RequestQueue.MaxInFlight), (connection.InFlight, connection.Waiting));
        mayAnswer.Set();
        var ids = (await Task.WhenAll(sent)).Select(r => (int)r.ProducerId);
        Assert.Equal(Enumerable.Range(1, All), ids); // the correlation ids: in the order in which they were sent
        Assert.Equal((0, 0), (connection.InFlight, connection.Waiting));
    }

    [Fact]
    public async Task Bytes_beyond_the_limit_are_not_copied_until_some_are_written()
    {
        await using var broker = new ScriptedBroker(r => Handshake(r) ?? Authenticated(r));
        var stream = new GatedStream(await broker.ConnectAsync());
        await using var connection = await OpenAsync(stream);
        stream.Shut();
        var token = new byte[RequestQueue.MaxBytesToWrite];
        var first = connection.QueueAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(token), Cancellation);
        Assert.True(first.IsCompletedSuccessfully); // one of any size is taken
        var small = new byte[] { 1 };
        var second = connection.QueueAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(small), Cancellation);
        Assert.False(second.IsCompleted);
        small[0] = 2; // it is still ours
        stream.Open();
        await await first;
        await await second;
        Assert.Equal(2, broker.Received.Last().Bytes[^1]);
    }

    [Fact]
    public async Task A_request_that_waits_for_room_can_be_taken_back()
    {
        await using var broker = new ScriptedBroker(r => Handshake(r) ?? Authenticated(r));
        var stream = new GatedStream(await broker.ConnectAsync());
        await using var connection = await OpenAsync(stream);
        stream.Shut();
        using var cancel = new CancellationTokenSource();
        var large = new byte[RequestQueue.MaxBytesToWrite];
        var first = connection.QueueAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(large), cancel.Token);
        var second = connection.QueueAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(new byte[1]), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Assert.Equal(0, connection.Waiting);
        stream.Open();
        await await first; // it was taken over before
        Assert.Equal(2, broker.Received.Count);
    }

    [Fact]
    public async Task When_the_connection_ends_what_waits_for_room_fails_too()
    {
        await using var broker = new ScriptedBroker(Handshake);
        await using var connection = await OpenAsync(new GatedStream(await broker.ConnectAsync()));
        var sent = Enumerable.Range(0, RequestQueue.MaxInFlight + 2).Select(_ => SendAsync(connection)).ToList();
        broker.Hangup();
        foreach (var request in sent)
        {
            await Assert.ThrowsAsync<ConnectionLostException>(() => request);
        }

        Assert.Equal((0, 0), (connection.InFlight, connection.Waiting));
    }

    [Fact]
    public async Task A_request_that_cannot_be_written_fails_alone()
    {
        await using var broker = new ScriptedBroker(r => Handshake(r) ?? ProducerId(r, 0));
        await using var connection = await OpenAsync(new GatedStream(await broker.ConnectAsync()));
        var name = new string('x', short.MaxValue + 1);
        await Assert.ThrowsAsync<ArgumentException>(() => connection.SendAsync<BadRequest, InitProducerIdResponse>(new(name)));
        await SendAsync(connection);
    }

    [Fact]
    public async Task A_connection_that_closes_when_all_is_answered_does_not_wait_for_a_request_that_cannot_be_sent()
    {
        await using var broker = new ScriptedBroker(r => Handshake(r) ?? Authenticated(r));
        var stream = new GatedStream(await broker.ConnectAsync(), isLate: true);
        await using var connection = await OpenAsync(stream);
        stream.Shut();
        await connection.SendAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(new byte[RequestQueue.MaxBytesToWrite]));
        var bad = connection.SendAsync<BadRequest, InitProducerIdResponse>(new(new string('x', short.MaxValue + 1)));
        Assert.Equal((0, 1), (connection.InFlight, connection.Waiting)); // answered, but its memory is still in use
        var closing = connection.CloseWhenAnsweredAsync();
        Assert.False(closing.IsCompleted);
        await Assert.ThrowsAsync<ConnectionLostException>(() => SendAsync(connection)); // it takes no more
        stream.Open();
        await Assert.ThrowsAsync<ArgumentException>(() => bad);
        await closing;
        Assert.NotNull(connection.Failure);
    }

    [Theory]
    [InlineData(ApiKey.Produce, 5, 6)]
    [InlineData(ApiKey.Fetch, 7, 8)]
    [InlineData(ApiKey.ListOffsets, 2, 3)]
    [InlineData(ApiKey.Metadata, 5, 6)]
    [InlineData(ApiKey.InitProducerId, 0, 1)]
    [InlineData(ApiKey.DescribeProducers, -1, 0)]
    internal void The_time_is_waited_from_the_version_on_in_which_the_broker_does_not_wait_itself(ApiKey key, short older, short first)
    {
        var response = new MetadataResponse(7, [], null, []);
        Assert.Equal(0, ThrottleTime.AskedBy(key, older, response));
        Assert.Equal(7, ThrottleTime.AskedBy(key, first, response));
        Assert.Equal(0, ThrottleTime.AskedBy(key, first, response with { ThrottleMs = -1 }));
    }

    /// <summary>A new response with a throttle time has to be added to <see cref="ThrottleTime"/>.</summary>
    [Fact]
    public void The_throttle_time_of_every_response_is_found()
    {
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.Produce, 8, new ProduceResponse(7, [])));
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.Fetch, 8, new FetchResponse(7, 0, KafkaError.None, 0, [])));
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.ListOffsets, 3, new ListOffsetsResponse(7, [])));
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.Metadata, 6, new MetadataResponse(7, [], null, [])));
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.InitProducerId, 1, new InitProducerIdResponse(7, KafkaError.None, 0, 0)));
        Assert.Equal(7, ThrottleTime.AskedBy(ApiKey.DescribeProducers, 0, new DescribeProducersResponse(7, [])));
        Assert.Equal(
            ["DescribeProducersResponse", "FetchResponse", "InitProducerIdResponse", "ListOffsetsResponse", "MetadataResponse",
                "ProduceResponse"],
            typeof(ThrottleTime).Assembly.GetTypes()
                .Where(t => t.GetProperty("ThrottleMs") is not null).Select(t => t.Name).Order(StringComparer.Ordinal));
    }

    private static byte[]? Handshake(ScriptedBroker.Request request) =>
        request.Key == (short)ApiKey.ApiVersions ? ScriptedBroker.Frame(request.CorrelationId, Versions) : null;

    private static byte[] ProducerId(ScriptedBroker.Request request, int throttleMs) =>
        ScriptedBroker.Frame(request.CorrelationId, $"{throttleMs:X8}" + "0000" + $"{request.CorrelationId:X16}" + "0000");

    private static byte[] Authenticated(ScriptedBroker.Request request) =>
        ScriptedBroker.Frame(request.CorrelationId, "0000" + "FFFF" + "00000000" + "0000000000000000");

    private static Task<InitProducerIdResponse> SendAsync(BrokerConnection connection) =>
        connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);

    private Task<BrokerConnection> OpenAsync(Stream stream) =>
        BrokerConnection.OpenAsync(stream, "127.0.0.1:1", "test", RequestTimeout, _time, Cancellation);

    /// <summary>A request with a name that may be too long.</summary>
    private readonly record struct BadRequest(string Name) : IRequest<InitProducerIdResponse>
    {
        public static Api Api => InitProducerIdRequest.Api;

        public void WriteTo(KafkaLog.Wire.Protocol.WireWriter writer, short version) => writer.WriteString(Name);

        public static InitProducerIdResponse ReadResponse(ref KafkaLog.Wire.Protocol.WireReader reader, short version) => default;
    }
}
