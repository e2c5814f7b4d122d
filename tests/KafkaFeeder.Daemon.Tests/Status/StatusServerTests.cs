using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Commands;
using KafkaFeeder.Daemon.Control;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Hosting;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Status;

public sealed class StatusServerTests : IAsyncLifetime
{
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly HttpClient _client = new();
    private readonly FeederStatus _status;
    private readonly LogLines _lines = new();
    private readonly FeederOptions _options;
    private readonly string _socket;
    private readonly StatusServer _server;
    private readonly List<DaemonCommand> _commands = [];

    public StatusServerTests()
    {
        _options = new FeederOptions
        {
            SourceFile = "conf.yaml",
            LogDir = _folder.Path,
            CheckpointDir = _folder.File("checkpoint"),
            JournalDir = _folder.File("journal"),
            BrokerGroups = new Dictionary<string, BrokerGroupOptions>(),
            Status = new StatusOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) },
        };
        var options = _options;
        var state = new StateDirectory(options.CheckpointDir, options.JournalDir);
        state.Create();
        _status = new FeederStatus(_time);
        _socket = state.StatusSocketPath;
        _server = new StatusServer(options, _status, _commands, _socket, _lines, _time);
    }

    public async ValueTask InitializeAsync()
    {
        await _server.StartAsync(CancellationToken.None);
        _client.BaseAddress = new Uri(_server.Address!);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _client.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task The_daemon_is_ready_when_the_first_scan_is_done()
    {
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _client.GetAsync("/readyz")).StatusCode);
        _status.Scanned();
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/readyz")).StatusCode);
    }

    [Fact]
    public async Task Healthz_names_a_stalled_loop_and_fails_when_every_log_is_stalled()
    {
        using var watcher = _status.Loops.Enter("the watcher");
        using var shipper = _status.Loops.Enter("the shipper of orders", LoopKind.Log);
        watcher.Idle(TimeSpan.FromMinutes(3));
        shipper.Idle(TimeSpan.FromMinutes(10));
        _time.Advance(TimeSpan.FromMinutes(8));
        Assert.Equal("ok\n", await _client.GetStringAsync("/healthz"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stalled: the watcher has made no progress for 5 min\n", await _client.GetStringAsync("/healthz"));
        watcher.MadeProgress();
        _time.Advance(TimeSpan.FromMinutes(7));
        watcher.MadeProgress();
        var answer = await _client.GetAsync("/healthz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("stalled: the shipper of orders has made no progress for 5 min\n", await answer.Content.ReadAsStringAsync());
        shipper.MadeProgress();
        Assert.Equal("ok\n", await _client.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task Connections_to_the_TCP_port_do_not_block_the_command_socket()
    {
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_socket));
        var kept = new List<TcpClient>();
        for (var i = 0; i < 200; i++)
        {
            kept.Add(new TcpClient("127.0.0.1", _client.BaseAddress!.Port));
        }

        Assert.True(DaemonClient.TryGet(_options, "/healthz", out var answer));
        Assert.Equal((true, "ok\n"), (answer.IsWell, answer.Text));
        kept.ForEach(c => c.Dispose());
    }

    [Fact]
    public async Task A_command_runs_over_the_socket_and_not_over_TCP()
    {
        var ran = 0;
        _commands.Add(new DaemonCommand("count", _ => Task.FromResult(new CommandResult(++ran == 1, $"run {ran}\n"))));
        Assert.True(DaemonClient.TryRun(_options, "count", out var answer, TimeSpan.FromSeconds(10)));
        Assert.Equal((true, "run 1\n"), (answer.IsWell, answer.Text));
        Assert.True(DaemonClient.TryRun(_options, "count", out answer, TimeSpan.FromSeconds(10)));
        Assert.Equal((false, "run 2\n"), (answer.IsWell, answer.Text));

        var overTcp = await _client.PostAsync(DaemonCommand.PathOf("count"), null);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, overTcp.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _client.GetAsync(DaemonCommand.PathOf("count"))).StatusCode);
        Assert.True(DaemonClient.TryRun(_options, "unknown", out answer, TimeSpan.FromSeconds(10)));
        Assert.False(answer.IsWell);
        Assert.Equal(2, ran);
    }

    [Fact]
    public async Task A_command_that_waits_when_the_daemon_stops_is_answered()
    {
        var began = new TaskCompletionSource();
        _commands.Add(new DaemonCommand("wait", async cancellation =>
        {
            began.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
            return new CommandResult(true, "");
        }));
        var running = Task.Run(() =>
        {
            Assert.True(DaemonClient.TryRun(_options, "wait", out var answer, TimeSpan.FromSeconds(30)));
            return answer;
        });
        await began.Task;
        await _server.DisposeAsync();
        Assert.Equal((false, "The daemon is stopping.\n"), ((await running).IsWell, (await running).Text));
    }

    [Fact]
    public async Task A_socket_that_a_killed_daemon_left_is_replaced()
    {
        var options = _options with { CheckpointDir = _folder.File("second"), Status = new StatusOptions { Listen = null } };
        Assert.False(DaemonClient.TryGet(options, "/healthz", out var none));
        Assert.StartsWith("No daemon answers", none.Text, StringComparison.Ordinal);

        Directory.CreateDirectory(options.CheckpointDir);
        var socket = new StateDirectory(options.CheckpointDir, options.JournalDir).StatusSocketPath;
        await File.WriteAllTextAsync(socket, "");
        await using var second = new StatusServer(options, _status, [], socket, _lines, _time);
        await second.StartAsync(CancellationToken.None);
        Assert.True(DaemonClient.TryGet(options, "/healthz", out _));
    }

    /// <summary>A user without access to the socket asks over TCP. Two daemons with one status.listen are a common mistake.</summary>
    [Fact]
    public void Over_TCP_a_daemon_with_another_state_directory_does_not_count()
    {
        File.Delete(_socket);
        var own = _options with { Status = new StatusOptions { Listen = IPEndPoint.Parse(_client.BaseAddress!.Authority) } };
        Assert.True(DaemonClient.TryGet(own, "/healthz", out _));
        Directory.CreateSymbolicLink(_folder.File("link"), own.CheckpointDir);
        Assert.True(DaemonClient.TryGet(own with { CheckpointDir = _folder.File("link") }, "/healthz", out _));

        var other = own with { CheckpointDir = _folder.File("other") };
        Assert.False(DaemonClient.TryGet(other, "/healthz", out var answer));
        Assert.False(answer.IsWell);
        Assert.StartsWith(
            $"No daemon answers for this configuration: a daemon with a different checkpoint_dir listens on "
                + $"{own.Status.Listen}",
            answer.Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_answer_does_not_show_the_path_of_the_state_directory()
    {
        using var answer = await _client.GetAsync("/healthz");
        Assert.DoesNotContain(_folder.Path, answer.Headers.ToString(), StringComparison.Ordinal);
        Assert.Matches("^[0-9a-f]{32}$", answer.Headers.GetValues("X-Kafkafeeder-State").Single());
    }

    [Fact]
    public async Task A_port_in_use_is_reported_once_and_tried_again_every_minute()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var options = _options with { Status = new StatusOptions { Listen = (IPEndPoint)other.LocalEndpoint } };
        await using var server = new StatusServer(options, _status, [], _folder.File("second"), _lines, _time);
        await server.StartAsync(CancellationToken.None);
        Assert.Null(server.Address);
        Assert.Contains($"Cannot listen on status.listen {other.LocalEndpoint}: ", Assert.Single(_lines.Of(453)), StringComparison.Ordinal);

        other.Stop();
        await Eventually.HoldsAsync(
            () =>
            {
                _time.Advance(StatusServer.RetryInterval);
                return server.Address is not null;
            },
            what: "the port is had");
        Assert.Single(_lines.Of(453));
        await Eventually.HoldsAsync(() => _lines.Of(454).Length == 1);
    }

    [Fact]
    public async Task Healthz_is_answered_at_once_while_many_logs_wait()
    {
        ThreadPolicy.Apply();
        using var release = new ManualResetEventSlim();
        Task[] logs = [.. Enumerable.Range(0, 40).Select(_ => Task.Run(() => release.Wait(TimeSpan.FromSeconds(30))))];
        var began = Stopwatch.GetTimestamp();
        Assert.Equal("ok\n", await _client.GetStringAsync("/healthz"));
        var took = Stopwatch.GetElapsedTime(began);
        release.Set();
        await Task.WhenAll(logs);
        Assert.InRange(took, TimeSpan.Zero, TimeSpan.FromSeconds(10)); // the pool alone would take 20 s to have so many threads
    }

    [Fact]
    public async Task Unclaimed_segments_are_in_the_page_the_JSON_and_the_metrics()
    {
        _status.Unclaimed = [new UnclaimedSegments("/logs/a<b", "orders", 12, 340_000_000, "order")];
        const string text = "unclaimed segments: 12 files, 340 MB of component orders in /logs/a<b (did you mean order?)";
        Assert.Contains(System.Net.WebUtility.HtmlEncode(text), await _client.GetStringAsync("/"), StringComparison.Ordinal);
        Assert.Equal(
            text,
            JsonDocument.Parse(await _client.GetStringAsync("/status.json")).RootElement.GetProperty("unclaimed")[0].GetProperty("text")
                .GetString());
        var metrics = await _client.GetStringAsync("/metrics");
        Assert.Contains("kafkafeeder_unclaimed_segments{log=\"orders\",directory=\"/logs/a<b\"} 12\n", metrics, StringComparison.Ordinal);
        Assert.Contains("kafkafeeder_unclaimed_bytes{log=\"orders\",directory=\"/logs/a<b\"} "
            + "340000000\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Metrics_escape_any_directory_name()
    {
        _status.Logs.Set(new LogStatus(SomeLog.In(_folder.Path), "/some\"where\\", _time));
        var text = await _client.GetStringAsync("/metrics");
        Assert.Contains("kafkafeeder_segments{log=\"orders\",directory=\"/some\\\"where\\\\\"", text, StringComparison.Ordinal);
        Assert.All(
            text.Split('\n', StringSplitOptions.RemoveEmptyEntries),
            line => Assert.Matches("^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\\{.*\\})? [-0-9.E+]+)$", line));
    }

    [Fact]
    public void A_log_that_was_not_looked_at_yet_has_no_lag_metric()
    {
        const string Lag = "\nkafkafeeder_lag_bytes{";
        var status = new FeederStatus(TimeProvider.System);
        var log = new LogStatus(SomeLog.In(_folder.Path), _folder.Path, TimeProvider.System);
        Assert.DoesNotContain(Lag, MetricsText.Of(status, [log]), StringComparison.Ordinal);
        log.LookedAt = TimeProvider.System.GetTimestamp();
        Assert.Contains(Lag, MetricsText.Of(status, [log]), StringComparison.Ordinal);
    }

    [Fact]
    public void The_JSON_has_null_for_the_numbers_of_a_log_that_was_not_looked_at_yet()
    {
        var status = new FeederStatus(TimeProvider.System);
        var log = new LogStatus(SomeLog.In(_folder.Path), _folder.Path, TimeProvider.System);
        JsonElement Json() => JsonDocument.Parse(StatusJson.Of(status, [log])).RootElement.GetProperty("logs")[0];
        Assert.All(
            ["lagBytes", "segments", "oldestUnshipped"], name => Assert.Equal(JsonValueKind.Null, Json().GetProperty(name).ValueKind));
        log.LookedAt = TimeProvider.System.GetTimestamp();
        Assert.All(["lagBytes", "segments", "oldestUnshipped"], name => Assert.Equal(0, Json().GetProperty(name).GetInt64()));
    }

    [Fact]
    public void The_metrics_of_many_logs_come_in_parts()
    {
        var status = new FeederStatus(TimeProvider.System);
        var logs = Enumerable.Range(0, 1000).Select(i => new LogStatus(SomeLog.In($"/logs/{i}"), $"/logs/{i}", TimeProvider.System))
            .ToList();
        var parts = MetricsText.Parts(status, logs).ToList();
        Assert.All(parts, p => Assert.InRange(p.Length, 1, 20 << 10));
        Assert.EndsWith("\n", parts[^1], StringComparison.Ordinal);
        var lines = string.Concat(parts).Split('\n').Where(l => l.StartsWith("kafkafeeder_log_up{", StringComparison.Ordinal)).ToList();
        Assert.Equal(1000, lines.Distinct().Count());
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Methods_other_than_GET_and_HEAD_are_refused(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/metrics");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _client.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task A_request_for_another_host_name_is_refused()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status.json") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await _client.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task An_unknown_path_gets_404_and_the_list_of_pages()
    {
        var answer = await _client.GetAsync("/../etc/passwd");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("/metrics", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.StartsWith(
            "default-src 'none'; style-src 'self';",
            answer.Headers.GetValues("Content-Security-Policy").Single(),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/style.css")]
    [InlineData("/status.json")]
    [InlineData("/nothing")]
    public async Task Other_sites_can_neither_embed_nor_read_the_pages(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", "http://evil.example" } } };
        var answer = await _client.SendAsync(request);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal(
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.DoesNotContain(answer.Headers, h => h.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_browser_gets_a_page_with_every_log_and_a_style_sheet()
    {
        _status.Logs.Set(new LogStatus(SomeLog.In(_folder.Path), "/logs", _time));
        var answer = await _client.GetAsync("/");
        Assert.Equal("text/html; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        var page = await answer.Content.ReadAsStringAsync();
        Assert.Contains("<th scope=\"row\">orders<br>", page, StringComparison.Ordinal);
        Assert.Contains("<link rel=\"stylesheet\" href=\"/style.css\">", page, StringComparison.Ordinal);
        Assert.DoesNotContain("http-equiv", page, StringComparison.Ordinal);
        Assert.Equal("text/css; charset=utf-8", (await _client.GetAsync("/style.css")).Content.Headers.ContentType!.ToString());
    }

    [Theory]
    [InlineData("5", "content=\"5\"")]
    [InlineData("0", "content=\"1\"")]
    [InlineData("99999", "content=\"3600\"")]
    public async Task The_page_reloads_itself_if_asked_to(string asked, string expected) => Assert.Contains(
        $"<meta http-equiv=\"refresh\" {expected}>", await _client.GetStringAsync($"/?refresh={asked}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("/?refresh=5;url=http://evil.example")]
    [InlineData("/?refresh=%22><script>")]
    [InlineData("/?refresh=1&refresh=2")]
    public async Task A_refresh_that_is_not_a_number_is_ignored(string path)
    {
        var page = await _client.GetStringAsync(path);
        Assert.DoesNotContain("http-equiv", page, StringComparison.Ordinal);
        Assert.DoesNotContain("script", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_HEAD_request_gets_no_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, "/");
        var answer = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }
}
