using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport.Client;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

public sealed class ProducerSettingsTests
{
    private static readonly ProducerShape Normal = ProducerShape.Sizes[0];

    [Fact]
    public void Nothing_is_ever_given_up_by_the_client()
    {
        var settings = Of(isIdempotent: true, Normal);
        Assert.Equal("0", settings["message.timeout.ms"]);
        Assert.Equal("2147483647", settings["message.send.max.retries"]);
        Assert.Equal("true", settings["enable.idempotence"]);
        Assert.Equal("-1", settings["acks"]);
    }

    [Fact]
    public void Without_idempotence_the_client_retries_nothing_whatever_the_user_says()
    {
        var settings = Of(isIdempotent: false, Normal, ("message.send.max.retries", "5"));
        Assert.Equal("0", settings["message.send.max.retries"]); // a retry may double, and only the shipper counts
        Assert.Equal("1", settings["max.in.flight.requests.per.connection"]);
        Assert.Equal("1000", settings["linger.ms"]);
    }

    [Fact]
    public void Smaller_requests_are_for_topics_that_refuse_larger_ones()
    {
        Assert.Equal(["1000000", "250000", "60000", "15000"], ProducerShape.Sizes.Select(s => Of(isIdempotent: true, s)["batch.size"]));
        Assert.Equal("7000", Of(isIdempotent: true, Normal, ("batch.size", "7000"))["batch.size"]);
    }

    [Fact]
    public void A_record_that_is_sent_alone_goes_at_once()
    {
        var settings = Of(isIdempotent: true, ProducerShape.Single);
        Assert.Equal(("1", "0"), (settings["batch.num.messages"], settings["linger.ms"]));
    }

    [Fact]
    public void In_strict_order_a_window_waits_until_it_is_complete() =>
        Assert.Equal("1000", Of(isIdempotent: true, Normal with { IsPushed = true })["linger.ms"]);

    [Theory]
    [InlineData(AckLevel.AllInSync, null, null, true)]
    [InlineData(AckLevel.Leader, null, null, false)]
    [InlineData(AckLevel.None, null, null, false)]
    [InlineData(AckLevel.AllInSync, "false", "0.9.0.1", false)]
    [InlineData(AckLevel.AllInSync, "false", "0.11.0", true)]
    [InlineData(AckLevel.AllInSync, "true", "0.9.0.1", true)]
    public void Idempotence_needs_all_replicas_and_brokers_that_have_it(
        AckLevel ack, string? versionRequest, string? fallback, bool expected)
    {
        List<(string, string)> properties = [];
        if (versionRequest is not null)
        {
            properties.Add(("api.version.request", versionRequest));
            properties.Add(("broker.version.fallback", fallback!));
        }

        Assert.Equal(expected, ProducerSettings.MayBeIdempotent(Group([.. properties]), ack));
    }

    private static Dictionary<string, string> Of(bool isIdempotent, ProducerShape shape, params (string Name, string Value)[] properties) =>
        ProducerSettings.For(Group(properties), AckLevel.AllInSync, PartitionerKind.Murmur2Random, isIdempotent, shape);

    private static BrokerGroupOptions Group(params (string Name, string Value)[] properties) => new()
    {
        Name = "kafka",
        Brokers = ["localhost:1"],
        Properties = [.. properties.Select(p => new BrokerProperty(p.Name, p.Value, IsSecret: false))],
    };
}
