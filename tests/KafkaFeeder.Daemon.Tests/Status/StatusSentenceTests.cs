using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Telemetry;
using KafkaFeeder.Daemon.Tests.Support;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Status;

public sealed class StatusSentenceTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 21, 10, 0, 0, TimeSpan.Zero);

    [Fact]
    public void Before_the_first_search_the_status_is_starting() => Assert.Equal("starting: searching for logs", Of([], isReady: false));

    [Fact]
    public void Without_logs_the_status_says_that_none_is_configured() => Assert.Equal("no log is configured yet", Of([]));

    [Fact]
    public void A_log_without_lag_is_called_all_shipped() => Assert.Equal("1 log, all shipped", Of([Log("a", LogState.Idle)]));

    [Fact]
    public void Lag_is_the_sum_and_age_is_that_of_the_oldest_record() => Assert.Equal(
        "3 logs, lag 1.2 MB, oldest 4 s; orders held: unknown topic",
        Of(
            [Log("a", LogState.Shipping, lag: 200_000, age: 1), Log("orders", LogState.Held, "unknown topic", 1_000_000, 4),
                Log("b", LogState.Idle)]));

    [Fact]
    public void A_log_that_was_not_examined_yet_is_not_called_shipped()
    {
        LogStatus Unknown() => new LogStatus(SomeLog.In("/logs") with { Component = "orders" }, "/logs", TimeProvider.System)
            .In(LogState.Failed, "another daemon ships it");
        Assert.Equal("1 log, 1 not examined yet; orders failed: another daemon ships it", Of([Unknown()]));
        Assert.Equal(
            "3 logs, lag 2.0 kB, oldest 3 s, 1 not examined yet; orders failed: another daemon ships it",
            Of([Log("a", LogState.Idle), Unknown(), Log("b", LogState.Shipping, lag: 2_000, age: 3)]));
    }

    [Fact]
    public void Of_many_logs_in_trouble_two_are_named() => Assert.Equal(
        "4 logs, all shipped; a failed: x; b retrying: x; 2 more need attention",
        Of([Log("a", LogState.Failed, "x"), Log("b", LogState.Retrying, "x"), Log("c", LogState.Held, "x"), Log("d", LogState.Held, "x")]));

    [Fact]
    public void A_loss_is_reported_even_when_everything_is_fine_now()
    {
        var lost = new LedgerSums(0, 0, 0, 12);
        var log = Log("orders", LogState.Idle, account: new LedgerAccount { Counts = new LedgerCounts(lost, lost, 1) });
        Assert.Equal("1 log, all shipped; orders has LOST 12 B", Of([log]));
        log.Became(LogState.Held, "x");
        Assert.Equal("1 log, all shipped; orders has LOST 12 B, held: x", Of([log]));
    }

    [Fact]
    public void Config_faults_are_counted() =>
        Assert.Equal("no log is configured yet; 2 faults in kafkafeeder.yaml files", Of([], faults: 2));

    [Fact]
    public void Stalled_loops_come_first() => Assert.Equal(
        "stalled: the watcher, no progress for 70 s; 1 log, all shipped",
        Of([Log("a", LogState.Idle)], late: [new LateLoop("the watcher", TimeSpan.FromSeconds(70))]));

    [Fact]
    public void A_stopping_daemon_says_what_it_waits_for()
    {
        var log = Log("a", LogState.Shipping, lag: 5_000, age: 3);
        log.InFlightBytes = 2_000;
        Assert.Equal("stopping, 2.0 kB in flight, lag 5.0 kB, oldest 3 s", Of([log], isStopping: true));
    }

    [Theory]
    [InlineData(0, "0 B")]
    [InlineData(999, "999 B")]
    [InlineData(1_000, "1.0 kB")]
    [InlineData(9_949, "9.9 kB")]
    [InlineData(9_950, "10 kB")]
    [InlineData(999_600, "1.0 MB")]
    [InlineData(1_234_567, "1.2 MB")]
    [InlineData(340e9, "340 GB")]
    [InlineData(long.MaxValue, "9.2 EB")]
    public void Bytes_have_two_or_three_digits(double bytes, string words) => Assert.Equal(words, Words.Bytes(bytes));

    [Theory]
    [InlineData(-5, "0 s")]
    [InlineData(119.9, "119 s")]
    [InlineData(120, "2 min")]
    [InlineData(7199, "119 min")]
    [InlineData(7200, "2 h")]
    [InlineData(86400 * 2, "2 d")]
    public void Ages_are_rounded_down(double seconds, string words) => Assert.Equal(words, Words.Age(TimeSpan.FromSeconds(seconds)));

    private static string Of(
        IReadOnlyList<LogStatus> logs,
        bool isReady = true,
        bool isStopping = false,
        int faults = 0,
        IReadOnlyList<LateLoop>? late = null) =>
        StatusSentence.Of(isReady, isStopping, logs, faults, late ?? [], Now);

    private static LogStatus Log(
        string component,
        LogState state,
        string? error = null,
        long lag = 0,
        int age = 0,
        LedgerAccount? account = null) =>
        new LogStatus(SomeLog.In("/logs") with { Component = component }, "/logs", TimeProvider.System, account)
    {
        LagBytes = lag,
        LookedAt = TimeProvider.System.GetTimestamp(),
        OldestUnshipped = age == 0 ? 0 : Now.AddSeconds(-age).ToUnixTimeMilliseconds(),
    }.In(state, error);
}
