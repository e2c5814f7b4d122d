using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Commands;

/// <summary>The commands as processes, without brokers: nothing listens at port 1 of this host.</summary>
[Trait("lane", "slow")]
public sealed class CommandTests : IDisposable
{
    private const string Entry = "topics: { orders: { topic: t, broker: kafka } }\n";
    private readonly TempFolder _folder = new();

    public CommandTests() => Configure("127.0.0.1:1");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("127.0.0.1:1", "Connection refused")]
    [InlineData("no-such-host.invalid:9092", "Failed to resolve")]
    public void Check_reports_why_brokers_do_not_answer_within_seconds(string broker, string cause)
    {
        Configure(broker);
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        var began = Stopwatch.GetTimestamp();
        var (exitCode, _, errors) = Run("check");
        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains(cause, errors, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }

    [Fact]
    public void Check_reports_unclaimed_segments()
    {
        _folder.Write("logs/kafkafeeder.yaml", "topics: { order: { topic: t, broker: kafka } }\n");
        Segment("orders");
        var (exitCode, output, errors) = Run("check", "--offline");
        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains($"unclaimed segments: 1 file, 100 B of component orders in {_folder.File("logs")} (did you mean "
            + $"order?)", errors, StringComparison.Ordinal);
        Assert.Contains(": 1 problem\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Drain_without_logs_ends_at_once() => Assert.Equal(ExitCode.Ok, Run("drain").ExitCode);

    [Theory]
    [InlineData("topics: { orders: { topic: t } }\n", "left: .*broker is missing")] // an entry that is broken
    [InlineData("topics: { orders: { topic: t,", "left: .*not valid YAML")] // a file that is half written
    [InlineData("topics: { order: { topic: t, broker: kafka } }\n", @"left: unclaimed segments: 1 file, 100 B of component orders")]
    [InlineData(null, @"left: unclaimed segments: 1 file")]
    public void Drain_reports_segments_of_broken_or_missing_entries_as_left(string? yaml, string left)
    {
        if (yaml is not null)
        {
            _folder.Write("logs/kafkafeeder.yaml", yaml);
        }

        Segment("orders");
        var (exitCode, _, errors) = Run("drain");
        Assert.Equal(ExitCode.Left, exitCode);
        Assert.Matches(left, errors);
    }

    [Fact]
    public void Drain_reports_a_missing_log_dir_as_left()
    {
        Directory.Delete(_folder.File("logs"));
        var (exitCode, _, errors) = Run("drain");
        Assert.Equal(ExitCode.Left, exitCode);
        Assert.Contains("left: " + _folder.File("logs") + ": this log_dir does not exist", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Drain_ends_at_its_timeout_and_says_what_is_left()
    {
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        SomeLog.Segment(_folder.File("logs"));
        var began = Stopwatch.GetTimestamp();
        var (exitCode, _, errors) = Run("drain", "--timeout", "2");
        Assert.Equal(ExitCode.Left, exitCode);
        Assert.Contains($"left: orders in {_folder.File("logs")}: ", errors, StringComparison.Ordinal);
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(8));
    }

    [Fact]
    public void Status_without_a_daemon_is_still_JSON_with_the_json_option()
    {
        var (exitCode, output, _) = Run("status", "--json");
        Assert.Equal(ExitCode.NotRunning, exitCode);
        Assert.StartsWith(
            "No daemon answers", JsonDocument.Parse(output).RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Status_without_access_to_the_state_reports_permission_denied()
    {
        Assert.Equal(ExitCode.Ok, Run("drain").ExitCode);
        File.SetUnixFileMode(_folder.Path, CommonRights.PassThrough);
        File.SetUnixFileMode(_folder.File("state"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var (exitCode, output, errors) = CommonRights.RunAsNobody(
            RunningProgram.Kafkafeeder, "status", "-c", _folder.File("conf.yaml"));
        Assert.Equal(ExitCode.NotRunning, exitCode);
        Assert.StartsWith("No daemon answers: ", errors, StringComparison.Ordinal);
        Assert.Equal(
            $"{_folder.File("state/checkpoint")}: Permission denied. Run this as the daemon's user, or as root.\n", output);
    }

    [Fact]
    public void A_log_that_another_daemon_ships_is_never_called_shipped()
    {
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        SomeLog.Segment(_folder.File("logs"));
        using var holder = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        holder.Until(
            () => JsonNode.Parse(Run("status", "--json").Output)?["logs"] is JsonArray { Count: 1 } logs && (long?)logs[0]?["lagBytes"] > 0,
            "it has a lag");
        _folder.Write("second.yaml", File.ReadAllText(_folder.File("conf.yaml")).Replace("/state/", "/second/", StringComparison.Ordinal));
        using (var second = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("second.yaml")))
        {
            string Status() => RunningProgram.Run(RunningProgram.Kafkafeeder, "status", "-c", _folder.File("second.yaml")).Output;
            second.Until(() => Status().Contains(" failed ", StringComparison.Ordinal), "it cannot have the log");
            Assert.Matches(@"^orders +failed +\? ", Status().Split('\n')[1]);
            Assert.Equal(0, second.Stop());
            Assert.Contains("Stopped. Logs: 1; bytes left to ship: 0; logs not examined yet: 1\n", second.Errors, StringComparison.Ordinal);
        }

        var (exitCode, _, errors) = RunningProgram.Run(
            RunningProgram.Kafkafeeder, "drain", "--timeout", "2", "-c", _folder.File("second.yaml"));
        Assert.Equal(ExitCode.Left, exitCode);
        Assert.Contains($"left: orders in {_folder.File("logs")}: not examined yet: ", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void At_a_stop_a_segment_removed_while_it_was_read_is_reported_as_gone_and_not_as_left()
    {
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        Configure("127.0.0.1:1", transport: "client"); // which takes batches before it knows any broker
        var segment = SomeLog.Segment(_folder.File("logs"));
        var bytes = new FileInfo(segment).Length;
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        long? OfLog(string name) => JsonNode.Parse(Run("status", "--json").Output)?["logs"] is JsonArray { Count: 1 } logs
            ? (long?)logs[0]?[name]
            : null;
        daemon.Until(() => OfLog("inFlightBytes") > 0, "it is being read");
        Assert.Equal(0, OfLog("missingBytes"));
        File.Delete(segment);
        daemon.Until(() => OfLog("missingBytes") == bytes, "its removal is seen");
        Assert.Contains("1 segment with", Run("status").Output, StringComparison.Ordinal);
        Assert.Equal(0, daemon.Stop());
        Assert.Contains(
            $"Stopped. Logs: 1; bytes left to ship: 0; bytes of segments that are gone, lost unless they come back: {bytes}\n",
            daemon.Errors,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("security.protocol")]
    [InlineData("compression.codec")]
    [InlineData("debug")]
    public void A_filled_in_secret_is_hidden_in_every_message_of_the_client_library(string property)
    {
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        SomeLog.Segment(_folder.File("logs"));
        _folder.Write("secret", "topsecretvalue\n");
        Configure("127.0.0.1:1", properties: $"{property}: '${{file:{_folder.File("secret")}}}'");
        var check = Run("check");
        Assert.Contains("conf.yaml: kafka_brokers.kafka.properties: ", check.Errors, StringComparison.Ordinal);
        Assert.Contains("(hidden)", check.Errors, StringComparison.Ordinal);
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        daemon.Until(() => Run("status").Output.Contains(" held ", StringComparison.Ordinal), "the log is held");
        var (status, json, health) = (Run("status"), Run("status", "--json"), Run("health"));
        Assert.Equal(0, daemon.Stop());
        Assert.Contains("(hidden)", status.Output, StringComparison.Ordinal);
        Assert.Contains("(hidden)", daemon.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain(
            "topsecret",
            check.Errors + check.Output + status.Output + json.Output + health.Output + daemon.Errors,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Check_verifies_the_state_directories_as_the_daemon_does()
    {
        Directory.CreateDirectory(_folder.File("state/checkpoint"));
        File.SetUnixFileMode(_folder.File("state/checkpoint"), (UnixFileMode)Convert.ToInt32("777", 8));
        var (exitCode, _, errors) = Run("check", "--offline");
        Assert.Equal(ExitCode.Failed, exitCode);
        Assert.Contains($"checkpoint_dir {_folder.File("state/checkpoint")} may be written by everybody", errors, StringComparison.Ordinal);

        _folder.Write("conf.yaml", File.ReadAllText(_folder.File("conf.yaml")).Replace(
            _folder.File("state/journal"), "/proc/nothing/journal", StringComparison.Ordinal));
        Assert.Contains(
            "journal_dir /proc/nothing/journal cannot be created: ", Run("check", "--offline").Errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.File("state/checkpoint")));
    }

    [Fact]
    public void Check_shows_every_setting_in_force_with_its_default()
    {
        _folder.Write("logs/kafkafeeder.yaml", Entry);
        Configure("127.0.0.1:1", properties: "sasl.username: someone, sasl.password: topsecret");
        var (exitCode, output, _) = Run("check", "--offline", "--show");
        Assert.Equal(ExitCode.Ok, exitCode);
        Assert.StartsWith($"# {_folder.File("conf.yaml")}\nlog_dir: {_folder.File("logs")}\n", output, StringComparison.Ordinal);
        Assert.Contains("\nwatcher.interval: 1s\n", output, StringComparison.Ordinal); // as it is set
        Assert.Contains("\nshipper.memory_limit: 96MiB\n", output, StringComparison.Ordinal); // by default
        Assert.Contains($"\n# log orders in {_folder.File("logs")}\ntopic: ", output, StringComparison.Ordinal);
        Assert.DoesNotContain("topsecret", output, StringComparison.Ordinal);
        Assert.EndsWith("all well\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Check_does_not_create_the_state_directories()
    {
        Assert.Equal(ExitCode.Ok, Run("check", "--offline").ExitCode);
        Assert.Equal(["conf.yaml", "logs"], Directory.GetFileSystemEntries(_folder.Path).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("status", ">/dev/full", ExitCode.NoOutput)]
    [InlineData("status", ">&-", ExitCode.NoOutput)]
    [InlineData("check", ">/dev/full", ExitCode.NoOutput)]
    [InlineData("--version", ">/dev/full", ExitCode.NoOutput)]
    [InlineData("--help", ">/dev/full", ExitCode.NoOutput)]
    [InlineData("--version", "", ExitCode.Ok)]
    public void Output_that_cannot_be_written_gives_one_line_and_its_own_exit_code(string command, string to, int expected)
    {
        var (exitCode, _, errors) = RunningProgram.Run(
            "/bin/sh", "-c", $"{RunningProgram.Kafkafeeder} {command} -c {_folder.File("conf.yaml")} {to}");
        Assert.Equal(expected, exitCode);
        Assert.DoesNotContain("   at ", errors, StringComparison.Ordinal);
        Assert.Equal(expected != 0, errors.Contains("kafkafeeder: cannot write to standard output: ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("10s", true)]
    [InlineData("1", true)]
    [InlineData("-5", false)]
    [InlineData("-5s", false)]
    [InlineData("abc", false)]
    public void The_timeout_of_drain_is_a_duration(string timeout, bool isGood)
    {
        var (exitCode, _, errors) = Run("drain", $"--timeout={timeout}");
        Assert.Equal(isGood ? ExitCode.Ok : ExitCode.Usage, exitCode);
        Assert.Equal(!isGood, errors.Contains($"--timeout is \"{timeout}\"; expected a duration such as", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("run", "TERM", ExitCode.Ok)]
    [InlineData("drain", "TERM", ExitCode.Left)] // SIGINT may be ignored by the caller of the tests, and then stays ignored
    [InlineData("run", "HUP", null)]
    [InlineData("run", "USR1", null)]
    [InlineData("run", "USR2", null)]
    public void A_signal_during_the_start_does_not_kill_the_daemon(string command, string signal, int? expected)
    {
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, command, "-c", _folder.File("conf.yaml"), "--verbose");
        daemon.Until(() => CatchesSignals(daemon.Id), "it catches signals");
        Assert.DoesNotContain("started", daemon.Errors, StringComparison.Ordinal);
        RunningProgram.Run("kill", $"-{signal}", daemon.Id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (expected is { } code)
        {
            Assert.Equal(code, daemon.WaitForEnd());
        }
        else
        {
            daemon.Until(() => Run("health").ExitCode == ExitCode.Ok, "it runs");
            Assert.Equal(0, daemon.Stop());
        }
    }

    [Fact]
    public void Status_and_health_use_the_socket_when_another_program_has_the_port()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var address = other.LocalEndpoint.ToString()!;
        Configure("127.0.0.1:1", address);
        _folder.Write("logs/kafkafeeder.yaml", "topics: { order: { topic: t, broker: kafka } }\n");
        Segment("orders");
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        var socket = new StateDirectory(_folder.File("state/checkpoint"), _folder.File("state/journal")).StatusSocketPath;
        daemon.Until(() => File.Exists(socket), "it has its socket"); // before that, a request waits 5 s for the other program
        daemon.Until(() => Run("health").ExitCode == ExitCode.Ok, "health is well");
        daemon.Until(
            () => Run("status").Output.Contains("unclaimed segments: 1 file", StringComparison.Ordinal),
            "the status names what nobody ships");
        Assert.Equal(ExitCode.Failed, Run("status").ExitCode); // nothing else is wrong
        Assert.Equal(ExitCode.Failed, Run("status", "--json").ExitCode);

        Assert.Equal(0, daemon.Stop());
        Assert.Contains($"Cannot listen on status.listen {address}", daemon.Errors, StringComparison.Ordinal);
        Assert.Contains("[WRN] unclaimed segments: 1 file", daemon.Errors, StringComparison.Ordinal);
        other.Stop();
        Assert.Equal(ExitCode.Failed, Run("health").ExitCode);
    }

    /// <summary>Without idempotence each window is sent by a blocking call on a thread of the pool.</summary>
    [Fact]
    public async Task Healthz_is_answered_at_once_while_many_logs_ship_with_ack_1()
    {
        using var brokers = new MockBrokers(roundTripMs: 200);
        Configure(brokers.Address, "127.0.0.1:0");
        for (var i = 0; i < 100; i++)
        {
            Directory.CreateDirectory(_folder.File($"logs/{i}"));
            SomeLog.Segment(_folder.File($"logs/{i}"), records: 5_000);
            _folder.Write($"logs/{i}/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka, ack: 1 } }\n");
        }

        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        daemon.Until(() => daemon.Errors.Contains("status http://", StringComparison.Ordinal), "it listens");
        var address = Regex.Match(daemon.Errors, "status (http://[0-9.:]+)").Groups[1].Value;
        using var client = new HttpClient();
        var longest = TimeSpan.Zero;
        var shipped = $"kafkafeeder_shipped_records_total{{log=\"orders\",directory=\"{_folder.File("logs/7")}\",topic=\"t\"}} 5000\n";
        while (!(await client.GetStringAsync($"{address}/metrics")).Contains(shipped, StringComparison.Ordinal))
        {
            var began = Stopwatch.GetTimestamp();
            await client.GetStringAsync($"{address}/healthz");
            longest = TimeSpan.FromTicks(Math.Max(longest.Ticks, Stopwatch.GetElapsedTime(began).Ticks));
            Assert.False(daemon.HasEnded, daemon.Errors);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"longest answer: {longest.TotalMilliseconds} ms");
        // It was 4 s with as many threads as there are cores. What is left is the processor time of a hundred starts.
        Assert.InRange(longest, TimeSpan.Zero, TimeSpan.FromSeconds(2));
    }

    [Fact]
    public void Reload_reads_the_configuration_again_and_reports_its_faults()
    {
        Configure("127.0.0.1:1");
        Assert.Equal(ExitCode.NotRunning, Run("reload").ExitCode);
        using var daemon = new RunningProgram(RunningProgram.Kafkafeeder, "-c", _folder.File("conf.yaml"));
        daemon.Until(() => daemon.Errors.Contains("no log is configured yet", StringComparison.Ordinal)
            || File.Exists(new StateDirectory(_folder.File("state/checkpoint"), "").StatusSocketPath), "it listens");
        _folder.Write("logs/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka } }\n");
        Assert.Equal((ExitCode.Ok, "1 log configured.\n", ""), Run("reload"));

        _folder.Write("logs/kafkafeeder.yaml", "topics: { orders: { topic: t, broker: kafka }, stock: { topic: t, broker: unknown } }\n");
        var (exitCode, output, errors) = Run("reload");
        Assert.Equal((ExitCode.Failed, ""), (exitCode, output));
        Assert.StartsWith($"configuration: {_folder.File("logs/kafkafeeder.yaml")}", errors, StringComparison.Ordinal);
        Assert.EndsWith("\n1 log configured.\n", errors, StringComparison.Ordinal);
    }

    private (int ExitCode, string Output, string Errors) Run(params string[] arguments) =>
        RunningProgram.Run(RunningProgram.Kafkafeeder, [.. arguments, "-c", _folder.File("conf.yaml")]);

    /// <summary>SIGHUP, SIGUSR1, SIGUSR2 and SIGTERM, by the kernel.</summary>
    private static bool CatchesSignals(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").Single(l => l.StartsWith("SigCgt:", StringComparison.Ordinal));
        var caught = Convert.ToUInt64(line["SigCgt:".Length..].Trim(), 16);
        return ((int[])[1, 10, 12, 15]).All(signal => (caught & (1UL << (signal - 1))) != 0);
    }

    private void Segment(string component) => _folder.Write($"logs/20261124_100000_3600_UTC-{component}.szn", new string('x', 100));

    private void Configure(string broker, string listen = "off", string properties = "", string transport = "auto")
    {
        Directory.CreateDirectory(_folder.File("logs"));
        _folder.Write("conf.yaml", $$"""
            log_dir: {{_folder.File("logs")}}
            checkpoint_dir: {{_folder.File("state/checkpoint")}}
            journal_dir: {{_folder.File("state/journal")}}
            kafka_brokers: { kafka: { brokers: ["{{broker}}"], properties: { {{properties}} }, transport: {{transport}} } }
            watcher: { interval: 1 }
            status: { listen: "{{listen}}" }
            """);
    }
}
