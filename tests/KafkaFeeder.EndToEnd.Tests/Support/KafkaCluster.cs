using Confluent.Kafka;
using Confluent.Kafka.Admin;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>The two generations of brokers that users have.</summary>
public enum KafkaGeneration
{
    /// <summary>Apache Kafka with KRaft.</summary>
    Modern,

    /// <summary>Apache Kafka 0.9 with ZooKeeper.</summary>
    Old,
}

/// <summary>
/// A real Kafka cluster on loopback, started by <c>tools/kafka-cluster</c>, whose help says what each operation does.
/// It is destroyed on disposal, and by the script's watchdog if this process dies. Nodes count from 1.
/// </summary>
public sealed class KafkaCluster : IAsyncDisposable
{
    private const int NotToBeHad = 3;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(3);
    private static readonly string Script = Path.Combine(TestRun.RepositoryRoot, "tools", "kafka-cluster", "kafka-cluster");

    private readonly string _folder;

    private KafkaCluster(string folder, KafkaGeneration generation, IReadOnlyDictionary<string, string> environment)
    {
        _folder = folder;
        Generation = generation;
        BootstrapServers = environment["BOOTSTRAP"];
        LibsFolder = environment["KAFKA_LIBS"];
        Version = environment["KAFKA_VERSION"];
        ClientProperties = environment["CLIENT_PROPERTIES"]
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(property => property.Split('=', 2))
            .ToDictionary(property => property[0], property => property[1]);
        Security = environment.ContainsKey("SECURITY_DIR") ? new ClusterSecurity(environment) : null;
    }

    /// <summary>Which of the two this is.</summary>
    public KafkaGeneration Generation { get; }

    /// <summary>Kafka's version, as 4.3.1.</summary>
    public string Version { get; }

    /// <summary>All brokers, as host:port,host:port.</summary>
    public string BootstrapServers { get; }

    /// <summary>Where Kafka's jars are, for its own tools.</summary>
    public string LibsFolder { get; }

    /// <summary>What a librdkafka client has to set to talk to these brokers, beside the bootstrap servers.</summary>
    public IReadOnlyDictionary<string, string> ClientProperties { get; }

    /// <summary>The listeners with TLS, and what clients need for them; null: the cluster is not secured.</summary>
    public ClusterSecurity? Security { get; }

    /// <summary>The log of a node, for what a test wants to see there.</summary>
    public string LogPath(int node) => Path.Combine(_folder, $"broker-{node}.log");

    /// <summary>Starts a cluster. Skips the current test if this generation is not available.</summary>
    /// <param name="nodes">Brokers; with 3 or more, replication is 3 and min.insync.replicas 2.</param>
    /// <param name="generation">Which Kafka.</param>
    /// <param name="properties">More of server.properties, for all nodes.</param>
    /// <param name="isSecured">Whether there are listeners with TLS beside the open one.</param>
    public static async Task<KafkaCluster> StartAsync(
        int nodes = 3,
        KafkaGeneration generation = KafkaGeneration.Modern,
        IReadOnlyDictionary<string, string>? properties = null,
        bool isSecured = false)
    {
        Assert.True(Librdkafka.TryLoad(out var problem), problem); // for all clients of the cluster
        var folder = TestRun.NewFolderName("kafka");
        var name = generation == KafkaGeneration.Modern ? "modern" : "old";
        string[] arguments =
        [
            "start", "--dir", folder, "--nodes", $"{nodes}", "--generation", name, "--parent-pid", $"{Environment.ProcessId}",
            .. isSecured ? ["--secured"] : Array.Empty<string>(),
            .. (properties ?? new Dictionary<string, string>()).SelectMany(
                property => new[] { "--property", $"{property.Key}={property.Value}" }),
        ];
        var run = await ProgramRun.RunAsync(Script, arguments, Limit);
        Assert.SkipWhen(run.ExitCode == NotToBeHad, $"No {name} Kafka to be had: {run.Errors.Trim()}");
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException($"The Kafka cluster did not start: {run.Errors}");
        }

