using System.Text.Json;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping;

public sealed class LedgerTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();

    private string LedgerPath => _folder.File("ledger.jsonl");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_entry_is_a_line_of_JSON()
    {
        new Ledger(LedgerPath, _time).Add(LedgerKind.Torn, "/var/log", "a.szn", 5, 9, 0, "a \"reason\"\nof two lines");
        var line = Assert.Single(File.ReadAllLines(LedgerPath));
        Assert.Equal("""{"time":"2026-11-21T10:00:00+00:00","kind":"torn","directory":"/var/log","segment":"a.szn","position":5,"endPosition":9,"records":0,"reason":"a \"reason\"\nof two lines"}""", line);
    }

    [Fact]
    public void A_line_that_a_crash_cut_short_does_not_spoil_the_next()
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

    private static void Add(Ledger ledger, string reason) => ledger.Add(LedgerKind.Damaged, "/var/log", "a.szn", 5, 9, 0, reason);
}
