using System.Net;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Status;

public sealed partial class StatusPageTests
{
    private const string Attack = "<img src=x onerror=alert(1)>\"'`</title></td><script>alert(2)</script>";

    private readonly ManualTime _time = new();
    private readonly FeederStatus _status;

    public StatusPageTests()
    {
        _status = new FeederStatus(_time);
        _status.Scanned();
    }

    [Fact]
    public void Names_and_errors_are_escaped_everywhere_on_the_page()
    {
        var log = Log(Attack, Attack, Attack, Attack);
        log.Became(LogState.Held, Attack);
        log.Position = Attack;
        _status.Faults = [new ConfigFault(Attack, 1, Attack, Attack)];

        var page = Page([log], [new LateLoop(Attack, TimeSpan.FromHours(1))]);

        Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.Single(Regex.Matches(page, "</title>"));
        Assert.True(Regex.Count(page, Regex.Escape("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;`&lt;/title&gt;")) >= 9, page);
        Assert.Equal(
            TagsOf(Page([Log("a", "b", "c", "d", LogState.Held, "e", "f")], [new LateLoop("g", TimeSpan.FromHours(1))])), TagsOf(page));
    }

    [Fact]
    public void No_name_or_error_adds_a_tag_to_the_page() => Prop.ForAll<string?, string?>((name, error) =>
    {
        var plain = TagsOf(Page([Log("a", "b", "c", "d", LogState.Held, "e", "f")]));
        return plain.SequenceEqual(
            TagsOf(Page([Log(name ?? "", error ?? "", name + "<b>", error + "\"'>", LogState.Held, error ?? "", name + "&")])));
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Invisible_characters_are_shown_as_their_code_points() => Assert.Contains(
        "a\\u{202E}b\\u{A}c\\u{0}d žlutý 🐎",
        WebUtility.HtmlDecode(Page([Log("a\u202eb\nc\0d žlutý 🐎", "t", "/", "b")])),
        StringComparison.Ordinal);

    [Fact]
    public void The_page_has_no_script_and_loads_nothing_from_other_hosts()
    {
        var page = Page([Log("orders", "t", "/logs", "kafka")]);
        Assert.DoesNotMatch("(?i)<script|style=| on[a-z]+=|javascript:|url\\(|@import|//", page + StatusPage.Style);
        Assert.All(
            Regex.Matches(page, "(?:href|src)=\"([^\"]*)\"").Select(m => m.Groups[1].Value),
            link => Assert.StartsWith("/", link, StringComparison.Ordinal));
        Assert.Contains("<html lang=\"en\">", page, StringComparison.Ordinal);
        Assert.Contains("<caption>", page, StringComparison.Ordinal);
        Assert.Equal(13, Regex.Count(page, "<th scope=\"col\">"));
    }

    [Fact]
    public void The_page_shows_lag_age_rate_position_and_what_to_do()
    {
        var log = Log(
            "orders",
            "orders-log",
            "/logs",
            "kafka",
            LogState.Held,
            "Broker: Unknown topic or partition",
            "orders-20261121-100000.szn:4711");
        log.LagBytes = 1_234_567;
        log.OldestUnshipped = _time.GetUtcNow().AddSeconds(-90).ToUnixTimeMilliseconds();
        log.AddShipped(10, 15_000_000);
        _time.Advance(TimeSpan.FromSeconds(1));

        var page = Page([log]);

        Assert.Contains("1.2 MB<br><small>1,234,567 bytes</small>", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"number\">91 s</td>", page, StringComparison.Ordinal);
        Assert.Contains("1.0 MB/s", page, StringComparison.Ordinal);
        Assert.Contains("orders-20261121-100000.szn:4711", page, StringComparison.Ordinal);
        Assert.Contains("<span class=\"badge\">held</span>", page, StringComparison.Ordinal);
        Assert.Contains(
            "<span class=\"bad\">Held: Broker: Unknown topic or partition</span><br>Repair what the reason names",
            page,
            StringComparison.Ordinal);
    }

    [Fact]
    public void The_lag_of_a_log_that_was_not_examined_yet_is_unknown_and_not_0()
    {
        var log = Log("orders", "t", "/logs", "kafka", LogState.Failed, "another daemon ships it");
        log.LookedAt = long.MinValue;
        Assert.Contains("<td class=\"number\">?<br><small>not examined yet</small></td>", Page([log]), StringComparison.Ordinal);
        Assert.DoesNotContain("all shipped", Page([log]), StringComparison.Ordinal);
        Assert.DoesNotContain("the end", Page([log]), StringComparison.Ordinal);
    }

    [Fact]
    public void Losses_and_quarantine_are_red_until_they_are_acknowledged()
    {
        var sums = new LedgerSums(1, 3, 77, 5);
        var account = new LedgerAccount { Counts = new LedgerCounts(sums, sums, 3) };
        var log = Log("orders", "t", "/logs", "kafka", LogState.Idle, account: account);
        Assert.Contains("77 B<br><small class=\"bad\">77 B not acknowledged</small>", Page([log]), StringComparison.Ordinal);
        Assert.Contains("<span class=\"warn\">idle</span>", Page([log]), StringComparison.Ordinal);
        Assert.Equal(
            ["LOST: 5 B vanished before they were shipped", "Quarantine: 1 record refused by the brokers for good",
                "Quarantine: 77 B that are not a record batch"],
            Regex.Matches(Page([log]), "<span class=\"bad\">([^<]*)</span>").Select(m => m.Groups[1].Value));
        account.Counts = account.Counts.Acknowledged();
        Assert.DoesNotContain("class=\"bad\"", Page([log]), StringComparison.Ordinal);
        Assert.Contains("<span class=\"good\">idle</span>", Page([log]), StringComparison.Ordinal);
        Assert.Contains("LOST: 5 B vanished before they were shipped, acknowledged", Page([log]), StringComparison.Ordinal);
    }

    [Fact]
    public void An_error_that_is_over_is_still_shown_and_is_not_red()
    {
        var log = Log("orders", "t", "/logs", "kafka", LogState.Retrying, "all brokers down");
        _time.Advance(TimeSpan.FromSeconds(30));
        log.Became(LogState.Idle, null);
        var page = Page([log]);
        Assert.Contains("Last error, 30 s ago: all brokers down", page, StringComparison.Ordinal);
        Assert.DoesNotContain("class=\"bad\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Logs_in_trouble_come_first_and_at_most_500_logs_are_shown()
    {
        var logs = Enumerable.Range(0, 5_000).Select(
            i => Log($"log-{i}", "t", "/logs", "kafka", i == 4_999 ? LogState.Held : LogState.Idle, i == 4_999 ? "x" : null)).ToList();
        var page = Page(logs);
        Assert.InRange(
            page.IndexOf("log-4999", page.IndexOf("<tbody>", StringComparison.Ordinal), StringComparison.Ordinal),
            0,
            page.IndexOf("log-0<", StringComparison.Ordinal));
        Assert.Contains("And 4,500 more", page, StringComparison.Ordinal);
        Assert.InRange(page.Length, 1, 400_000);
    }

    private static List<string> TagsOf(string page) => [.. Tag().Matches(page).Select(m => m.Value)];

    private string Page(IReadOnlyList<LogStatus> logs, IReadOnlyList<LateLoop>? late = null)
    {
        _status.Faults = late is null ? [] : _status.Faults.Count > 0 ? _status.Faults : [new ConfigFault("f", 1, "k", "m")];
        return StatusPage.Of(_status, logs, late ?? [], _time.GetUtcNow(), refresh: null);
    }

    private LogStatus Log(
        string component,
        string topic,
        string directory,
        string broker,
        LogState state = LogState.Idle,
        string? error = null,
        string position = "",
        LedgerAccount? account = null) =>
        new LogStatus(SomeLog.In(directory) with { Component = component, Topic = topic, Broker = broker }, directory, _time, account) 
        {
            Position = position,
            LookedAt = _time.GetTimestamp(),
        }.In(state, error);

    [GeneratedRegex("<[^>]*>")]
    private static partial Regex Tag();
}
