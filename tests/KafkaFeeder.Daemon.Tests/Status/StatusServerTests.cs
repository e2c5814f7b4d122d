using System.Net;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Supervision;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Daemon.Transport;
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
    private readonly CheckpointStore _checkpoints;
    private readonly ShipperFleet _fleet;
    private readonly StatusServer _server;

    public StatusServerTests()
    {
        var options = new FeederOptions
        {
            SourceFile = "conf.yaml",
            LogDir = _folder.Path,
            CheckpointDir = _folder.File("checkpoint"),
            JournalDir = _folder.File("journal"),
            BrokerGroups = new Dictionary<string, BrokerGroupOptions>(),
            Status = new StatusOptions { Listen = new IPEndPoint(IPAddress.Loopback, 0) },
        };
        var state = new StateDirectory(options.CheckpointDir, options.JournalDir);
        state.Create();
        _status = new FeederStatus(_time);
        _checkpoints = CheckpointStore.Open(state.CheckpointDirectory, _ => { }, commitsInline: true);
        var ledger = new Ledger(state.LedgerPath, _time);
        _fleet = new ShipperFleet(options, state, _checkpoints, new Pool(), ledger, _status.Loops, NullLogger.Instance, TimeProvider.System);
        _server = new StatusServer(options, _status, _fleet, _time);
    }

    public async ValueTask InitializeAsync()
    {
        await _server.StartAsync(CancellationToken.None);
        _client.BaseAddress = new Uri(_server.Address!);
    }

    public async ValueTask DisposeAsync()
    {
        await _fleet.StopAsync();
        await _server.DisposeAsync();
        _client.Dispose();
        _checkpoints.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task It_is_ready_when_the_first_scan_is_done()
    {
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await _client.GetAsync("/readyz")).StatusCode);
        _status.Scanned();
        Assert.Equal(HttpStatusCode.OK, (await _client.GetAsync("/readyz")).StatusCode);
    }

    [Fact]
    public async Task It_is_unhealthy_when_every_log_hangs_and_says_so_when_one_loop_does()
    {
        using var watcher = _status.Loops.Enter("the watcher");
        using var shipper = _status.Loops.Enter("the shipper of orders", LoopKind.Log);
        watcher.SleepsFor(TimeSpan.FromMinutes(3));
        shipper.SleepsFor(TimeSpan.FromMinutes(10));
        _time.Advance(TimeSpan.FromMinutes(8));
        Assert.Equal("ok\n", await _client.GetStringAsync("/healthz"));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stalled: the watcher has made no progress for 5 min\n", await _client.GetStringAsync("/healthz"));
        watcher.Turned();
        _time.Advance(TimeSpan.FromMinutes(7));
        watcher.Turned();
        var answer = await _client.GetAsync("/healthz");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal("stalled: the shipper of orders has made no progress for 5 min\n", await answer.Content.ReadAsStringAsync());
        shipper.Turned();
        Assert.Equal("ok\n", await _client.GetStringAsync("/healthz"));
    }

    [Fact]
    public async Task Metrics_name_each_log_and_survive_any_name()
    {
        _fleet.Apply([new PlannedLog("/some\"where\\", SomeLog.In(_folder.Path))]);
        var text = await _client.GetStringAsync("/metrics");
        Assert.Contains("kafkafeeder_lag_bytes{log=\"orders\",directory=\"/some\\\"where\\\\\"", text, StringComparison.Ordinal);
        Assert.All(text.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.Matches("^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\\{.*\\})? [-0-9.E+]+)$", line));
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Only_questions_are_answered(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/metrics");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _client.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task A_page_of_another_host_is_sent_away()
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status.json") { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.MisdirectedRequest, (await _client.SendAsync(request)).StatusCode);
    }

    [Fact]
    public async Task Everything_else_is_told_what_there_is()
    {
        var answer = await _client.GetAsync("/../etc/passwd");
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Contains("/metrics", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.StartsWith("default-src 'none'; style-src 'self';", answer.Headers.GetValues("Content-Security-Policy").Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/style.css")]
    [InlineData("/status.json")]
    [InlineData("/nothing")]
    public async Task Nothing_of_it_may_be_used_by_pages_from_elsewhere_or_load_anything_from_there(string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "Origin", "http://evil.example" } } };
        var answer = await _client.SendAsync(request);
        Assert.Equal("nosniff", answer.Headers.GetValues("X-Content-Type-Options").Single());
        Assert.Equal("default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", answer.Headers.GetValues("Content-Security-Policy").Single());
        Assert.DoesNotContain(answer.Headers, h => h.Key.StartsWith("Access-Control", StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task A_browser_gets_a_page_with_every_log_and_our_own_style()
    {
        _fleet.Apply([new PlannedLog("/logs", SomeLog.In(_folder.Path))]);
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
    public async Task It_loads_itself_anew_if_asked_to(string asked, string expected) =>
        Assert.Contains($"<meta http-equiv=\"refresh\" {expected}>", await _client.GetStringAsync($"/?refresh={asked}"), StringComparison.Ordinal);

    [Theory]
    [InlineData("/?refresh=5;url=http://evil.example")]
    [InlineData("/?refresh=%22><script>")]
    [InlineData("/?refresh=1&refresh=2")]
    public async Task It_is_asked_for_nothing_but_a_number(string path)
    {
        var page = await _client.GetStringAsync(path);
        Assert.DoesNotContain("http-equiv", page, StringComparison.Ordinal);
        Assert.DoesNotContain("script", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_asks_for_the_head_gets_no_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, "/");
        var answer = await _client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    private sealed class Pool : ITransportPool
    {
        public IBatchTransport For(LogOptions log) => new FakeTransport();
    }
}
