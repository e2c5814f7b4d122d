using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Units;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Options;

public class EffectiveConfigurationTests
{
    [Fact]
    public void It_shows_the_settings_in_force_including_defaults() => Assert.Equal(
        """
        log_dir: /logs
        checkpoint_dir: /state/checkpoint
        journal_dir: /state/journal
        logging.component: kafkafeeder
        logging.dir: /own
        logging.interval: 1h
        kafka_brokers.kafka.brokers: kafka1:9092
        kafka_brokers.kafka.transport: auto
        permissions./logs/a.topics: a*, b
        permissions./logs/a.brokers: all
        watcher.interval: 15s
        watcher.allow_directories: /srv/x, /etc/kf/y
        watcher.max_logs_per_file: 500
        watcher.max_logs_per_owner: 2000
        watcher.max_logs_per_directory: 2000
        cleaner.interval: 1d
        status.listen: off
        shipper.checkpoint_interval: 1s
        shipper.max_in_flight: 8MiB
        shipper.memory_limit: 96MiB
        shipper.drain_timeout: 90s
        shipper.drain_on_stop: false
        quarantine.max_per_log: 256MiB
        quarantine.max_total: 1GiB
        """,
        Lines(EffectiveConfiguration.Of(Load.Good(Load.Mandatory + "logging: { dir: /own }\nstatus: { listen: off }\nshipper: { "
            + "drain_timeout: 1m30s }\n"
            + "watcher: { allow_directories: [/srv/x, y] }\npermissions: { /logs/a: { topics: [a*, b] } }\n"))));

    [Fact]
    public void It_shows_a_log_as_well() => Assert.Equal(
        """
        topic: t
        broker: b
        directory: /logs/app
        retention: none (kept forever)
        ack: -1
        partitioner: fnv1a_random
        on_reject: quarantine
        origin_headers: false
        strict_order: by what the brokers can do
        """,
        Lines(EffectiveConfiguration.Of(Load.Logs("topics: { a: { topic: t, broker: b, partitioner: Hash } }").Logs[0])));

    [Fact]
    public void A_duration_is_shown_in_a_form_that_can_be_read_again() => Prop.ForAll<long>(milliseconds =>
    {
        var duration = TimeSpan.FromMilliseconds(milliseconds % 1_000_000_000);
        Assert.True(DurationText.TryParse(DurationText.Format(duration), TimeSpan.FromDays(1), out var read));
        Assert.Equal(duration, read);
    }).Check(Config.QuickThrowOnFailure);

    [Fact]
    public void A_size_is_shown_in_a_form_that_can_be_read_again() => Prop.ForAll<int, byte>((number, shift) =>
    {
        var bytes = (long)number << (shift % 20);
        Assert.True(SizeText.TryParse(SizeText.Format(bytes), out var read));
        Assert.Equal(bytes, read);
    }).Check(Config.QuickThrowOnFailure);

    private static string Lines(IEnumerable<KeyValuePair<string, string>> settings) =>
        string.Join('\n', settings.Select(setting => $"{setting.Key}: {setting.Value}"));
}
