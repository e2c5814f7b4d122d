using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Transport.Client;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

public sealed class ProducerSettingsTests
{
    private static readonly ProducerShape Normal = ProducerShape.Sizes[0];

    [Fact]
    public void The_client_never_gives_up_a_record()
    {
        var settings = Of(isIdempotent: true, Normal);
        Assert.Equal("0", settings["message.timeout.ms"]);
        Assert.Equal("2147483647", settings["message.send.max.retries"]);
        Assert.Equal("true", settings["enable.idempotence"]);
        Assert.Equal("-1", settings["acks"]);
    }

    [Fact]
    public void Without_idempotence_the_client_never_retries_whatever_the_user_sets()
    {
        var settings = Of(isIdempotent: false, Normal, ("message.send.max.retries", "5"));
        Assert.Equal("0", settings["message.send.max.retries"]); // a retry may store a record twice, and only the shipper counts that
        Assert.Equal("1", settings["max.in.flight.requests.per.connection"]);
        Assert.Equal("1000", settings["linger.ms"]);
    }

    [Fact]
    public void Each_size_of_requests_has_its_batch_size_and_the_setting_of_the_user_wins()
    {
        Assert.Equal(["1000000", "250000", "60000", "15000"], ProducerShape.Sizes.Select(s => Of(isIdempotent: true, s)["batch.size"]));
        Assert.Equal("7000", Of(isIdempotent: true, Normal, ("batch.size", "7000"))["batch.size"]);
    }

    [Fact]
    public void A_record_that_is_sent_alone_is_sent_at_once()
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
    public void Idempotence_needs_acks_of_all_replicas_and_brokers_that_support_it(
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
