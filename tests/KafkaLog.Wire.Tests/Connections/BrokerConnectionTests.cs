using KafkaFeeder.Tests;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;
using KafkaLog.Wire.Security;
using KafkaLog.Wire.Tests.Support;
using Xunit;

namespace KafkaLog.Wire.Tests.Connections;

/// <summary>A connection to something that answers as a broker does, or does not.</summary>
public sealed class BrokerConnectionTests
{
    /// <summary>A response to ApiVersions: it has ApiVersions and InitProducerId.</summary>
    private const string Versions = "0000" + "00000002" + "0012" + "0000" + "0004" + "0016" + "0000" + "0005";

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly ManualTime _time = new();

    [Fact]
    public async Task Requests_are_pipelined_and_answered_in_order()
    {
        var held = new List<ScriptedBroker.Request>();
        await using var broker = new ScriptedBroker(request =>
        {
            if (request.Key == (short)ApiKey.ApiVersions)
            {
                return ScriptedBroker.Frame(request.CorrelationId, Versions);
            }

            held.Add(request);
            return held.Count < 3 ? null : [.. held.SelectMany(r => ProducerId(r.CorrelationId, 100 + r.CorrelationId))];
        });
        await using var connection = await OpenAsync(broker);
        var sent = Enumerable.Range(0, 3).Select(_ => SendAsync(connection)).ToList();
        var answers = await Task.WhenAll(sent); // no answer came before the third request
        Assert.Equal([101L, 102, 103], answers.Select(a => a.ProducerId));
        Assert.Equal((null, 0), (connection.Failure, connection.InFlight));
        Assert.All(broker.Received.Skip(1), r => Assert.Equal(1, r.Version)); // the highest that both have
    }

