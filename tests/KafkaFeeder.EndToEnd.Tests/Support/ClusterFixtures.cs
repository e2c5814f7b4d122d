using Xunit;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>
/// A cluster that all tests of a collection share; it starts when the first of them needs it. Each test uses topics of
/// its own, and leaves all nodes running.
/// </summary>
/// <param name="nodes">See <see cref="KafkaCluster.StartAsync"/>.</param>
/// <param name="generation">See <see cref="KafkaCluster.StartAsync"/>.</param>
/// <param name="isSecured">See <see cref="KafkaCluster.StartAsync"/>.</param>
/// <param name="properties">See <see cref="KafkaCluster.StartAsync"/>.</param>
public abstract class ClusterFixture(
    int nodes, KafkaGeneration generation, bool isSecured = false, IReadOnlyDictionary<string, string>? properties = null)
    : IAsyncDisposable
{
    private readonly Lazy<Task<KafkaCluster>> _cluster = new(() => KafkaCluster.StartAsync(nodes, generation, properties, isSecured));

    /// <summary>The cluster. Skips the current test if this generation is not available.</summary>
    public Task<KafkaCluster> GetClusterAsync() => _cluster.Value;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_cluster.IsValueCreated && _cluster.Value.IsCompletedSuccessfully)
        {
            await (await _cluster.Value).DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }
}

/// <summary>Three modern brokers: replication 3, min.insync.replicas 2.</summary>
public sealed class ModernClusterFixture() : ClusterFixture(3, KafkaGeneration.Modern);

/// <summary>One broker of 0.9.</summary>
public sealed class OldClusterFixture() : ClusterFixture(1, KafkaGeneration.Old);

/// <summary>
/// One modern broker with the listeners of <see cref="ClusterSecurity"/>. Everybody may do everything with a topic, until somebody gets
/// a right on it.
/// </summary>
public sealed class SecuredClusterFixture() : ClusterFixture(
    1,
    KafkaGeneration.Modern,
    isSecured: true,
    new Dictionary<string, string>
    {
        ["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        ["allow.everyone.if.no.acl.found"] = "true",
    });

/// <summary>The tests that share three modern brokers; one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class ModernCluster : ICollectionFixture<ModernClusterFixture>
{
    public const string Name = "a modern cluster of three brokers";
}

/// <summary>The tests that share one secured broker; one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class SecuredCluster : ICollectionFixture<SecuredClusterFixture>
{
    public const string Name = "one secured broker";
}

/// <summary>The tests that share one old broker; one after the other.</summary>
[CollectionDefinition(Name)]
public sealed class OldCluster : ICollectionFixture<OldClusterFixture>
{
    public const string Name = "one old broker";
}
