using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public class BrokerPropertyTests
{
    [Theory]
    [InlineData("acks: all", "acks may not be set here: it is set for each log, as ack: in kafkafeeder.yaml.")]
    [InlineData(
        "Request.Required.Acks: 1", "Request.Required.Acks may not be set here: it is set for each log, as ack: in kafkafeeder.yaml.")]
    [InlineData("partitioner: random", "partitioner may not be set here: it is set for each log, as partitioner: in kafkafeeder.yaml.")]
    [InlineData(
        "retries: 5",
        "retries may not be set here: records are retried without a limit; a limit would drop them when the brokers are away for longer.")]
    [InlineData(
        "message.timeout.ms: 300000",
        "message.timeout.ms may only be 0 (no limit): records are retried without a limit; a limit would drop them when the brokers are "
            + "away for longer.")]
    [InlineData(
        "delivery.timeout.ms: 1",
        "delivery.timeout.ms may only be 0 (no limit): records are retried without a limit; a limit would drop them when the brokers are "
            + "away for longer.")]
    [InlineData(
        "enable.idempotence: true",
        "enable.idempotence may only be set to false: KafkaFeeder turns it on where the brokers support it.")]
    [InlineData("transactional.id: x", "transactional.id may not be set here: KafkaFeeder uses no transactions.")]
    [InlineData(
        "max.in.flight: 1",
        "max.in.flight may not be set here: the order of a log depends on it, so KafkaFeeder chooses it by what the brokers can do.")]
    [InlineData(
        "delivery.report.only.error: true",
        "delivery.report.only.error may not be set here: checkpoints depend on the report of every record.")]
    [InlineData("bootstrap.servers: x", "bootstrap.servers may not be set here: the addresses belong under brokers:.")]
    [InlineData(
        "queue.buffering.max.messages: 1",
        "queue.buffering.max.messages may not be set here: what is in flight is bounded in bytes; set shipper.max_in_flight.")]
    [InlineData("sasl.password: [hunter2]", "sasl.password is a list; expected a single value.")]
    [InlineData("sasl.password:", "sasl.password is empty; expected a single value.")]
    [InlineData("\"bad name\": hunter2", "bad name is not the name of a librdkafka property.")]
    [InlineData(
        "sasl.password: \"${fil:x}hunter2\"",
        "sasl.password has a ${ that is not one of ${file:/path}, ${env:NAME} and ${credential:NAME}; for a literal ${ write $${.")]
    [InlineData(
        "sasl.password: \"${env:KF_TEST_ABSENT}\"",
        "sasl.password refers to the environment variable \"KF_TEST_ABSENT\", which is not set.")]
    [InlineData(
        "sasl.password: \"${file:/nowhere/kafka}\"",
        "sasl.password refers to the file \"/nowhere/kafka\": cannot be opened: No such file or directory.")]
    public void A_property_that_may_not_be_set_is_refused_with_the_reason(string property, string message)
    {
        var fault = Assert.Single(Load.Faults(WithProperty(property)));

        Assert.Equal($"conf.yaml:8: kafka_brokers.k.properties.{message}", fault);
        Assert.DoesNotContain("hunter2", fault);
    }

    [Fact]
    public void Secrets_come_from_files_and_variables_and_are_hidden()
    {
        using var folder = new TempFolder();
        var secret = folder.Write("kafka", "from\nfile\r\n");
        Environment.SetEnvironmentVariable("KF_TEST_SECRET", "from-env\n");

        var options = Load.Good(WithProperty($$"""
            sasl.password: "${file:{{secret}}}"
                  sasl.username: "a-${env:KF_TEST_SECRET}-b"
                  client.id: cost$${5}
                  ssl.key.pem: |
                    -----BEGIN
                    inline
                  sasl.mechanism: PLAIN
            """));

        Assert.Equal(
            [
                new BrokerProperty("sasl.password", "from\nfile", true),
                new BrokerProperty("sasl.username", "a-from-env-b", true),
                new BrokerProperty("client.id", "cost${5}", false),
                new BrokerProperty("ssl.key.pem", "-----BEGIN\ninline\n", true),
                new BrokerProperty("sasl.mechanism", "PLAIN", false),
            ],
            options.BrokerGroups["k"].Properties);
        var shown = string.Join('\n', EffectiveConfiguration.Of(options)) + string.Join('\n', options.BrokerGroups["k"].Properties);
        Assert.Contains("[kafka_brokers.k.properties.sasl.password, (hidden)]", shown);
        Assert.Contains("sasl.mechanism, PLAIN", shown);
        Assert.DoesNotContain("from", shown);
        Assert.DoesNotContain("inline", shown);
    }

    [Fact]
    public void A_credential_comes_from_the_directory_of_systemd_and_is_hidden()
    {
        using var folder = new TempFolder();
        folder.Write("kafka", "from-systemd\n");
        folder.Write("empty", "\n");
        var secrets = new SecretResolver("/etc/kf", name => name == "CREDENTIALS_DIRECTORY" ? folder.Path : null);

        Assert.True(secrets.TryResolve("${credential:kafka}", out var value, out var isSecret, out _));
        Assert.Equal(("from-systemd", true), (value, isSecret));
        Assert.Equal(
            $"refers to the credential \"absent\": \"{folder.Path}/absent\" cannot be opened: No such file or directory; the unit needs "
                + "LoadCredential=absent:/path/of/the/secret.",
            Fault(secrets, "${credential:absent}"));
        Assert.EndsWith(
            " is empty; the unit needs LoadCredential=empty:/path/of/the/secret.", Fault(secrets, "${credential:empty}"));
    }

    [Fact]
    public void The_fault_of_a_credential_without_systemd_says_what_is_missing() => Assert.Equal(
        "refers to the credential \"kafka\", and CREDENTIALS_DIRECTORY is not set: the unit needs "
            + "LoadCredential=kafka:/path/of/the/secret, and systemd must start the daemon.",
        Fault(new SecretResolver("/etc/kf", _ => null), "${credential:kafka}"));

    [Theory]
    [InlineData("../shadow")]
    [InlineData("..")]
    [InlineData("a/b")]
    public void No_name_of_a_credential_leads_out_of_the_directory(string name) => Assert.Equal(
        $"refers to the credential \"{name}\": that is not a name for a credential.",
        Fault(new SecretResolver("/etc/kf", _ => "/run/credentials"), $"${{credential:{name}}}"));

    private static string? Fault(SecretResolver secrets, string text) =>
        secrets.TryResolve(text, out _, out _, out var fault) ? null : fault;

    [Theory]
    [InlineData("sasl.password", true)]
    [InlineData("SASL.PASSWORD", true)]
    [InlineData("ssl.key.pem", true)]
    [InlineData("sasl.jaas.config", true)]
    [InlineData("sasl.oauthbearer.client.secret", true)]
    [InlineData("sasl.oauthbearer.config", true)]
    [InlineData("security.protocol", false)]
    [InlineData("linger.ms", false)]
    public void The_name_of_a_property_decides_whether_its_value_is_secret(string name, bool isSecret) =>
        Assert.Equal(isSecret, BrokerProperty.HasSecretName(name));

    [Fact]
    public void Groups_are_equal_when_all_their_settings_are()
    {
        BrokerGroupOptions Group(string text) => Load.Good(WithProperty(text)).BrokerGroups["k"];

        Assert.Equal(Group("linger.ms: 5"), Group("linger.ms: 5"));
        Assert.NotEqual(Group("linger.ms: 5"), Group("linger.ms: 6"));
    }

    private static string WithProperty(string property) =>
        "log_dir: /l\ncheckpoint_dir: /c\njournal_dir: /j\nkafka_brokers:\n  k:\n    brokers: [\"a:1\"]\n    properties:\n      "
            + $"{property}\n";
}
