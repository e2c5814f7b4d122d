using Confluent.Kafka;
using Confluent.Kafka.Admin;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>Asks the brokers whether the logs can be shipped: topic, leaders, in-sync replicas, size limits.</summary>
internal static class BrokerCheck
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>
    /// If all brokers have failed once, each of their addresses has been tried after this time: 4 attempts with the client's back-off.
    /// </summary>
    private static readonly TimeSpan PatienceWhenAllFail = TimeSpan.FromSeconds(1.5);

    /// <summary>Additional time if only some brokers have failed: the others have answered by then.</summary>
    private static readonly TimeSpan PatienceWhenSomeFail = TimeSpan.FromSeconds(3);

    /// <summary>Returns the problems, one sentence each.</summary>
    /// <param name="options">The broker groups.</param>
    /// <param name="logs">The logs.</param>
    /// <param name="report">Called with a line for each topic that exists.</param>
    public static List<string> Ask(FeederOptions options, IReadOnlyList<LogOptions> logs, Action<string> report)
    {
        var problems = new List<string>();
        foreach (var group in logs.GroupBy(l => l.Broker).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            IAdminClient client;
            var trouble = new ConnectionTrouble();
            try
            {
                foreach (var (ack, partitioner) in group.Select(l => (l.Ack, l.Partitioner)).Distinct())
                {
                    TryProducer(options.BrokerGroups[group.Key], ack, partitioner);
                }

                client = Connect(options.BrokerGroups[group.Key], trouble);
            }
            catch (Exception e) when (e is ArgumentException or InvalidOperationException or KafkaException)
            {
                var reason = options.BrokerGroups[group.Key].WithoutSecrets(e.Message);
                problems.Add($"{options.SourceFile}: kafka_brokers.{group.Key}.properties: {reason}");
                continue;
            }

            using var connected = client;
            foreach (var topic in group.GroupBy(l => l.Topic).OrderBy(t => t.Key, StringComparer.Ordinal))
            {
                try
                {
                    problems.AddRange(Ask(client, trouble, group.Key, topic.Key, topic.First(), report)
                        .Select(options.BrokerGroups[group.Key].WithoutSecrets));
                }
                catch (KafkaException e)
                {
                    problems.Add($"brokers of {group.Key} ({string.Join(", ", options.BrokerGroups[group.Key].Brokers)}): "
                        + $"{options.BrokerGroups[group.Key].WithoutSecrets(trouble.Cause ?? e.Error.Reason)}");
                    break; // for an unreachable cluster, each of the other topics would wait as long
                }
            }
        }

        return problems;
    }

    /// <summary>
    /// Creates and disposes of a producer as the daemon would: the admin client does not check all properties of a producer.
    /// </summary>
    private static void TryProducer(BrokerGroupOptions group, AckLevel ack, PartitionerKind partitioner)
    {
        var isIdempotent = ProducerSettings.MayBeIdempotent(group, ack);
        var settings = ProducerSettings.For(group, ack, partitioner, isIdempotent, ProducerShape.Sizes[0]);
        new ProducerBuilder<byte[]?, byte[]?>(settings)
            .SetKeySerializer(Serializers.ByteArray!)
            .SetValueSerializer(Serializers.ByteArray!)
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build()
            .Dispose();
    }

    private static IAdminClient Connect(BrokerGroupOptions group, ConnectionTrouble trouble)
    {
        var settings = group.Properties
            .Where(p => p.Name != "enable.idempotence" && !p.Name.StartsWith("compression", StringComparison.Ordinal))
            .ToDictionary(p => p.Name, p => p.Value);
        settings["bootstrap.servers"] = string.Join(",", group.Brokers);
        settings["allow.auto.create.topics"] = "false";
        settings["enable.sparse.connections"] = "false"; // try all brokers at once, not one per second
        return new AdminClientBuilder(settings).SetLogHandler((_, _) => { }).SetErrorHandler((_, error) => trouble.Note(error)).Build();
    }

    private static IEnumerable<string> Ask(
        IAdminClient client,
        ConnectionTrouble trouble,
        string group,
        string topic,
        LogOptions log,
        Action<string> report)
    {
        var where = $"{log.SourceFile}:{log.SourceLine}: topic {topic} of {group}";
        var metadata = GetMetadata(client, trouble, topic).Topics.Single();
        if (metadata.Error.Code != ErrorCode.NoError || metadata.Partitions.Count == 0)
        {
            yield return $"{where}: {(metadata.Error.Code == ErrorCode.NoError ? "it has no partitions" : metadata.Error.Reason)}";
            yield break;
        }

        var limits = Limits(client, topic);
        var inSync = metadata.Partitions.Min(p => p.InSyncReplicas.Length);
        foreach (var partition in metadata.Partitions.Where(p => p.Leader < 0))
        {
            yield return $"{where}: partition {partition.PartitionId} has no leader";
        }

        if (limits is { MinInSync: var needed } && log.Ack == AckLevel.AllInSync && inSync < needed)
        {
            yield return $"{where}: {inSync} replicas are in sync, min.insync.replicas is {needed}: nothing is acknowledged until more are";
        }

        var known = limits is { } l
            ? $"min.insync.replicas {l.MinInSync}, max.message.bytes {l.MaxMessageBytes}"
            : "limits unknown: the brokers do not report them";
        report($"{where}: {metadata.Partitions.Count} partitions, at least {inSync} replicas in sync, {known}");
    }

    /// <summary>
    /// Waits longer for brokers that are slow, but not for brokers that cannot be reached. The client's call always waits its whole
    /// time-out, so it is called up to three times with increasing time-outs, since a slow answer must fit into one call.
    /// </summary>
    private static Metadata GetMetadata(IAdminClient client, ConnectionTrouble trouble, string topic)
    {
        try
        {
            return client.GetMetadata(topic, PatienceWhenAllFail);
        }
        catch (KafkaException) when (!trouble.IsEverywhere)
        {
        }

        try
        {
            return client.GetMetadata(topic, PatienceWhenSomeFail);
        }
        catch (KafkaException) when (trouble.Cause is null)
        {
            return client.GetMetadata(topic, Patience - PatienceWhenAllFail - PatienceWhenSomeFail);
        }
    }

    private static (int MinInSync, int MaxMessageBytes)? Limits(IAdminClient client, string topic)
    {
        try
        {
            var entries = client.DescribeConfigsAsync(
                [new ConfigResource { Type = ResourceType.Topic, Name = topic }],
                new DescribeConfigsOptions { RequestTimeout = Patience }).GetAwaiter().GetResult().Single().Entries;
            return (Number(entries["min.insync.replicas"]), Number(entries["max.message.bytes"]));
        }
        catch (KafkaException)
        {
            return null; // before 0.11, or not allowed to ask
        }
    }

    private static int Number(ConfigEntryResult entry) => int.Parse(entry.Value, System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>
    /// Why the brokers cannot be reached. The client's calls only report that they cannot; the errors of its connections come through
    /// the error handler. Thread-safe.
    /// </summary>
    private sealed class ConnectionTrouble
    {
        private volatile string? _cause;
        private volatile bool _isEverywhere;

        /// <summary>The last error of a connection; null: none.</summary>
        public string? Cause => _cause;

        /// <summary>True if every broker has failed at least once.</summary>
        public bool IsEverywhere => _isEverywhere;

        public void Note(Error error)
        {
            if (error.Code == ErrorCode.Local_AllBrokersDown) // follows after the errors of the connections
            {
                _isEverywhere = true;
            }
            else
            {
                _cause = error.Reason;
            }
        }
    }
}
