using System.Text.RegularExpressions;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>The daemon and a broker that wants TLS and SASL, or does not allow everything.</summary>
[Collection(SecuredCluster.Name)]
public sealed class WireTransportSecurityTests(SecuredClusterFixture fixture) : DaemonTestsBase(fixture)
{
    private static readonly TimeSpan Long = TimeSpan.FromMinutes(2);

    [Theory]
    [InlineData("right", "")]
    [InlineData("wrong-password", "SASL with .* failed")]
    [InlineData("wrong-ca", "the broker's certificate is not trusted")]
    public async Task It_ships_by_wire_over_Tls_and_Scram_and_after_a_repair_everything_arrives_once(string what, string why)
    {
        var (cluster, topic) = await TopicAsync($"scram-{what}");
        var security = cluster.Security!;
        using var daemon = new Daemon(
            cluster,
            $"127.0.0.1:{security.PortOf(SecuredListener.SaslSsl)}",
            clientProperties: new Dictionary<string, string>
            {
                ["security.protocol"] = "sasl_ssl",
                ["sasl.mechanism"] = "SCRAM-SHA-512",
                ["sasl.username"] = security.User,
                ["sasl.password"] = what == "wrong-password" ? "not-this-one" : security.Password,
                ["ssl.ca.location"] = security.PathOf(what == "wrong-ca" ? "other-ca.pem" : "ca.pem"),
            });
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        daemon.Start();
        if (why.Length > 0)
        {
            await daemon.UntilAsync(
                async () =>
                {
                    var status = await daemon.CommandAsync("status");
                    return status.ExitCode == 1
                        && Regex.IsMatch(status.Output.ReplaceLineEndings(" "), why);
                },
                "the status of the log says why nothing is shipped",
                Long);
            Daemon.Append(writer, 1001, 1000);
            await daemon.StopAsync();
            Assert.Empty(cluster.ReadTopic(topic));
            daemon.ReplaceInConf("not-this-one", security.Password);
            daemon.ReplaceInConf("other-ca.pem", "ca.pem");
            daemon.Start();
            Daemon.Append(writer, 2001, 1000);
        }

        var records = why.Length > 0 ? 3000 : 1000;
        await daemon.CaughtUpAsync("orders", records, Long);
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal(Enumerable.Range(1, records), cluster.ReadTopic(topic, expected: records).Select(r => SequenceOf(r.Text)));
        Assert.Contains("orders is shipped by the wire transport", daemon.Output, StringComparison.Ordinal);
        Assert.DoesNotMatch("possible duplicates: [1-9]|client library", daemon.Output);
    }

    [Fact]
    public async Task Where_reading_is_not_allowed_the_client_library_ships_and_that_is_told()
    {
        var (cluster, topic) = await TopicAsync("no-read");
        using var admin = new AdminClientBuilder(cluster.Configure<AdminClientConfig>()).Build();
        var rights = new[] { AclOperation.Write, AclOperation.Describe }.Select(operation => new AclBinding
        {
            Pattern = new ResourcePattern { Type = ResourceType.Topic, Name = topic, ResourcePatternType = ResourcePatternType.Literal },
            Entry = new AccessControlEntry
            {
                Principal = "User:*", Host = "*", Operation = operation, PermissionType = AclPermissionType.Allow,
            },
        }).ToList();
        await admin.CreateAclsAsync(rights);
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        using var writer = daemon.Writer("orders");
        Daemon.Append(writer, 1, 1000);
        daemon.Start();
        await daemon.CaughtUpAsync("orders", 1000, Long);
        Assert.Equal(0, await daemon.StopAsync());
        await admin.DeleteAclsAsync([.. rights.Select(right => right.ToFilter())]);

        Assert.Equal(1000, cluster.ReadTopic(topic, expected: 1000).Count);
        var told = $"orders is shipped by the client library: reading topic {topic} is not allowed .*READ";
        Assert.True(Regex.IsMatch(daemon.Output, told), daemon.Output);
    }
}
