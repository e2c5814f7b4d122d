using System.Buffers;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Records;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Connections;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Security;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>The Kafka client for stored batches and a real broker that wants TLS and SASL: what works, and what a failure says.</summary>
[Collection(SecuredCluster.Name)]
public sealed class WireSecurityTests(SecuredClusterFixture fixture)
{
    private const string Address = "127.0.0.1:[0-9]+";

    [Theory]
    [InlineData(SaslMechanism.ScramSha256, "127.0.0.1")]
    [InlineData(SaslMechanism.ScramSha512, "127.0.0.1")]
    [InlineData(SaslMechanism.Plain, "127.0.0.1")]
    [InlineData(SaslMechanism.ScramSha512, "localhost")]
    public async Task A_batch_is_appended_over_Tls_and_Sasl(SaslMechanism mechanism, string host)
    {
        var (cluster, security) = await ClusterAsync();
        var topic = $"secured-{mechanism}-{host}";
        await cluster.CreateTopicAsync(topic);
        await using var client = Client(
            security, SecuredListener.SaslSsl, Tls(security), new(mechanism, security.User, security.Password), host);
        await AssertAppendsAsync(client, topic);
    }

    [Theory]
    [InlineData(SecuredListener.Ssl)]
    [InlineData(SecuredListener.Ssl12)]
    public async Task A_batch_is_appended_with_the_certificate_of_the_client(SecuredListener listener)
    {
        var (cluster, security) = await ClusterAsync();
        var topic = $"secured-certificate-{listener}";
        await cluster.CreateTopicAsync(topic);
        await using var client = Client(security, listener, TlsAs(security, "client"));
        await AssertAppendsAsync(client, topic);
    }

    [Theory]
    [InlineData(SaslMechanism.ScramSha256)]
    [InlineData(SaslMechanism.ScramSha512)]
    [InlineData(SaslMechanism.Plain)]
    public async Task A_wrong_password_and_an_unknown_user_are_reported_as_such(SaslMechanism mechanism)
    {
        var (_, security) = await ClusterAsync();
        var wrong = new SaslOptions(mechanism, security.User, security.Password + "x");
        var why = mechanism == SaslMechanism.Plain ? "Invalid username or password" : "invalid credentials"; // as Kafka says it
        await AssertFailsAsync(
            Client(security, SecuredListener.SaslSsl, Tls(security), wrong),
            $"^SASL with {Address} \\({mechanism} as alice\\) failed: .*{why}");
        var unknown = new SaslOptions(mechanism, "nobody", security.Password);
        await AssertFailsAsync(
            Client(security, SecuredListener.SaslSsl, Tls(security), unknown),
            $"^SASL with {Address} \\({mechanism} as nobody\\) failed: .*{why}");
    }

