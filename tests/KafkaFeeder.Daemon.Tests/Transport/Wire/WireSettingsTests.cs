using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport.Choosing;
using KafkaFeeder.Daemon.Transport.Wire;
using KafkaLog.Format.Compression;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire;

public sealed class WireSettingsTests
{
    [Fact]
    public void Without_properties_it_is_plain_and_not_compressed()
    {
        var settings = WireSettings.Of(Group());
        Assert.Null(settings.NeedsClient);
        Assert.Equal(CompressionType.None, settings.Compression);
        Assert.Null(settings.Connection.Tls);
        Assert.Null(settings.Connection.Sasl);
    }

    [Fact]
    public void Properties_become_settings_of_the_connection()
    {
        var settings = WireSettings.Of(Group(
            ("security.protocol", "SASL_SSL"), ("sasl.mechanism", "scram-sha-512"), ("sasl.username", "me"), ("sasl.password", "secret"),
            ("ssl.ca.location", "/ca.pem"), ("ssl.endpoint.identification.algorithm", "none"), ("compression.type", "LZ4"),
            ("request.timeout.ms", "1500")));
        Assert.Null(settings.NeedsClient);
        Assert.Equal(("me", "secret"), (settings.Connection.Sasl!.UserName, settings.Connection.Sasl.Password));
        Assert.Equal(("/ca.pem", false), (settings.Connection.Tls!.CaFile, settings.Connection.Tls.ChecksHostName));
        Assert.Equal((CompressionType.Lz4, TimeSpan.FromSeconds(1.5)), (settings.Compression, settings.Connection.RequestTimeout));
    }

    [Theory]
    [InlineData("sasl.oauthbearer.config", "x")]
    [InlineData("security.protocol", "carrier-pigeon")]
    [InlineData("compression.type", "brotli")]
    [InlineData("request.timeout.ms", "soon")]
    [InlineData("enable.idempotence", "false")]
    public void What_it_does_not_know_is_named(string name, string value) =>
        Assert.Contains(name, WireSettings.Of(Group((name, value))).NeedsClient, StringComparison.Ordinal);

    [Fact]
    public void The_wire_transport_is_chosen_unless_a_setting_needs_the_client_library()
    {
        var log = SomeLog.In("/logs");
        Assert.True(TransportChoice.For(Group(), log).IsWire);
        Assert.False(TransportChoice.For(Group() with { Transport = TransportKind.Client }, log).IsWire);
        Assert.True(TransportChoice.For(Group() with { Transport = TransportKind.Wire }, log).IsWire);
        Assert.False(TransportChoice.For(Group(("debug", "all")), log).IsWire);
        Assert.False(TransportChoice.For(Group(), log with { Ack = AckLevel.Leader }).IsWire);
        Assert.False(TransportChoice.For(Group(), log with { OriginHeaders = true }).IsWire);
        Assert.False(TransportChoice.For(Group(), log with { StrictOrder = true }).IsWire);
    }

    private static BrokerGroupOptions Group(params (string Name, string Value)[] properties) => new()
    {
        Name = "kafka",
        Brokers = ["localhost:9092"],
        Properties = [.. properties.Select(p => new BrokerProperty(p.Name, p.Value, IsSecret: false))],
    };
}
