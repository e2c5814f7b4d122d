using System.Globalization;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Commands;

/// <summary>kafkafeeder acknowledge and the ledger, as processes. No broker is needed: nothing listens at port 1 of this host.</summary>
[Trait("lane", "slow")]
public sealed class AcknowledgeTests : IDisposable
{
    private const string Strace = "/usr/bin/strace";
    private readonly TempFolder _folder = new();
    private readonly StateDirectory _state;

    public AcknowledgeTests()
    {
        Directory.CreateDirectory(Logs);
        _folder.Write("conf.yaml", $$"""
            log_dir: {{Logs}}
            checkpoint_dir: {{_folder.File("state/checkpoint")}}
            journal_dir: {{_folder.File("state/journal")}}
            kafka_brokers: { kafka: { brokers: ["127.0.0.1:1"], transport: client } }
            watcher: { interval: 1 }
            status: { listen: "off" }
            """);
        _state = new StateDirectory(_folder.File("state/checkpoint"), _folder.File("state/journal"));
        _state.Create();
    }

    private string Logs => _folder.File("logs");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Acknowledge_lists_what_it_acknowledged_and_nothing_is_left_the_next_time()
    {
        Assert.Equal((ExitCode.Ok, "Nothing to acknowledge.\n", ""), Run("acknowledge"));
        var ledger = Ledger();
        ledger.Add(LedgerKind.Rejected, Logs, Segment("orders"), 0, 10, 3, "too large");
        ledger.Add(LedgerKind.Lost, Logs, Segment("bills"), 0, 50, 0, "gone");

        Assert.Equal((ExitCode.Ok, "Nothing to acknowledge for stock.\n", ""), Run("acknowledge", "--log", "stock"));
        var (exitCode, output, _) = Run("acknowledge", "--log", "orders");
        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal($"acknowledged: orders in {Logs}: 3 records refused, 0 B damaged, 0 B torn, 0 B lost\n", output);
        const string Bills = "0 records refused, 0 B damaged, 0 B torn, 50 B lost";
        Assert.Contains($"acknowledged: bills in {Logs}: {Bills}", Run("acknowledge").Output, StringComparison.Ordinal);
        Assert.Equal("Nothing to acknowledge.\n", Run("acknowledge").Output);
        Assert.Equal(new LedgerSums(3, 0, 0, 0), Ledger().AccountOf(Logs, "orders").Counts.Total);
    }

    [Fact]
    public void Acknowledge_without_access_to_the_ledger_reports_permission_denied()
    {
        Ledger().Add(LedgerKind.Lost, Logs, Segment("bills"), 0, 50, 0, "gone");
        File.SetUnixFileMode(_folder.Path, CommonRights.PassThrough);
        var (exitCode, output, errors) = CommonRights.RunAsNobody(
            RunningProgram.Kafkafeeder, "acknowledge", "-c", _folder.File("conf.yaml"));
        Assert.Equal((ExitCode.Failed, ""), (exitCode, output));
        Assert.Equal(
            $"{_state.LedgerPath}: Permission denied. Nothing is acknowledged. Run this as the daemon's user, or as root.\n", errors);
    }

    [Fact]
    public void A_daemon_is_degraded_until_its_losses_are_acknowledged_and_keeps_their_totals()
    {
        _folder.Write("logs/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka } }\n");
        Ledger().Add(LedgerKind.Lost, Logs, Segment("orders"), 0, 50, 0, "gone");
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        const string Open = "degraded: orders: idle: not acknowledged: 0 records refused, 0 B damaged, 50 B lost";
        daemon.Until(() => Health().Contains(Open, StringComparison.Ordinal), "it counts what an earlier run lost");
        var (exitCode, output, _) = Run("status");
        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains("not acknowledged: 0 records refused, 0 B damaged, 50 B lost", output, StringComparison.Ordinal);

        Assert.Equal(ExitCode.Ok, Run("acknowledge", "--log", "orders").ExitCode);
        daemon.Until(() => Run("status").ExitCode == ExitCode.Ok, "the daemon has seen it");
        Assert.Equal("ok\n", Health());
        var log = JsonDocument.Parse(Run("status", "--json").Output).RootElement.GetProperty("logs")[0];
        Assert.Equal(50, log.GetProperty("lostBytes").GetInt64());
        Assert.Equal(0, log.GetProperty("unacknowledged").GetProperty("incidents").GetInt64());
        Assert.Equal(0, daemon.Stop());
    }

