using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>What tests of the daemon share: a topic each, and the hole-checker as the judge.</summary>
public abstract partial class DaemonTestsBase(ClusterFixture fixture)
{
    private static readonly string HoleChecker = TestRun.ProgramPath("tools/hole-checker", "hole-checker");

    protected async Task<(KafkaCluster Cluster, string Topic)> TopicAsync(
        string name, int partitions = 1, IReadOnlyDictionary<string, string>? configs = null)
    {
        var cluster = await fixture.GetClusterAsync();
        var topic = $"daemon-{name}";
        await cluster.CreateTopicAsync(topic, partitions, configs);
        return (cluster, topic);
    }

    protected static async Task<JsonElement> VerifyAsync(KafkaCluster cluster, string topic, int expected)
    {
        ArgumentNullException.ThrowIfNull(cluster);
        var run = await ProgramRun.RunAsync(
            HoleChecker,
            [
                "verify", "--bootstrap-server", cluster.BootstrapServers, "--topic", topic, "--expect",
                    expected.ToString(CultureInfo.InvariantCulture), "--idle-timeout", "3s", "--json",
                .. cluster.ClientProperties.SelectMany(p => new[] { "-X", $"{p.Key}={p.Value}" }),
            ],
            TimeSpan.FromMinutes(2));
        Assert.True(run.ExitCode is 0 or 1, run.Errors);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    protected static int SequenceOf(string text) => int.Parse(Sequence().Match(text).Groups[1].ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex("seq=([0-9]+)")]
    private static partial Regex Sequence();
}