    [Fact]
    public async Task A_certificate_of_another_authority_is_reported_as_such()
    {
        var (_, security) = await ClusterAsync();
        var tls = new TlsOptions { CaFile = security.PathOf("other-ca.pem") };
        const string NotTrusted = $"^TLS with {Address} failed: the broker's certificate is not trusted: unable to get local issuer";
        await AssertFailsAsync(Client(security, SecuredListener.SaslSsl, tls), NotTrusted);
        await AssertFailsAsync(Client(security, SecuredListener.SaslSsl, new TlsOptions()), NotTrusted); // the authorities of the system
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_reported_as_such_unless_the_name_is_not_checked()
    {
        var (_, security) = await ClusterAsync();
        await AssertFailsAsync(
            Client(security, SecuredListener.OtherName, Tls(security)),
            $"^TLS with {Address} failed: the broker's certificate is not for 127.0.0.1$");

        await using var client = Client(security, SecuredListener.OtherName, Tls(security) with { ChecksHostName = false });
        Assert.Equal(KafkaError.UnknownTopicOrPartition, (await client.TopicAsync("no-such-topic", default)).Error);
    }

    [Fact]
    public async Task An_expired_certificate_is_reported_as_such()
    {
        var (_, security) = await ClusterAsync();
        await AssertFailsAsync(
            Client(security, SecuredListener.Expired, Tls(security)),
            $"^TLS with {Address} failed: the broker's certificate is not trusted: certificate has expired$");
    }

    [Theory]
    [InlineData(SecuredListener.Ssl)]
    [InlineData(SecuredListener.Ssl12)]
    public async Task That_the_broker_wants_a_certificate_of_the_client_is_reported_as_such(SecuredListener listener)
    {
        var (_, security) = await ClusterAsync();
        await AssertFailsAsync(
            Client(security, listener, Tls(security)),
            $"^TLS with {Address} failed: the broker does not take a client without a certificate \\(.*alert");
    }

    [Theory]
    [InlineData(SecuredListener.Ssl)]
    [InlineData(SecuredListener.Ssl12)]
    public async Task A_certificate_of_the_client_that_the_broker_does_not_trust_is_reported_as_such(SecuredListener listener)
    {
        var (_, security) = await ClusterAsync();
        await AssertFailsAsync(
            Client(security, listener, TlsAs(security, "other-client")),
            $"^TLS with {Address} failed: the broker does not take the certificate of this client, .*/other-client.pem \\(.*alert");
    }

    private static async Task AssertAppendsAsync(ClusterClient client, string topic)
    {
        var cancellation = TestContext.Current.CancellationToken;
        var known = await client.TopicAsync(topic, cancellation);
        Assert.Equal(KafkaError.None, known.Error);
        var leader = await client.LinkOf(Assert.Single(known.Partitions).Leader)!.GetAsync(cancellation);
        var producer = await ProducerAsync(client, cancellation);

        var batch = Batch();
        var request = new ProduceRequest(-1, 10_000, [new(topic, 0, new BatchStamp(producer.ProducerId, 0, 0), batch)]);
        var response = await leader.SendAsync<ProduceRequest, ProduceResponse>(request);
        var append = Assert.Single(response.Partitions);
        Assert.Equal((KafkaError.None, 0), (append.Error, append.BaseOffset));
    }

    private static async Task<InitProducerIdResponse> ProducerAsync(ClusterClient client, CancellationToken cancellation)
    {
        while (true)
        {
            var producer = await client.SendToAnyAsync<InitProducerIdRequest, InitProducerIdResponse>(default, cancellation);
            if (producer.Error != KafkaError.CoordinatorLoadInProgress)
            {
                Assert.Equal(KafkaError.None, producer.Error);
                return producer;
            }

            await Task.Delay(200, cancellation); // for a while after the cluster started
        }
    }

    /// <summary>The first request fails as an authentication does, with a text that matches.</summary>
    private static async Task AssertFailsAsync(ClusterClient client, string pattern)
    {
        await using (client)
        {
            var error = await Assert.ThrowsAsync<AuthenticationException>(
                () => client.TopicAsync("any", TestContext.Current.CancellationToken));
            Assert.Matches(pattern, error.Message);
        }
    }

    private static ClusterClient Client(
        ClusterSecurity security, SecuredListener listener, TlsOptions tls, SaslOptions? sasl = null, string host = "127.0.0.1") =>
        new([(host, security.PortOf(listener))], new ConnectionOptions { Tls = tls, Sasl = sasl }, TimeProvider.System);

    private static TlsOptions Tls(ClusterSecurity security) => new() { CaFile = security.PathOf("ca.pem") };

    private static TlsOptions TlsAs(ClusterSecurity security, string name) => Tls(security) with
    {
        CertificateFile = security.PathOf($"{name}.pem"),
        KeyFile = security.PathOf($"{name}.key"),
    };

    private static byte[] Batch()
    {
        using var builder = BatchBuilders.Create(2, 1_000);
        builder.Append(new NewRecord(1_000, "a record"u8));
        return builder.Complete(0, SegmentId.Create(), null, new ArrayBufferWriter<byte>()).ToArray();
    }

    private async Task<(KafkaCluster Cluster, ClusterSecurity Security)> ClusterAsync()
    {
        var cluster = await fixture.GetClusterAsync();
        return (cluster, cluster.Security!);
    }
}
