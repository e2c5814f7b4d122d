using System.Text.Json;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Losses;

public sealed class LedgerTests : IDisposable
{
    private const string Logs = "/var/log";
    private const string Segment = "20261121_100000_3600_UTC-orders.szn";
    private const string OtherSegment = "20261121_100000_3600_UTC-bills.szn";
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private string LedgerPath => _folder.File("ledger.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_entry_is_one_line_of_JSON()
    {
        new Ledger(LedgerPath, _time).Add(LedgerKind.Torn, "/var/log", "a.szn", 5, 9, 0, "a \"reason\"\nof two lines");
        var line = Assert.Single(File.ReadAllLines(LedgerPath));
        Assert.Equal(
            """{"time":"2026-11-21T10:00:00+00:00","kind":"torn","directory":"/var/log","segment":"a.szn","position":5,"""
                + "\"endPosition\":9,\"records\":0,\"reason\":\"a \\\"reason\\\"\\nof two lines\"}",
            line);
    }

    [Fact]
    public void A_line_cut_short_by_a_crash_does_not_damage_the_next_line()
    {
        var ledger = new Ledger(LedgerPath, _time);
        Add(ledger, "first");
        var whole = File.ReadAllBytes(LedgerPath);
        for (var bytes = 0; bytes <= whole.Length; bytes++)
        {
            File.WriteAllBytes(LedgerPath, whole[..bytes]);
            Add(ledger, "second");
            var last = File.ReadAllLines(LedgerPath)[^1];
            Assert.Equal("second", JsonDocument.Parse(last).RootElement.GetProperty("reason").GetString());
        }
    }

    [Fact]
    public void Several_threads_each_add_whole_lines()
    {
        var ledger = new Ledger(LedgerPath, _time);
        Parallel.For(0, 40, i => Add(ledger, $"entry {i}"));
        var reasons = File.ReadAllLines(LedgerPath).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("reason").GetString());
        Assert.Equal(40, reasons.Distinct().Count());
    }

    [Fact]
    public void The_next_run_has_the_same_counts()
    {
        var ledger = new Ledger(LedgerPath, _time);
        ledger.Add(LedgerKind.Rejected, Logs, Segment, 0, 10, 1, "too large");
        ledger.Add(LedgerKind.Rejected, Logs, Segment, 10, 20, 1, "too large");
        ledger.Add(LedgerKind.Torn, Logs, Segment, 20, 23, 0, "torn");
        ledger.Add(LedgerKind.Damaged, Logs, Segment, 30, 100, 0, "no batch");
        ledger.Add(LedgerKind.Lost, Logs, Segment, 100, 150, 0, "gone");
        ledger.Add(LedgerKind.Vanished, Logs, Segment, 100, 150, 0, "gone after it was shipped");
        var sums = new LedgerSums(2, 3, 70, 50);
        var expected = new LedgerCounts(sums, sums, 4);
        Assert.Equal(expected, ledger.AccountOf(Logs, "orders").Counts);
        Assert.Equal(expected, Reopened());
        Assert.Equal(LedgerCounts.None, new Ledger(LedgerPath, _time).AccountOf("/elsewhere", "orders").Counts);
    }

    [Fact]
    public void An_acknowledgement_by_another_process_counts_in_this_run_and_in_the_next()
    {
        var running = new Ledger(LedgerPath, _time);
        running.Add(LedgerKind.Lost, Logs, Segment, 100, 150, 0, "gone");
        var (log, counts) = Assert.Single(new Ledger(LedgerPath, _time).Acknowledge(null, "somebody"));
        Assert.Equal((Logs, "orders", 50), (log.Directory, log.Component, counts.Unacknowledged.Lost));
        running.CatchUp();
        Assert.Equal(new LedgerCounts(new LedgerSums(0, 0, 0, 50), default, 0), running.AccountOf(Logs, "orders").Counts);
        Assert.Equal(running.AccountOf(Logs, "orders").Counts, Reopened());
        Assert.Empty(running.Acknowledge(null, "somebody"));
        Assert.Equal(2, File.ReadAllLines(LedgerPath).Length);

        running.Add(LedgerKind.Lost, Logs, Segment, 150, 151, 0, "gone");
        Assert.Equal(new LedgerCounts(new LedgerSums(0, 0, 0, 51), new LedgerSums(0, 0, 0, 1), 1), Reopened());
    }

    [Fact]
    public void Only_the_given_component_is_acknowledged()
    {
        var ledger = new Ledger(LedgerPath, _time);
        ledger.Add(LedgerKind.Lost, Logs, Segment, 0, 5, 0, "gone");
        Assert.Empty(ledger.Acknowledge("bills", "somebody"));
        Assert.Equal(1, Reopened().Incidents);
        Assert.Single(ledger.Acknowledge("orders", "somebody"));
        Assert.Equal(0, Reopened().Incidents);
    }

    [Fact]
    public void The_ledger_file_is_bounded_and_no_count_is_lost()
    {
        var ledger = new Ledger(LedgerPath, _time, maxBytes: 2_000);
        for (var i = 0; i < 100; i++)
        {
            ledger.Add(LedgerKind.Damaged, Logs, Segment, i, i + 2, 0, "no batch");
            Assert.InRange(new FileInfo(LedgerPath).Length, 1, 2_500);
            Assert.Equal(2 * (i + 1), Reopened().Total.Damaged);
        }

        Assert.InRange(new FileInfo(ledger.OlderPath).Length, 2_000, 2_500);
        Assert.Equal(2, Directory.GetFiles(_folder.Path).Length);
    }

