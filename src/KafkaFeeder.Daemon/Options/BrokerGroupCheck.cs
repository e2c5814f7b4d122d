using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;

namespace KafkaFeeder.Daemon.Options;

/// <summary>The one rule that concerns both files: <c>broker:</c> names a group of conf.yaml.</summary>
public static class BrokerGroupCheck
{
    /// <summary>Moves the logs whose group is not among <paramref name="groups"/> from the good to the faulty.</summary>
    public static ParsedLogs Apply(ParsedLogs parsed, IReadOnlyCollection<string> groups)
    {
        var unknown = parsed.Logs.Where(log => !groups.Contains(log.Broker)).ToList();
        return unknown.Count == 0 ? parsed : parsed with
        {
            Logs = [.. parsed.Logs.Except(unknown)],
            Faults = [.. parsed.Faults, .. unknown.Select(log => FaultOf(log, groups))],
            FaultyComponents = [.. parsed.FaultyComponents, .. unknown.Select(log => log.Component)],
        };
    }

    private static ConfigFault FaultOf(LogOptions log, IReadOnlyCollection<string> groups) => new(
        log.SourceFile,
        log.BrokerLine,
        $"topics.{log.Component}.broker",
        $"is {Quote.Value(log.Broker)}, which is not a broker group of conf.yaml{NearMiss.Hint(log.Broker, groups)}");
}