    /// <summary>A process holds the lock while it adds a line. Another one waits for the lock, and its line comes after.</summary>
    [Fact]
    public void A_process_waits_to_add_a_line_while_another_adds_one()
    {
        var ledger = Ledger();
        ledger.Add(LedgerKind.Lost, Logs, Segment("orders"), 0, 50, 0, "gone");
        RunningProgram waiting;
        using (LedgerLock.Take(_state.CheckpointDirectory))
        {
            waiting = new RunningProgram(RunningProgram.Kafkafeeder, "acknowledge", "-c", _folder.File("conf.yaml"));
            waiting.Until(() => IsBlocked(waiting.Id), "it waits for the lock");
            File.AppendAllText(_state.LedgerPath, File.ReadAllText(_state.LedgerPath)); // as another one does meanwhile
        }

        using (waiting)
        {
            Assert.Equal(ExitCode.Ok, waiting.WaitForEnd());
        }

        Assert.Equal(["lost", "lost", "acknowledged"], Kinds());
    }

    [Fact]
    public async Task Two_processes_that_add_lines_at_once_lose_and_tear_none()
    {
        const int Rounds = 8;
        const int MaxAdded = 20_000; // where fsync costs nothing: too few for a new ledger file
        using var isOver = new CancellationTokenSource();
        var added = 0;
        var adding = Task.Run(
            () =>
            {
                var ledger = Ledger();
                while (!isOver.IsCancellationRequested && added < MaxAdded)
                {
                    ledger.Add(LedgerKind.Lost, Logs, Segment("orders"), added, ++added, 0, new string('x', 500));
                }
            },
            TestContext.Current.CancellationToken);
        var acknowledged = Enumerable.Range(0, Rounds)
            .Count(_ => Run("acknowledge").Output.StartsWith("acknowledged", StringComparison.Ordinal));
        await isOver.CancelAsync();
        await adding;

        Assert.InRange(added, Rounds, int.MaxValue);
        Assert.Equal((added, acknowledged), (Kinds().Count(k => k == "lost"), Kinds().Count(k => k == "acknowledged")));
        Assert.Equal(added, Ledger().AccountOf(Logs, "orders").Counts.Total.Lost);
    }

    /// <summary>The daemon refuses header names that are not UTF-8 by itself: it needs no brokers for that.</summary>
    [Fact]
    public void All_refused_records_of_a_batch_share_one_fsync()
    {
        const int Records = 200;
        Assert.SkipUnless(File.Exists(Strace), "strace is not installed.");
        _folder.Write("logs/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka } }\n");
        var log = new LogWriterOptions { Directory = Logs, Component = "orders", Linger = TimeSpan.FromMinutes(1) };
        using (var writer = new LogWriter(log))
        {
            RecordHeader[] headers = [new((byte[])[0xFF], (byte[])[1])];
            for (var i = 0; i < Records; i++)
            {
                writer.Append(new NewRecord(1_700_000_000_000, "value"u8) { Headers = headers });
            }
        }

        var trace = _folder.File("trace");
        var (exitCode, _, errors) = RunningProgram.Run(
            Strace, "-f", "-y", "-e", "trace=fsync", "-o", trace, RunningProgram.Kafkafeeder, "drain", "-c", _folder.File("conf.yaml"));
        Assert.SkipWhen(errors.Contains("PTRACE", StringComparison.Ordinal), "strace may not trace here");
        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.Equal(Records, Kinds().Count(k => k == "rejected"));
        var synced = File.ReadAllLines(trace).Where(l => l.Contains("fsync(", StringComparison.Ordinal)).ToList();
        var ledger = synced.FindIndex(l => l.Contains("ledger.jsonl>", StringComparison.Ordinal));
        Assert.Single(synced, l => l.Contains("ledger.jsonl>", StringComparison.Ordinal));
        Assert.Single(synced, l => l.Contains("/rejected/", StringComparison.Ordinal) && l.Contains(".szn>", StringComparison.Ordinal));
        Assert.Contains(synced[..ledger], l => l.Contains(".szn>", StringComparison.Ordinal)); // first the record, then its ledger entry
    }

    private static bool IsBlocked(int id) => File.ReadLines("/proc/locks").Any(l =>
        l.Contains("-> FLOCK", StringComparison.Ordinal)
        && l.Split(' ', StringSplitOptions.RemoveEmptyEntries).Contains(id.ToString(CultureInfo.InvariantCulture)));

    private static string Segment(string component) => $"20261124_100000_3600_UTC-{component}.szn";

    private Ledger Ledger() => new(_state.LedgerPath, TimeProvider.System);

    private List<string> Kinds() =>
        [.. File.ReadAllLines(_state.LedgerPath).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("kind").GetString()!)];

    private string Health() => Run("health").Output;

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments) =>
        RunningProgram.Run(RunningProgram.Kafkafeeder, [.. arguments, "-c", _folder.File("conf.yaml")]);
}
