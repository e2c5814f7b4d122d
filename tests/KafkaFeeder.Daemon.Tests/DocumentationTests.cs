using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Tests.Options;
using Microsoft.Extensions.Logging;
using Xunit;

namespace KafkaFeeder.Daemon.Tests;

/// <summary>docs/OPERATIONS.md agrees with the code.</summary>
public sealed partial class DocumentationTests
{
    private static readonly string[] Lines = File.ReadAllLines(Path.Combine(RepositoryRoot(), "docs", "OPERATIONS.md"));

    public static TheoryData<string, string?> Settings
    {
        get
        {
            var options = Load.Good("""
                log_dir: /given/logs
                checkpoint_dir: /given/checkpoint
                journal_dir: /given/journal
                logging: { dir: /given/own }
                kafka_brokers:
                  NAME:
                    brokers: [given:1]
                    properties: { PROPERTY: given }
                """);
            var log = ConfigLoader.LoadLogsText(
                "topics: { c: { topic: given, broker: given, directory: /given } }", "/given/kafkafeeder.yaml").Logs.Single();
            var settings = new TheoryData<string, string?>();
            foreach (var (key, value) in EffectiveConfiguration.Of(options).Concat(EffectiveConfiguration.Of(log)))
            {
                settings.Add(key, value.Contains("given", StringComparison.Ordinal) ? null : value);
            }

            return settings;
        }
    }

    public static TheoryData<string, string> Metrics =>
    [
        .. TypeLine().Matches(MetricsText.Of(new FeederStatus(TimeProvider.System), [])).Select(
            m => (m.Groups[1].Value, m.Groups[2].Value)),
    ];

    public static TheoryData<int, LogLevel> Events => [.. LogEvents().Select(e => (e.EventId, e.Level))];

    public static TheoryData<int> ExitCodes =>
    [
        .. typeof(ExitCode).GetFields().Where(f => f.IsLiteral).Select(f => (int)f.GetRawConstantValue()!),
    ];

    /// <param name="key">The setting, as messages name it.</param>
    /// <param name="standard">The default; null where it must be given.</param>
    [Theory]
    [MemberData(nameof(Settings))]
    public void Every_setting_is_documented_with_its_default(string key, string? standard)
    {
        var row = Row($"`{key}`");

        if (standard is not null)
        {
            Assert.Equal(standard, row[1].Trim('`'));
        }
    }

    [Theory]
    [MemberData(nameof(Metrics))]
    public void Every_metric_is_documented_with_its_type(string name, string type) => Assert.Equal(type, Row($"`{name}`")[1]);

    [Theory]
    [MemberData(nameof(Events))]
    public void Every_log_event_is_documented_with_its_level(int id, LogLevel level) =>
        Assert.Equal(level.ToString(), Row(id.ToString(CultureInfo.InvariantCulture))[1]);

    [Theory]
    [MemberData(nameof(ExitCodes))]
    public void Every_exit_code_is_documented(int code) =>
        Assert.NotEqual("", Row(code.ToString(CultureInfo.InvariantCulture))[1]);

    [Fact]
    public void The_numbers_of_log_events_are_unique()
    {
        var ids = LogEvents().ConvertAll(e => e.EventId);
        Assert.NotEmpty(ids);
        Assert.Equal(ids.Distinct(), ids);
    }

    /// <summary>The one row of a table that begins with this cell.</summary>
    private static string[] Row(string first) => Assert.Single(
        Lines.Where(line => line.StartsWith($"| {first} |", StringComparison.Ordinal)).Select(
            line => line.Trim('|').Split('|', StringSplitOptions.TrimEntries)));

    private static List<LoggerMessageAttribute> LogEvents() =>
        [.. typeof(FeederLog).GetMethods().Select(m => m.GetCustomAttribute<LoggerMessageAttribute>()).OfType<LoggerMessageAttribute>()];

    internal static string RepositoryRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "KafkaFeeder.sln")))
        {
            folder = Path.GetDirectoryName(folder)
                ?? throw new InvalidOperationException($"KafkaFeeder.sln is in no folder above {AppContext.BaseDirectory}.");
        }

        return folder;
    }

    [GeneratedRegex("^# TYPE ([a-z_]+) ([a-z]+)$", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