    [Fact]
    public void A_new_ledger_file_begins_with_the_totals_of_each_log_and_each_kind()
    {
        var ledger = new Ledger(LedgerPath, _time);
        AddEachKind(ledger, Segment);
        AddEachKind(ledger, OtherSegment);
        Assert.Single(ledger.Acknowledge("orders", "somebody"));
        AddEachKind(ledger, Segment);
        var sums = new LedgerSums(2, 3, 70, 50);
        LedgerCounts[] expected = [new LedgerCounts(new LedgerSums(4, 6, 140, 100), sums, 3), new LedgerCounts(sums, sums, 3)];
        Assert.Equal(expected, CountsOf(ledger));

        new Ledger(LedgerPath, _time, maxBytes: 1).Add(LedgerKind.Vanished, Logs, Segment, 0, 9, 0, "counts for nothing");
        var kinds = File.ReadAllLines(LedgerPath).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("kind").GetString());
        Assert.Equal(["total", "total", "vanished"], kinds);
        Assert.Equal(expected, CountsOf(new Ledger(LedgerPath, _time)));
        ledger.CatchUp(); // also in the process that goes on
        Assert.Equal(expected, CountsOf(ledger));
    }

    [Fact]
    public void The_totals_of_a_new_ledger_file_include_lines_of_other_processes()
    {
        var rotating = new Ledger(LedgerPath, _time, maxBytes: 1);
        new Ledger(LedgerPath, _time).Add(LedgerKind.Lost, Logs, Segment, 0, 5, 0, "gone");
        rotating.Add(LedgerKind.Lost, Logs, Segment, 5, 6, 0, "gone");
        Assert.True(File.Exists(rotating.OlderPath));
        Assert.Equal(6, Reopened().Total.Lost);
        Assert.Equal(6, rotating.AccountOf(Logs, "orders").Counts.Total.Lost);
    }

    [Fact]
    public void An_acknowledgement_of_one_log_does_not_change_other_logs()
    {
        var ledger = new Ledger(LedgerPath, _time);
        AddEachKind(ledger, Segment);
        AddEachKind(ledger, OtherSegment);
        var before = CountsOf(ledger);
        Assert.Equal("orders", Assert.Single(ledger.Acknowledge("orders", "somebody")).Key.Component);
        Assert.Equal([before[0].Acknowledged(), before[1]], CountsOf(ledger));
        Assert.Equal([before[0].Acknowledged(), before[1]], CountsOf(new Ledger(LedgerPath, _time)));
    }

    [Fact]
    public void A_crash_at_any_step_of_a_rotation_keeps_the_counts()
    {
        var ledger = new Ledger(LedgerPath, _time);
        ledger.Add(LedgerKind.Damaged, Logs, Segment, 0, 10, 0, "no batch");
        var old = File.ReadAllBytes(LedgerPath);
        new Ledger(LedgerPath, _time, maxBytes: 1).Add(LedgerKind.Damaged, Logs, Segment, 10, 11, 0, "no batch");
        var rotated = File.ReadAllLines(LedgerPath)[0] + "\n";
        Assert.Equal(old, File.ReadAllBytes(ledger.OlderPath));

        (byte[]? Older, byte[]? New)[] steps =
            [(null, old[..5]), (null, old), (old, null), (old, "{"u8.ToArray()), (old, System.Text.Encoding.UTF8.GetBytes(rotated))];
        foreach (var (older, unfinished) in steps)
        {
            File.Delete(ledger.OlderPath);
            File.WriteAllBytes(LedgerPath, old);
            Put(ledger.OlderPath, older);
            Put(LedgerPath + ".new", unfinished);
            Assert.Equal(10, Reopened().Total.Damaged);
            new Ledger(LedgerPath, _time, maxBytes: 1).Add(LedgerKind.Damaged, Logs, Segment, 10, 11, 0, "no batch");
            Assert.Equal(11, Reopened().Total.Damaged);
            Assert.Equal(2, Reopened().Incidents);
        }
    }

    private static void Put(string path, byte[]? bytes)
    {
        if (bytes is not null)
        {
            File.WriteAllBytes(path, bytes);
        }
    }

    private static void AddEachKind(Ledger ledger, string segment) => ledger.Add(
    [
        new LedgerEntry(LedgerKind.Rejected, Logs, segment, 0, 10, 2, "too large"),
        new LedgerEntry(LedgerKind.Torn, Logs, segment, 20, 23, 0, "torn"),
        new LedgerEntry(LedgerKind.Damaged, Logs, segment, 30, 100, 0, "no batch"),
        new LedgerEntry(LedgerKind.Lost, Logs, segment, 100, 150, 0, "gone"),
    ]);

    private static LedgerCounts[] CountsOf(Ledger ledger) =>
        [ledger.AccountOf(Logs, "orders").Counts, ledger.AccountOf(Logs, "bills").Counts];

    private LedgerCounts Reopened() => new Ledger(LedgerPath, _time).AccountOf(Logs, "orders").Counts;

    private static void Add(Ledger ledger, string reason) => ledger.Add(LedgerKind.Damaged, "/var/log", "a.szn", 5, 9, 0, reason);
}