        return new KafkaCluster(folder, generation, ParseEnvironment(run.Output));
    }

    /// <summary>SIGKILL.</summary>
    public Task KillAsync(int node) => CallAsync("kill", $"{node}");

    /// <summary>SIGTERM, and the wait for its end.</summary>
    public Task StopAsync(int node) => CallAsync("stop", $"{node}");

    /// <summary>SIGSTOP: the node keeps its connections, and is silent.</summary>
    public Task PauseAsync(int node) => CallAsync("pause", $"{node}");

    /// <summary>SIGCONT.</summary>
    public Task ResumeAsync(int node) => CallAsync("resume", $"{node}");

    /// <summary>Starts a dead node again, on its port and data, and waits until it answers.</summary>
    public Task StartNodeAsync(int node) => CallAsync("start-node", $"{node}");

    /// <summary>Starts a dead node again, on its port and data, without waiting for it.</summary>
    public Task StartNodeWithoutWaitingAsync(int node) => CallAsync("start-node", $"{node}", "--no-wait");

    /// <summary>Waits until every replica is in sync.</summary>
    public Task WaitInSyncAsync() => CallAsync("wait-in-sync");

    /// <summary>A configuration for a client of this cluster.</summary>
    public T Configure<T>()
        where T : ClientConfig, new()
    {
        var config = new T { BootstrapServers = BootstrapServers };
        foreach (var (name, value) in ClientProperties)
        {
            config.Set(name, value);
        }

        return config;
    }

    /// <summary>Creates a topic of the cluster's replication and waits until each partition has a leader.</summary>
    /// <param name="name">The topic.</param>
    /// <param name="partitions">At least 1.</param>
    /// <param name="configs">Settings of the topic, by Kafka's names.</param>
    /// <param name="replication">Replicas of each partition; null: the cluster's default.</param>
    public async Task CreateTopicAsync(
        string name, int partitions = 1, IReadOnlyDictionary<string, string>? configs = null, short? replication = null)
    {
        configs ??= new Dictionary<string, string>();
        if (Generation == KafkaGeneration.Old)
        {
            await CallAsync(
                ["topic", name, "--partitions", $"{partitions}", .. replication is null ? [] : new[] { "--replication", $"{replication}" },
                    .. configs.SelectMany(config => new[] { "--config", $"{config.Key}={config.Value}" })]);
            return;
        }

        // The script can do this as well, but takes two JVMs for it.
        using var admin = new AdminClientBuilder(Configure<AdminClientConfig>()).Build();
        await admin.CreateTopicsAsync(
            [
                new TopicSpecification { Name = name, NumPartitions = partitions, ReplicationFactor = replication ?? -1,
                    Configs = configs.ToDictionary() }],
            new CreateTopicsOptions { OperationTimeout = TimeSpan.FromSeconds(30), RequestTimeout = TimeSpan.FromSeconds(40) });
        await Eventually.HoldsAsync(
            () =>
            {
                var topic = admin.GetMetadata(name, TimeSpan.FromSeconds(10)).Topics.Single();
                return topic.Partitions.Count == partitions && topic.Partitions.All(partition => partition.Leader >= 0);
            },
            what: $"each partition of the topic {name} has a leader");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await CallAsync("destroy");

    private async Task CallAsync(params string[] arguments)
    {
        var run = await ProgramRun.RunAsync(Script, [.. arguments, "--dir", _folder], Limit);
        if (run.ExitCode != 0)
        {
            throw new InvalidOperationException($"kafka-cluster {string.Join(' ', arguments)} failed: {run.Errors}");
        }
    }

    private static Dictionary<string, string> ParseEnvironment(string lines) => lines
        .Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => line.Split('=', 2))
        .ToDictionary(pair => pair[0], pair => pair[1].Trim('\''));
}
