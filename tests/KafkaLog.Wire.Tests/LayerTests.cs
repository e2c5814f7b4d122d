using KafkaFeeder.Tests;
using KafkaLog.Wire.Connections;
using Xunit;

namespace KafkaLog.Wire.Tests;

/// <summary>The folders of the Kafka client are layers: each needs only those that are listed.</summary>
public sealed class LayerTests
{
    private const string Layers = """
        Producing   -> Cluster Connections Messages Batches Protocol
        Cluster     -> Connections Security Messages
        Connections -> Security Messages Protocol
        Messages    -> Batches Protocol
        Batches     -> Protocol
        """;

    [Fact]
    public void The_folders_of_the_client_use_only_the_allowed_folders() =>
        NamespaceArrows.AssertAre(typeof(ConnectionOptions), "KafkaLog.Wire", Layers);
}
