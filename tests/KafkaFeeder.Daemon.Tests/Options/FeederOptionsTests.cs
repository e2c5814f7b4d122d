using System.Net;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public class FeederOptionsTests
{
    [Theory]
    [InlineData("0.0.0.0:8796", "127.0.0.1:8796")]
    [InlineData("[::]:8796", "[::1]:8796")]
    [InlineData("127.0.0.1:80", "127.0.0.1:80")]
    [InlineData("10.1.2.3:80", "10.1.2.3:80")]
    [InlineData("off", null)]
    public void A_command_gets_an_address_that_it_can_connect_to(string listen, string? asked) =>
        Assert.Equal(asked, Load.Good(Load.Mandatory + $"status: {{ listen: \"{listen}\" }}").Status.AskAt?.ToString());

    [Theory]
    [InlineData("{ drain_timeout: 20s }", 35)]
    [InlineData("{ drain_timeout: 20s, drain_on_stop: true }", 55)]
    public void A_stop_has_a_limit(string shipper, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), Load.Good(Load.Mandatory + $"shipper: {shipper}").Shipper.StopLimit);

    [Fact]
    public void A_file_in_the_spelling_of_the_original_is_accepted()
    {
        var options = Load.Good("""
            # the shape of a conf.yaml of 2016
            logging:
                component: "feeder"
                dir: /www/feeder/own-logs/
                interval: 600
            checkpoint_dir: /www/feeder/cache/checkpoint/
            journal_dir: /www/feeder/cache/logstreamer/
            log_dir: /www/feeder/logs/
            hekad:
                main_conf_path: /www/feeder/heka/hekad.toml
                bin_path: /usr/bin/hekad
                conf_dir: /www/feeder/conf/
                kafka_brokers:
                    dev:
                        - kafka1.dev:9092
                        - kafka2.dev:9092
                    live:
                        - kafka1:9092
            watcher:
                interval: 20
            cleaner:
                interval: 43200
            """);

        Assert.Equal(
            new LoggingOptions { Component = "feeder", Dir = "/www/feeder/own-logs", Interval = TimeSpan.FromMinutes(10) },
            options.Logging);
        Assert.Equal("/www/feeder/cache/checkpoint", options.CheckpointDir);
        Assert.Equal("/www/feeder/cache/logstreamer", options.JournalDir);
        Assert.Equal("/www/feeder/logs", options.LogDir);
        Assert.Equal(["kafka1.dev:9092", "kafka2.dev:9092"], options.BrokerGroups["dev"].Brokers);
        Assert.Equal(["kafka1:9092"], options.BrokerGroups["live"].Brokers);
        Assert.Equal(TimeSpan.FromSeconds(20), options.Watcher.Interval);
        Assert.Equal(TimeSpan.FromHours(12), options.Cleaner.Interval);
        Assert.Equal(
            [
                "conf.yaml:10: hekad.main_conf_path has no meaning here: there is no hekad; remove the line.",
                "conf.yaml:11: hekad.bin_path has no meaning here: there is no hekad; remove the line.",
                "conf.yaml:12: hekad.conf_dir has no meaning here: there is no hekad; remove the line.",
            ],
            Load.Shortened(options.Warnings));
    }

    [Fact]
    public void Every_setting_reaches_its_option()
    {
        var options = Load.Good("""
            log_dir: logs
            checkpoint_dir: ../state/c
            journal_dir: /state/j
            logging: { component: own, dir: logs/own, interval: 30m }
            kafka_brokers:
              plain: [a:1, "[::1]:2"]
              secure:
                brokers: [b:3]
                properties: { security.protocol: sasl_ssl, enable.idempotence: false, message.timeout.ms: 0 }
            watcher: { interval: 3s }
            cleaner: { interval: 2h }
            status: { listen: "0.0.0.0:99" }
            shipper: { checkpoint_interval: 250ms, max_in_flight: 1MB, memory_limit: 1GiB, drain_timeout: 90, drain_on_stop: true }
            """);

        Assert.Equal("/etc/kf/logs", options.LogDir);
        Assert.Equal("/etc/state/c", options.CheckpointDir);
        Assert.Equal("/state/j", options.JournalDir);
        Assert.Equal(
            new LoggingOptions { Component = "own", Dir = "/etc/kf/logs/own", Interval = TimeSpan.FromMinutes(30) }, options.Logging);
        Assert.Equal(new BrokerGroupOptions { Name = "plain", Brokers = ["a:1", "[::1]:2"] }, options.BrokerGroups["plain"]);
        Assert.Equal(
            new BrokerGroupOptions
            {
                Name = "secure",
                Brokers = ["b:3"],
                Properties =
                [
                    new("security.protocol", "sasl_ssl", false),
                    new("enable.idempotence", "false", false),
                    new("message.timeout.ms", "0", false),
                ],
            },
            options.BrokerGroups["secure"]);
        Assert.Equal(TimeSpan.FromSeconds(3), options.Watcher.Interval);
        Assert.Equal(TimeSpan.FromHours(2), options.Cleaner.Interval);
        Assert.Equal(new IPEndPoint(IPAddress.Any, 99), options.Status.Listen);
        Assert.Equal(
            new ShipperOptions
            {
                CheckpointInterval = TimeSpan.FromMilliseconds(250),
                MaxInFlightBytes = 1_000_000,
                MemoryLimitBytes = 1L << 30,
                DrainTimeout = TimeSpan.FromSeconds(90),
                DrainOnStop = true,
            },
            options.Shipper);
        Assert.Empty(options.Warnings);
    }

    [Fact]
    public void An_absent_setting_has_the_documented_default()
    {
        var options = Load.Good(Load.Mandatory);

        Assert.Null(options.Logging);
        Assert.Equal(TimeSpan.FromSeconds(15), options.Watcher.Interval);
        Assert.Equal(TimeSpan.FromDays(1), options.Cleaner.Interval);
        Assert.Equal("127.0.0.1:8796", options.Status.Listen!.ToString());
        Assert.Equal(TimeSpan.FromSeconds(1), options.Shipper.CheckpointInterval);
        Assert.Equal(8 << 20, options.Shipper.MaxInFlightBytes);
        Assert.Equal(96 << 20, options.Shipper.MemoryLimitBytes);
        Assert.Equal(TimeSpan.FromSeconds(30), options.Shipper.DrainTimeout);
    }

    [Fact]
    public void A_section_without_content_means_its_defaults() =>
        Assert.Equal(new WatcherOptions(), Load.Good(Load.Mandatory + "watcher:\n  # interval: 5\nstatus: {}").Watcher);

    [Theory]
    [InlineData("off", null)]
    [InlineData("\"off\"", null)]
    [InlineData("false", null)]
    [InlineData("localhost:80", "127.0.0.1:80")]
    [InlineData("127.0.0.1:0", "127.0.0.1:0")]
    [InlineData("\"[::]:8796\"", "[::]:8796")]
    public void The_status_page_listens_at_the_configured_address(string written, string? expected) =>
        Assert.Equal(expected, Load.Good($"{Load.Mandatory}status: {{ listen: {written} }}").Status.Listen?.ToString());

    [Theory]
    [InlineData("shiper: { max_in_flight: 1MiB }", "conf.yaml:5: shiper is not a setting; did you mean shipper?")]
    [InlineData("log-dir: /x", "conf.yaml:5: log-dir is not a setting; did you mean log_dir?")]
    [InlineData("watcher: { allow_directories: /srv }", "conf.yaml:5: watcher.allow_directories is a single value; expected a list of "
        + "directories.")]
    [InlineData("watcher: { max_logs_per_file: 0 }", "conf.yaml:5: watcher.max_logs_per_file is \"0\"; expected a number from 1 to "
        + "100000.")]
    [InlineData("permissions: { /logs/a: { topics: [\"a b\"] } }", "conf.yaml:5: permissions./logs/a.topics has \"a b\"; expected the "
        + "name of a topic, or its beginning and a * at the end.")]
    [InlineData("permissions: { /logs/a: { brokers: [kafak] } }", "conf.yaml:5: permissions./logs/a.brokers has \"kafak\", which is not a "
        + "broker group; did you mean kafka?")]
    [InlineData("permissions: { /logs/a: { topic: [a] } }", "conf.yaml:5: permissions./logs/a.topic is not a setting; did you mean "
        + "topics?")]
    [InlineData("colour: red", "conf.yaml:5: colour is not a setting; known here: checkpoint_dir, cleaner, hekad, journal_dir, "
        + "kafka_brokers, log_dir, logging, permissions, quarantine, shipper, status, watcher.")]
    [InlineData("shipper:\n  max_inflight: 1MiB", "conf.yaml:6: shipper.max_inflight is not a setting; did you mean max_in_flight?")]
    [InlineData(
        "shipper: { max_in_flight: 8MiBx }", "conf.yaml:5: shipper.max_in_flight is \"8MiBx\"; expected a size such as 8MiB or 500KB.")]
    [InlineData(
        "shipper: { max_in_flight: 0 }", "conf.yaml:5: shipper.max_in_flight is \"0\"; it must be at least 64KiB and at most 1GiB.")]
    [InlineData(
        "quarantine: { max_per_log: 2MiB, max_total: 1MiB }",
        "conf.yaml:5: quarantine.max_per_log is 2MiB; it must not exceed quarantine.max_total, which is 1MiB.")]
    [InlineData(
        "quarantine: { max_total: 1KiB, max_per_log: 1MiB }",
        "conf.yaml:5: quarantine.max_total is \"1KiB\"; it must be at least 1MiB and at most 1024GiB.")]
    [InlineData(
        "shipper: { max_in_flight: 97MiB }",
        "conf.yaml:5: shipper.max_in_flight is 97MiB; it must not exceed shipper.memory_limit, which is 96MiB.")]
    [InlineData(
        "shipper: { memory_limit: -1GiB }", "conf.yaml:5: shipper.memory_limit is \"-1GiB\"; it must be at least 32MiB and at most 64GiB.")]
    [InlineData(
        "shipper: { memory_limit: 999999999999GiB }",
        "conf.yaml:5: shipper.memory_limit is \"999999999999GiB\"; it must be at least 32MiB and at most 64GiB.")]
    [InlineData("shipper: { memory_limit: }", "conf.yaml:5: shipper.memory_limit has no value; write one or remove the key.")]
    [InlineData(
        "shipper: { checkpoint_interval: 0 }",
        "conf.yaml:5: shipper.checkpoint_interval is \"0\"; it must be at least 10ms and at most 1h.")]
    [InlineData(
        "shipper: { drain_timeout: 2h }", "conf.yaml:5: shipper.drain_timeout is \"2h\"; it must be at least 100ms and at most 1h.")]
    [InlineData("shipper: [1, 2]", "conf.yaml:5: shipper is a list; expected a map of settings (key: value).")]
    [InlineData("shipper: fast", "conf.yaml:5: shipper is a single value; expected a map of settings (key: value).")]
    [InlineData("watcher: { interval: 0 }", "conf.yaml:5: watcher.interval is \"0\"; it must be at least 100ms and at most 1d.")]
    [InlineData("watcher: { interval: -15 }", "conf.yaml:5: watcher.interval is \"-15\"; it must be at least 100ms and at most 1d.")]
    [InlineData(
        "watcher: { interval: 24hh }",
        "conf.yaml:5: watcher.interval is \"24hh\"; expected a duration such as 500ms, 30s, 15m, 24h or 7d.")]
    [InlineData("watcher: { interval: [1] }", "conf.yaml:5: watcher.interval is a list; expected a single value.")]
    [InlineData("watcher: { interval: 1 }\nwatcher: { interval: 2 }", "conf.yaml:6: watcher is given twice; it is on line 5 already.")]
    [InlineData(
        "cleaner: { interval: 999999999999d }",
        "conf.yaml:5: cleaner.interval is \"999999999999d\"; it must be at least 100ms and at most 366d.")]
    [InlineData(
        "logging: { dir: /l, interval: 7 }",
        "conf.yaml:5: logging.interval is 7s; it must divide a day into equal parts of whole seconds, such as 60, 600, 3600 or 86400.")]
    [InlineData(
        "logging: { dir: /l, component: a/b }",
        "conf.yaml:5: logging.component is \"a/b\"; expected 1 to 200 of the characters a-z A-Z 0-9 . _ - (and not . or .. alone).")]
    [InlineData("logging: { component: a }", "conf.yaml:5: logging.dir is missing; expected the directory for KafkaFeeder's own log.")]
    [InlineData(
        "status: { listen: 8796 }",
        "conf.yaml:5: status.listen is \"8796\"; expected an address and a port such as 127.0.0.1:8796 or [::1]:8796, or off.")]
    [InlineData(
        "status: { listen: \"127.0.0.1:65536\" }",
        "conf.yaml:5: status.listen is \"127.0.0.1:65536\"; expected an address and a port such as 127.0.0.1:8796 or [::1]:8796, or off.")]
    [InlineData(
        "status: { listen: \"a\\e[31mb\" }", "conf.yaml:5: status.listen is \"a\\u001b[31mb\"; control characters are not allowed.")]
    [InlineData(
        "hekad: { bin: /usr/bin/hekad }",
        "conf.yaml:5: hekad.bin is not a setting; known here: bin_path, conf_dir, kafka_brokers, main_conf_path.")]
    [InlineData(
        "hekad: { kafka_brokers: { kafka: [\"b:1\"] } }",
        "conf.yaml:5: hekad.kafka_brokers.kafka is given twice: under kafka_brokers and under hekad.kafka_brokers; remove one.")]
    public void A_fault_names_its_line_its_key_and_what_was_expected(string lineFive, string message) =>
        Assert.Equal([message], Load.Faults(Load.Mandatory + lineFive));

    [Theory]
    [InlineData("{}", "conf.yaml:4: kafka_brokers names no broker group; expected one such as kafka: [kafka1:9092].")]
    [InlineData("", "conf.yaml:4: kafka_brokers names no broker group; expected one such as kafka: [kafka1:9092].")]
    [InlineData("{ kafka: [] }", "conf.yaml:4: kafka_brokers.kafka is an empty list; expected at least one host:port such as kafka1:9092.")]
    [InlineData(
        "{ kafka: a:9092 }",
        "conf.yaml:4: kafka_brokers.kafka is a single value; expected a list such as [kafka1:9092, kafka2:9092], or brokers:, "
            + "properties: and transport:.")]
    [InlineData("{ kafka: [a] }", "conf.yaml:4: kafka_brokers.kafka[0] is \"a\"; expected host:port such as kafka1:9092.")]
    [InlineData("{ kafka: [a:1, \"b:0\"] }", "conf.yaml:4: kafka_brokers.kafka[1] is \"b:0\"; expected host:port such as kafka1:9092.")]
    [InlineData(
        "{ kafka: [\"ssl://a:1\"] }", "conf.yaml:4: kafka_brokers.kafka[0] is \"ssl://a:1\"; expected host:port such as kafka1:9092.")]
    [InlineData("{ kafka: [[a]] }", "conf.yaml:4: kafka_brokers.kafka[0] is a list; expected host:port such as kafka1:9092.")]
    [InlineData(
        "{ \"a b\": [\"a:1\"] }",
        "conf.yaml:4: kafka_brokers.a b is not a name for a broker group; expected 1 to 249 of the characters a-z A-Z 0-9 . _ - (and not . "
            + "or .. alone).")]
    [InlineData(
        "{ kafka: { properties: {} } }",
        "conf.yaml:4: kafka_brokers.kafka.brokers is missing; expected a list such as [kafka1:9092, kafka2:9092].")]
    [InlineData(
        "{ kafka: { brokers: \"a:1\" } }",
        "conf.yaml:4: kafka_brokers.kafka.brokers is a single value; expected a list such as [kafka1:9092, kafka2:9092].")]
    [InlineData(
        "{ kafka: { broker: [\"a:1\"], brokers: [\"a:1\"] } }",
        "conf.yaml:4: kafka_brokers.kafka.broker is not a setting; did you mean brokers?")]
    public void A_fault_in_a_broker_group_is_reported(string groups, string message) => Assert.Equal(
        [message],
        Load.Faults($"log_dir: /l\ncheckpoint_dir: /c\njournal_dir: /j\nkafka_brokers: {groups}\n"));

    [Fact]
    public void All_faults_are_reported_at_once_in_the_order_of_the_file() => Assert.Equal(
        [
            "conf.yaml:1: checkpoint_dir is missing; expected the directory for checkpoints, which say what Kafka has acknowledged.",
            "conf.yaml:1: journal_dir is missing; expected the directory for the journal, which says what was sent.",
            "conf.yaml:2: watcher.interval is \"soon\"; expected a duration such as 500ms, 30s, 15m, 24h or 7d.",
            "conf.yaml:3: retention is not a setting; known here: checkpoint_dir, cleaner, hekad, journal_dir, kafka_brokers, log_dir, "
                + "logging, permissions, quarantine, shipper, status, watcher.",
            "conf.yaml: kafka_brokers is missing; expected broker groups such as kafka_brokers: { kafka: [kafka1:9092] }.",
        ],
        Load.Faults("log_dir: /l\nwatcher: { interval: soon }\nretention: 5"));

    [Fact]
    public void Directories_must_differ() => Assert.Equal(
        ["conf.yaml:3: journal_dir is \"/state\", as checkpoint_dir is; each needs a directory of its own."],
        Load.Faults("log_dir: /l\ncheckpoint_dir: /state/\njournal_dir: /state/x/..\nkafka_brokers: { k: [\"a:1\"] }"));

    [Fact]
    public void State_below_log_dir_gives_a_warning() => Assert.Equal(
        ["conf.yaml:2: checkpoint_dir lies below log_dir: whoever may write logs there may be able to change it."],
        Load.Shortened(Load.Good("log_dir: /l\ncheckpoint_dir: /l/c\njournal_dir: /j\nkafka_brokers: { k: [\"a:1\"] }").Warnings));

    [Fact]
    public void An_absent_file_is_a_fault_with_the_reason_of_the_operating_system()
    {
        using var folder = new TempFolder();
        var path = Path.Combine(folder.Path, "conf.yaml");
        var faults = new List<ConfigFault>();

        Assert.Null(ConfigLoader.Load(path, faults));
        Assert.Equal($"{path}: cannot be opened: No such file or directory.", Assert.Single(faults).ToString());
    }

    [Fact]
    public void A_file_is_read_from_the_disk_and_relative_paths_start_at_its_folder()
    {
        using var folder = new TempFolder();
        var path =
            folder.Write("conf.yaml", "log_dir: logs\r\ncheckpoint_dir: c\r\njournal_dir: j\r\nkafka_brokers: { k: [\"a:1\"] }\r\n");
        var faults = new List<ConfigFault>();

        var options = ConfigLoader.Load(path, faults);

        Assert.Empty(faults);
        Assert.Equal(Path.Combine(folder.Path, "logs"), options!.LogDir);
    }
}
