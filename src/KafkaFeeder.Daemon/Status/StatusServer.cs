using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Control;
using KafkaFeeder.Daemon.Liveness;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Options.Faults;
using KafkaFeeder.Daemon.Options.Values;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace KafkaFeeder.Daemon.Status;

/// <summary>
/// The HTTP server: <c>/</c> for a browser, <c>/healthz</c>, <c>/readyz</c>, <c>/metrics</c>, <c>/status.json</c>. Over TCP only GET and
/// HEAD are allowed, nothing can be changed, and a web page of another host cannot read it. The same is served over a unix socket in
/// the state directory, where no other process can answer; only there a POST runs a <see cref="DaemonCommand"/>.
/// </summary>
internal sealed class StatusServer(
    FeederOptions options,
    FeederStatus status,
    IReadOnlyList<DaemonCommand> commands,
    string socketPath,
    ILogger logger,
    TimeProvider time) : IAsyncDisposable
{
    /// <summary>Time between two attempts to listen on a port that is in use.</summary>
    public static readonly TimeSpan RetryInterval = TimeSpan.FromMinutes(1);

    private const int MaxConnections = 64;

    /// <summary>The most bytes in the path of a unix socket (<c>sun_path</c>, unix(7)), without the final 0.</summary>
    private const int MaxSocketPathBytes = 107;

    private readonly string _mark = StateMark.Of(options.CheckpointDir);
    private readonly CancellationTokenSource _stopping = new();
    private WebApplication? _local;
    private volatile WebApplication? _app;
    private Task _retrying = Task.CompletedTask;
    private bool _isDisposed;

    /// <summary>The address where it listens over TCP; null if it does not, or not yet.</summary>
    public string? Address => _app?.Services.GetService(typeof(IServer)) is IServer server
        ? server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault()
        : null;

    /// <summary>
    /// Begins to listen. If that fails, it is logged, since the daemon ships without the status page too, and is tried again for the TCP
    /// address until it succeeds.
    /// </summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await StartLocalAsync(cancellation).ConfigureAwait(false);
        if (options.Status.Listen is { } endpoint && await TryStartAsync(endpoint, cancellation).ConfigureAwait(false) is { } problem)
        {
            FeederLog.StatusUnavailable(logger, endpoint.ToString(), problem);
            _retrying = Task.Run(() => RetryAsync(endpoint), CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, true))
        {
            return;
        }

        await _stopping.CancelAsync().ConfigureAwait(false);
        await _retrying.ConfigureAwait(false);
        foreach (var app in (WebApplication?[])[_app, _local])
        {
            if (app is not null)
            {
                await app.DisposeAsync().ConfigureAwait(false);
            }
        }

        _stopping.Dispose();
    }

    private async Task StartLocalAsync(CancellationToken cancellation)
    {
        if (Encoding.UTF8.GetByteCount(socketPath) > MaxSocketPathBytes)
        {
            FeederLog.SocketUnavailable(logger, socketPath, $"a socket's path has at most {MaxSocketPathBytes} bytes");
            return;
        }

        try
        {
            File.Delete(socketPath); // left by a run that was killed; we hold the state lock, so nobody listens there
            var app = Build(kestrel => kestrel.ListenUnixSocket(socketPath), isLocal: true);
            await app.StartAsync(cancellation).ConfigureAwait(false);
            File.SetUnixFileMode(socketPath, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            _local = app;
        }
        catch (Exception e) when (e is IOException or SocketException or UnauthorizedAccessException)
        {
            FeederLog.SocketUnavailable(logger, socketPath, e.Message);
        }
    }

    /// <summary>Tries to listen. Returns the error; null after success.</summary>
    private async Task<string?> TryStartAsync(IPEndPoint endpoint, CancellationToken cancellation)
    {
        var app = Build(
            kestrel =>
            {
                kestrel.Listen(endpoint);
                kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            },
            isLocal: false);
        try
        {
            await app.StartAsync(cancellation).ConfigureAwait(false);
            _app = app;
            return null;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            await app.DisposeAsync().ConfigureAwait(false);
            return e.Message;
        }
    }

    private async Task RetryAsync(IPEndPoint endpoint)
    {
        while (!_stopping.IsCancellationRequested)
        {
            await Pause.ForAsync(RetryInterval, time, _stopping.Token).ConfigureAwait(false);
            if (!_stopping.IsCancellationRequested && await TryStartAsync(endpoint, CancellationToken.None).ConfigureAwait(false) is null)
            {
                FeederLog.StatusAvailable(logger, Address ?? endpoint.ToString());
                return;
            }
        }
    }

    private WebApplication Build(Action<KestrelServerOptions> listen, bool isLocal)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            listen(kestrel);
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Limits.MaxRequestHeadersTotalSize = 8 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(5);
            kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(5); // the number of connections is limited, so an idle one must end
        });
        var app = builder.Build();
        app.Run(context => AnswerAsync(context, isLocal));
        return app;
    }

    private Task AnswerAsync(HttpContext context, bool isLocal)
    {
        var response = context.Response;
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers[StateMark.Header] = _mark;
        response.Headers.CacheControl = "no-store";
        response.Headers.ContentSecurityPolicy =
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        response.Headers["Referrer-Policy"] = "no-referrer";
        response.Headers["Cross-Origin-Resource-Policy"] = "same-origin";
        if (isLocal && HttpMethods.IsPost(context.Request.Method))
        {
            return RunAsync(context);
        }

        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            response.Headers.Allow = "GET, HEAD";
            return Write(response, 405, "text/plain", "Only GET and HEAD are answered here.\n");
        }

        if (!IsOurName(context.Request.Host.Host))
        {
            return Write(response, 421, "text/plain", "Ask by an address of this host, or by localhost.\n");
        }

        return context.Request.Path.Value switch
        {
            "/" => Page(context),
            "/style.css" => Write(response, 200, "text/css; charset=utf-8", StatusPage.Style),
            "/healthz" => Health(response),
            "/readyz" =>
                status.IsReady
                    ? Write(response, 200, "text/plain", "ready\n")
                    : Write(response, 503, "text/plain", "the first search for logs is not done\n"),
            "/metrics" => WriteAsync(response, "text/plain; version=0.0.4; charset=utf-8", MetricsText.Parts(status, status.Logs.All)),
            "/status.json" => Write(response, 200, "application/json", StatusJson.Of(status, status.Logs.All)),
            _ => Write(response, 404, "text/plain", "There are /, /healthz, /readyz, /metrics and /status.json.\n"),
        };
    }

    private async Task RunAsync(HttpContext context)
    {
        var response = context.Response;
        if (commands.FirstOrDefault(c => context.Request.Path == DaemonCommand.PathOf(c.Name)) is not { } command)
        {
            await Write(response, 404, "text/plain", "This daemon has no such command; it may be an older version.\n")
                .ConfigureAwait(false);
            return;
        }

        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _stopping.Token);
        try
        {
            var result = await command.RunAsync(end.Token).ConfigureAwait(false);
            await Write(response, result.IsWell ? 200 : 409, "text/plain; charset=utf-8", result.Text).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            await Write(response, 503, "text/plain", "The daemon is stopping.\n").ConfigureAwait(false);
        }
    }

    private Task Page(HttpContext context)
    {
        int? refresh = context.Request.Query["refresh"].Count == 1
            && int.TryParse(context.Request.Query["refresh"], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
                ? Math.Clamp(seconds, 1, 3600)
                : null;
        var page = StatusPage.Of(status, status.Logs.All, status.Loops.Late(LatenessPolicy.DefaultLimit), time.GetUtcNow(), refresh);
        return Write(context.Response, 200, "text/html; charset=utf-8", page);
    }

    /// <summary>Unhealthy only if a restart may help: the whole daemon is stalled. Not if brokers are away or one log is stalled.</summary>
    private Task Health(HttpResponse response)
    {
        var stalled = string.Concat(status.Loops.Late(LatenessPolicy.DefaultLimit)
            .Select(l => $"stalled: {l.Name} has made no progress for {Words.Age(l.By)}\n"));
        if (status.Loops.IsStalled(LatenessPolicy.DefaultLimit))
        {
            return Write(response, 503, "text/plain; charset=utf-8", stalled);
        }

        var troubled =
            status.Logs.All.Where(l => l.NeedsAttention).ToList();
        var text = troubled.Count == 0 ? "ok\n" : string.Concat(troubled.Select(
            l => $"degraded: {l.Options.Component}: {l.State.ToString().ToLowerInvariant()}: "
            + $"{(l.Error is { } error ? Quote.Plain(error, ConfigFault.MaxPathShown) : Incidents(l))}\n"));
        return Write(response, 200, "text/plain; charset=utf-8", stalled.Length == 0 ? text : stalled + (troubled.Count == 0 ? "" : text));
    }

    private static string Incidents(LogStatus log)
    {
        var open = log.Ledger.Unacknowledged;
        return $"not acknowledged: {Words.Count(open.Rejected, "record", "records")} refused, {Words.Bytes(open.Damaged)} damaged, "
            + $"{Words.Bytes(open.Lost)} lost";
    }

    /// <summary>Protects against a web page whose host name resolves to this address (DNS rebinding).</summary>
    private bool IsOurName(string host) =>
        host is "localhost" or "" || IPAddress.TryParse(host.Trim('[', ']'), out _)
            || string.Equals(host, Dns.GetHostName(), StringComparison.OrdinalIgnoreCase)
        || options.Status.Listen is { Address: var address } && host == address.ToString();

    private static Task Write(HttpResponse response, int code, string type, string text)
    {
        response.StatusCode = code;
        response.ContentType = type;
        return HttpMethods.IsHead(response.HttpContext.Request.Method) ? Task.CompletedTask : response.WriteAsync(text);
    }

    private static async Task WriteAsync(HttpResponse response, string type, IEnumerable<string> parts)
    {
        response.ContentType = type;
        if (HttpMethods.IsHead(response.HttpContext.Request.Method))
        {
            return;
        }

        foreach (var part in parts)
        {
            await response.WriteAsync(part).ConfigureAwait(false);
        }
    }
}