    [Fact]
    public async Task A_response_in_pieces_is_read_whole()
    {
        var frame = Array.Empty<byte>();
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, Versions)
            : frame = ProducerId(request.CorrelationId, 7));
        await using var connection = await OpenAsync(new DrippingStream(await broker.ConnectAsync()));
        Assert.Equal(7, (await SendAsync(connection)).ProducerId);
        Assert.NotEmpty(frame);
    }

    [Fact]
    public async Task When_the_broker_hangs_up_every_request_without_an_answer_fails()
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, Versions)
            : null);
        await using var connection = await OpenAsync(broker);
        var sent = Enumerable.Range(0, 3).Select(_ => SendAsync(connection)).ToList();
        await Eventually.HoldsAsync(() => broker.Received.Count == 4);
        broker.Hangup();
        foreach (var request in sent)
        {
            await Assert.ThrowsAsync<ConnectionLostException>(() => request);
        }

        Assert.NotNull(connection.Failure);
        await Assert.ThrowsAsync<ConnectionLostException>(() => SendAsync(connection));
    }

    [Fact]
    public async Task Without_an_answer_in_time_the_connection_is_given_up()
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, Versions)
            : null);
        await using var connection = await OpenAsync(broker);
        var sent = SendAsync(connection);
        await Eventually.HoldsAsync(() => broker.Received.Count == 2);
        while (!sent.IsCompleted)
        {
            _time.Advance(Timeout);
            await Task.Yield();
        }

        var error = await Assert.ThrowsAsync<ConnectionLostException>(() => sent);
        Assert.EndsWith("no response within 30 s", error.Message, StringComparison.Ordinal);
    }

    /// <summary>A batch is only valid until the next is read, and a write of somebody else may be in progress.</summary>
    [Fact]
    public async Task The_bytes_of_a_request_are_copied_before_the_call_returns()
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, "0000" + "00000002" + "0012" + "0000" + "0004" + "0024" + "0000" + "0001")
            : ScriptedBroker.Frame(request.CorrelationId, "0000" + "FFFF" + "00000000" + "0000000000000000"));
        var stream = new GatedStream(await broker.ConnectAsync());
        await using var connection = await OpenAsync(stream);
        stream.Shut();
        var token = new byte[] { 1, 2, 3 };
        var first = connection.SendAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(token));
        var second = connection.SendAsync<SaslAuthenticateRequest, SaslAuthenticateResponse>(new(token));
        Array.Fill(token, (byte)9);
        stream.Open();
        await first;
        await second;
        Assert.All(broker.Received.Skip(1), r => Assert.Equal([1, 2, 3], r.Bytes[^3..]));
    }

    [Fact]
    public async Task A_connection_that_was_closed_takes_no_request_and_can_be_closed_again()
    {
        await using var broker = new ScriptedBroker(request => ScriptedBroker.Frame(request.CorrelationId, Versions));
        var connection = await OpenAsync(broker);
        await connection.DisposeAsync();
        await connection.DisposeAsync();
        await Assert.ThrowsAsync<ConnectionLostException>(() => SendAsync(connection));
    }

    [Theory]
    [InlineData("00000003AABBCC", "a response has 3 bytes")]
    [InlineData("7FFFFFFF", "a response has 2147483647 bytes")]
    [InlineData("80000000", "a response has -2147483648 bytes")]
    [InlineData("0000001400000063" + "00000000" + "0000" + "0000000000000007" + "0000", "a response has the correlation id 99, expected 1")]
    [InlineData("0000001300000001" + "00000000" + "0000" + "0000000000000007" + "00", "2 bytes are needed and 1 are left")]
    [InlineData("0000001500000001" + "00000000" + "0000" + "0000000000000007" + "0000" + "00", "1 bytes follow the last field")]
    public async Task A_response_that_is_not_one_ends_the_connection(string hex, string what)
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, Versions)
            : Convert.FromHexString(hex));
        await using var connection = await OpenAsync(broker);
        var error = await Assert.ThrowsAsync<ProtocolException>(() => SendAsync(connection));
        Assert.Contains(what, error.Message, StringComparison.Ordinal);
        await Eventually.HoldsAsync(() => connection.Failure is not null);
    }

    [Fact]
    public async Task A_response_to_no_request_ends_the_connection()
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? [.. ScriptedBroker.Frame(request.CorrelationId, Versions), .. ProducerId(5, 7)]
            : null);
        await using var connection = await OpenAsync(broker);
        await Eventually.HoldsAsync(() => connection.Failure is ProtocolException);
    }

    [Fact]
    public async Task What_is_no_broker_is_not_taken_for_one()
    {
        await using var broker = new ScriptedBroker(_ => "HTTP/1.1 400 Bad Request\r\n\r\n"u8.ToArray());
        await Assert.ThrowsAsync<ProtocolException>(() => OpenAsync(broker));
    }

    [Fact]
    public async Task A_request_that_the_broker_does_not_have_fails_alone()
    {
        await using var broker = new ScriptedBroker(request => request.Key == (short)ApiKey.ApiVersions
            ? ScriptedBroker.Frame(request.CorrelationId, Versions)
            : ProducerId(request.CorrelationId, 7));
        await using var connection = await OpenAsync(broker);
        await Assert.ThrowsAsync<BrokerTooOldException>(
            () => connection.SendAsync<DescribeProducersRequest, DescribeProducersResponse>(new("t", [0])));
        Assert.Equal(7, (await SendAsync(connection)).ProducerId);
    }

    private static byte[] ProducerId(int correlationId, long id) =>
        ScriptedBroker.Frame(correlationId, $"00000000" + "0000" + $"{id:X16}" + "0000");

    private static Task<InitProducerIdResponse> SendAsync(BrokerConnection connection) =>
        connection.SendAsync<InitProducerIdRequest, InitProducerIdResponse>(default);

    private async Task<BrokerConnection> OpenAsync(ScriptedBroker broker) => await OpenAsync(await broker.ConnectAsync());

    private Task<BrokerConnection> OpenAsync(Stream stream) =>
        BrokerConnection.OpenAsync(stream, "127.0.0.1:1", "test", Timeout, _time, TestContext.Current.CancellationToken);

    /// <summary>Gives one byte a read.</summary>
    private sealed class DrippingStream(Stream stream) : PassingStream(stream)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..1], cancellationToken);
    }
}
