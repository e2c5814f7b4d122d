using System.Diagnostics;
using KafkaFeeder.Daemon.Tests.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport.Client;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Transport.Client;

/// <summary>How long <c>kafkafeeder check</c> waits for brokers.</summary>
[Trait("lane", "slow")]
public sealed class BrokerCheckTests
{
    private const string NobodyThere = "127.0.0.1:1";

    public BrokerCheckTests() => Assert.SkipUnless(Librdkafka.TryLoad(out _), "librdkafka1 is not installed");

    /// <summary>1.5 s is what it takes by design; 3 s is what a user should wait at most.</summary>
    [Theory]
    [InlineData(NobodyThere, "Connection refused")]
    [InlineData("127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:3", "Connection refused")]
    [InlineData("no-such-host.invalid:9092", "Failed to resolve")]
    public void Check_gives_up_soon_when_all_brokers_fail(string brokers, string cause)
    {
        var began = Stopwatch.GetTimestamp();
        Assert.Contains(cause, Assert.Single(Ask(brokers)), StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(3));
    }

    /// <summary>Two answers are needed, so the first call for metadata times out before both are there.</summary>
    [Fact]
    public void Check_waits_for_a_broker_that_answers_slowly()
    {
        using var brokers = new MockBrokers(roundTripMs: 1_000);
        Assert.DoesNotContain(Ask(brokers.Address), p => p.StartsWith("brokers of kafka", StringComparison.Ordinal));
    }

    private static List<string> Ask(string brokers)
    {
        var options = Load.Good($$"""
            log_dir: /given/logs
            checkpoint_dir: /given/checkpoint
            journal_dir: /given/journal
            kafka_brokers: { kafka: [{{string.Join(", ", brokers.Split(", ").Select(b => $"\"{b}\""))}}] }
            """);
        return BrokerCheck.Ask(options, [SomeLog.In("/given/logs")], _ => { });
    }
}
