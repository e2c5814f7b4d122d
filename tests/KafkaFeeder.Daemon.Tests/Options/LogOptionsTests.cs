using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public class LogOptionsTests
{
    private const string Minimal = "topics:\n  app:\n    topic: t\n    broker: kafka\n";

    [Fact]
    public void A_file_in_the_spelling_of_the_original_is_accepted()
    {
        var parsed = Load.Logs("""
            # shape of a kafkafeeder.yaml of 2016
            topics:
                # a group
                feeder:
                    # (mandatory) destination topic
                    topic: feeder-dbg
                    type: kafkalog
                    broker: kafka

                    retention: 24h
                    ack: -1
            """);

        Assert.Empty(parsed.Faults);
        Assert.True(parsed.FileReadable);
        Assert.Equal(
            new LogOptions
            {
                Component = "feeder",
                Topic = "feeder-dbg",
                Broker = "kafka",
                Directory = "/logs/app",
                Retention = TimeSpan.FromDays(1),
                SourceFile = "/logs/app/kafkafeeder.yaml",
                SourceLine = 4,
                BrokerLine = 8,
            },
            Assert.Single(parsed.Logs));
    }

    [Fact]
    public void Every_setting_reaches_its_option()
    {
        var parsed = Load.Logs("""
            topics:
              app:
                topic: t
                type: kafkalog
                broker: b
                retention: 90m
                ack: 1
                partitioner: fnv1a_random
                on_reject: hold
                origin_headers: true
                strict_order: false
                directory: ../elsewhere/
            """);

        Assert.Empty(parsed.Faults);
        Assert.Equal(
            new LogOptions
            {
                Component = "app",
                Topic = "t",
                Broker = "b",
                Directory = "/logs/elsewhere",
                Retention = TimeSpan.FromMinutes(90),
                Ack = AckLevel.Leader,
                Partitioner = PartitionerKind.Fnv1aRandom,
                OnReject = RejectAction.Hold,
                OriginHeaders = true,
                StrictOrder = false,
                SourceFile = "/logs/app/kafkafeeder.yaml",
                SourceLine = 2,
                BrokerLine = 5,
            },
            Assert.Single(parsed.Logs));
    }

    [Fact]
    public void An_absent_setting_has_the_documented_default()
    {
        var log = Assert.Single(Load.Logs(Minimal).Logs);

        Assert.Null(log.Retention);
        Assert.Equal(AckLevel.AllInSync, log.Ack);
        Assert.Equal(PartitionerKind.Murmur2Random, log.Partitioner);
        Assert.Equal(RejectAction.Quarantine, log.OnReject);
        Assert.False(log.OriginHeaders);
        Assert.Null(log.StrictOrder);
    }

    [Theory]
    [InlineData("24", 24 * 60)]
    [InlineData("24h", 24 * 60)]
    [InlineData("\"15m\"", 15)]
    [InlineData("7d", 7 * 24 * 60)]
    [InlineData("1h30m", 90)]
    [InlineData("1.5h", 90)]
    [InlineData("120s", 2)]
    [InlineData("100d", 100 * 24 * 60)]
    public void Retention_is_in_hours_unless_it_has_a_unit(string written, int minutes) =>
        Assert.Equal(TimeSpan.FromMinutes(minutes), Assert.Single(Load.Logs($"{Minimal}    retention: {written}").Logs).Retention);

    [Theory]
    [InlineData("Hash", PartitionerKind.Fnv1aRandom)]
    [InlineData("Random", PartitionerKind.Random)]
    [InlineData("random", PartitionerKind.Random)]
    [InlineData("murmur2_random", PartitionerKind.Murmur2Random)]
    public void Partitioners_have_our_names_and_those_of_the_original(string written, PartitionerKind expected) =>
        Assert.Equal(expected, Assert.Single(Load.Logs($"{Minimal}    partitioner: {written}").Logs).Partitioner);

    [Theory]
    [InlineData("retention: 0", "retention is \"0\"; it must be at least 1ms and at most 36525d.")]
    [InlineData("retention: -1", "retention is \"-1\"; it must be at least 1ms and at most 36525d.")]
    [InlineData("retention: 1000000000d", "retention is \"1000000000d\"; it must be at least 1ms and at most 36525d.")]
    [InlineData("retention: 24hh", "retention is \"24hh\"; expected a duration such as 500ms, 30s, 15m, 24h or 7d.")]
    [InlineData("retention: h", "retention is \"h\"; expected a duration such as 500ms, 30s, 15m, 24h or 7d.")]
    [InlineData("retention: 1e3h", "retention is \"1e3h\"; expected a duration such as 500ms, 30s, 15m, 24h or 7d.")]
    [InlineData("retention:", "retention has no value; write one or remove the key.")]
    [InlineData("ack: 2", "ack is \"2\"; expected -1 or 1 or 0.")]
    [InlineData("ack: all", "ack is \"all\"; expected -1 or 1 or 0.")]
    [InlineData("partitioner: murmur2", "partitioner is \"murmur2\"; expected murmur2_random or fnv1a_random or random or Hash or Random.")]
    [InlineData("on_reject: quarantaine", "on_reject is \"quarantaine\"; expected quarantine or hold; did you mean quarantine?")]
    [InlineData("origin_headers: yes", "origin_headers is \"yes\"; expected true or false.")]
    [InlineData("type: lines", "type is lines, which this version does not support yet; expected kafkalog.")]
    [InlineData("type: kafkalogs", "type is \"kafkalogs\"; expected kafkalog or lines; did you mean kafkalog?")]
    [InlineData("file_match: .*", "file_match belongs to type: lines; the segments of a kafkalog are found by the component's name.")]
    [InlineData("retenton: 24h", "retenton is not a setting; did you mean retention?")]
    [InlineData("topic: u", "topic is given twice; it is on line 3 already.")]
    [InlineData("directory: \"\"", "directory is empty; expected the directory of the segments.")]
    [InlineData("directory: \"a\\0b\"", "directory is \"a\\u0000b\"; control characters are not allowed.")]
    [InlineData("directory: \"a\\nb\"", "directory is \"a\\u000ab\"; control characters are not allowed.")]
    public void A_fault_names_its_line_its_key_and_what_was_expected(string lineFive, string message) =>
        Assert.Equal([$"kafkafeeder.yaml:5: topics.app.{message}"], Load.Shortened(Load.Logs($"{Minimal}    {lineFive}").Faults));

    [Theory]
    [InlineData("a b")]
    [InlineData("a/b")]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("%2e")]
    [InlineData("{{x}}")]
    [InlineData("žluť")]
    public void A_name_that_Kafka_refuses_is_refused_for_topics_and_components(string name)
    {
        const string expected = "of the characters a-z A-Z 0-9 . _ - (and not . or .. alone).";

        Assert.Equal(
            [$"kafkafeeder.yaml:3: topics.app.topic is \"{name}\"; expected 1 to 249 {expected}"],
            Load.Shortened(Load.Logs($"topics:\n  app:\n    topic: '{name}'\n    broker: b").Faults));
        Assert.Equal(
            [$"kafkafeeder.yaml:2: topics.{name} is not a name for a component; expected 1 to 200 {expected}"],
            Load.Shortened(Load.Logs($"topics:\n  '{name}':\n    topic: t\n    broker: b").Faults));
    }

    [Theory]
    [InlineData(249, true)]
    [InlineData(250, false)]
    public void A_topic_has_at_most_249_characters(int length, bool isGood) =>
        Assert.Equal(isGood, Load.Logs($"topics:\n  a: {{ broker: b, topic: {new string('t', length)} }}").Faults.Count == 0);

    [Fact]
    public void A_fault_in_one_entry_leaves_the_others_good()
    {
        var parsed = Load.Logs("""
            topics:
              good: { topic: t, broker: b }
              bad: { topic: t, ack: 7 }
              empty:
              also_good: { topic: t, broker: b }
            """);

        Assert.True(parsed.FileReadable);
        Assert.Equal(["good", "also_good"], parsed.Logs.Select(log => log.Component));
        Assert.Equal(["bad", "empty"], parsed.FaultyComponents);
        Assert.Equal(
            [
                "kafkafeeder.yaml:3: topics.bad.broker is missing; expected the name of a broker group of conf.yaml.",
                "kafkafeeder.yaml:3: topics.bad.ack is \"7\"; expected -1 or 1 or 0.",
                "kafkafeeder.yaml:4: topics.empty.topic is missing; expected the topic in Kafka.",
                "kafkafeeder.yaml:4: topics.empty.broker is missing; expected the name of a broker group of conf.yaml.",
            ],
            Load.Shortened(parsed.Faults));
    }

    [Fact]
    public void The_first_entry_of_a_component_listed_twice_applies()
    {
        var parsed = Load.Logs("topics:\n  a: { topic: t1, broker: b }\n  a: { topic: t2, broker: b }");

        Assert.Equal("t1", Assert.Single(parsed.Logs).Topic);
        Assert.Equal(["kafkafeeder.yaml:3: topics.a is given twice; it is on line 2 already."], Load.Shortened(parsed.Faults));
    }

    [Theory]
    [InlineData("", "kafkafeeder.yaml: the file is empty.")]
    [InlineData("# nothing yet\n", "kafkafeeder.yaml: the file is empty.")]
    [InlineData(
        "topics:\n", "kafkafeeder.yaml:1: topics is empty; expected components, each with its topic and broker. Is the file half-written?")]
    [InlineData(
        "topics: [a]\n",
        "kafkafeeder.yaml:1: topics is a list; expected components, each with its topic and broker. Is the file half-written?")]
    [InlineData(
        "topics:\n  app:\n    topic: \"un",
        "kafkafeeder.yaml:3: not valid YAML: While scanning a quoted scalar, found unexpected end of stream.")]
    public void A_file_that_is_half_written_says_nothing_about_its_logs(string text, string message)
    {
        var parsed = Load.Logs(text);

        Assert.False(parsed.FileReadable);
        Assert.Empty(parsed.Logs);
        Assert.Equal([message], Load.Shortened(parsed.Faults));
    }

    [Fact]
    public void A_file_without_topics_is_valid()
    {
        var parsed = Load.Logs("topics: {}");

        Assert.True(parsed.FileReadable);
        Assert.Empty(parsed.Faults);
    }

    [Fact]
    public void A_log_whose_broker_is_not_a_group_is_faulty()
    {
        var parsed = Load.Logs("topics:\n  a: { topic: t, broker: kafka }\n  b:\n    topic: t\n    broker: kafak\n");

        var checkedLogs = BrokerGroupCheck.Apply(parsed, ["kafka", "other"]);

        Assert.Equal("a", Assert.Single(checkedLogs.Logs).Component);
        Assert.Equal(["b"], checkedLogs.FaultyComponents);
        Assert.Equal(
            ["kafkafeeder.yaml:5: topics.b.broker is \"kafak\", which is not a broker group of conf.yaml; did you mean kafka?"],
            Load.Shortened(checkedLogs.Faults));
        Assert.Equal(checkedLogs.Logs, BrokerGroupCheck.Apply(checkedLogs, ["kafka"]).Logs);
    }

    [Theory]
    [InlineData("retention: 1h")]
    [InlineData("ack: 0")]
    [InlineData("partitioner: Hash")]
    [InlineData("on_reject: hold")]
    [InlineData("origin_headers: true")]
    [InlineData("strict_order: true")]
    [InlineData("directory: x")]
    public void A_reload_compares_settings_and_not_their_place_in_the_file(string setting)
    {
        var before = Assert.Single(Load.Logs(Minimal).Logs);

        Assert.True(before.HasSameSettings(Assert.Single(Load.Logs("# moved down\n\n" + Minimal).Logs)));
        Assert.False(before.HasSameSettings(Assert.Single(Load.Logs($"{Minimal}    {setting}").Logs)));
    }

    [Fact]
    public void The_directory_of_a_linked_file_is_that_of_the_link()
    {
        using var folder = new TempFolder();
        var real = folder.Write("shared/kafkafeeder.yaml", Minimal);
        var link = Path.Combine(Directory.CreateDirectory(Path.Combine(folder.Path, "app")).FullName, "kafkafeeder.yaml");
        File.CreateSymbolicLink(link, real);

        Assert.Equal(Path.Combine(folder.Path, "app"), Assert.Single(ConfigLoader.LoadLogs(link).Logs).Directory);
    }
}
