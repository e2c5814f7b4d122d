using System.Net.Sockets;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Control;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Telemetry;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>
/// Asks the running daemon: over its socket in the state directory, which nobody else can be at, or, for somebody who may
/// not go in there, at <c>status.listen</c>. Another daemon may listen there: what it says of its state directory is compared.
/// </summary>
internal static class DaemonClient
{
    /// <summary>The largest answer that is read, in bytes: the status of some 50,000 logs.</summary>
    private const int MaxAnswerBytes = 64 << 20;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Runs a command in the daemon, over its socket: <c>status.listen</c> takes no commands.</summary>
    /// <param name="options">conf.yaml, which says where the daemon is.</param>
    /// <param name="command">See <see cref="DaemonCommand"/>.</param>
    /// <param name="answer">The answer, or why there is none.</param>
    /// <param name="patience">How long it may take.</param>
    /// <returns>False if no daemon answers.</returns>
    public static bool TryRun(FeederOptions options, string command, out DaemonAnswer answer, TimeSpan patience)
    {
        var socket = SocketOf(options);
        if (!File.Exists(socket))
        {
            answer = new(
                socket,
                $"No daemon answers: there is no {socket}, or you may not use it. Run this as the daemon's user, or as root.",
                false);
            return false;
        }

        return TrySend(options, HttpMethod.Post, socket, DaemonCommand.PathOf(command), out answer, patience);
    }

    /// <summary>Sends a GET.</summary>
    /// <param name="options">conf.yaml, which says where the daemon is.</param>
    /// <param name="path">As "/healthz".</param>
    /// <param name="answer">The answer, or why there is none.</param>
    /// <param name="patience">How long the whole answer may take; null: 5 s.</param>
    /// <returns>False if no daemon answers.</returns>
    public static bool TryGet(FeederOptions options, string path, out DaemonAnswer answer, TimeSpan? patience = null)
    {
        var socket = SocketOf(options);
        var isLocal = File.Exists(socket);
        if (!isLocal && options.Status.AskAt is null)
        {
            answer = new(socket, $"No daemon answers: there is no {socket}, or you may not use it, and status.listen is off.", false);
            return false;
        }

        return TrySend(options, HttpMethod.Get, isLocal ? socket : null, path, out answer, patience ?? Patience);
    }

    private static string SocketOf(FeederOptions options) =>
        new StateDirectory(options.CheckpointDir, options.JournalDir).StatusSocketPath;

    /// <param name="socket">Null: by <c>status.listen</c>.</param>
    private static bool TrySend(
        FeederOptions options, HttpMethod method, string? socket, string path, out DaemonAnswer answer, TimeSpan limit)
    {
        var isLocal = socket is not null;
        var place = socket ?? options.Status.AskAt!.ToString();
        var mark = StateMark.Of(options.CheckpointDir);
        try
        {
            var (isOurs, isWell, text) = SendAsync(method, socket, isLocal ? "localhost" : place, path, place, mark, limit)
                .GetAwaiter().GetResult();
            answer = new(place, text, isWell);
            return isOurs;
        }
        catch (OperationCanceledException)
        {
            answer = new(place, $"No daemon answers at {place}: no complete answer came within {limit.TotalSeconds} s", false);
        }
        catch (HttpRequestException e) when (!isLocal && IsStrange(e.HttpRequestError))
        {
            answer = new(place, DaemonAnswer.Strange(place, (e.InnerException ?? e).Message.TrimEnd('.')), false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            answer = new(place, $"No daemon answers at {place}: {(e.InnerException ?? e).Message}", false);
        }

        return false;
    }

    private static async Task<(bool IsOurs, bool IsWell, string Text)> SendAsync(
        HttpMethod method, string? socket, string host, string path, string place, string mark, TimeSpan limit)
    {
        // No proxy and no redirects: only the daemon of this host is asked.
        using var handler = new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false };
        if (socket is not null)
        {
            handler.ConnectCallback = (_, cancellation) => ConnectAsync(socket, cancellation);
        }

        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        using var end = new CancellationTokenSource(limit);
        using var request = new HttpRequestMessage(method, new Uri($"http://{host}{path}"));
        using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, end.Token).ConfigureAwait(false);
        if (!answer.Headers.TryGetValues(StateMark.Header, out var marks))
        {
            return (false, false, DaemonAnswer.Strange(place, $"HTTP {(int)answer.StatusCode} without the header {StateMark.Header}"));
        }

        if (!StateMark.IsSame(marks.First(), mark))
        {
            return (false, false, $"No daemon answers for this configuration: a daemon with a different checkpoint_dir listens on "
                + $"{place}. If both are to run, give each a status.listen of its own.");
        }

        try
        {
            await answer.Content.LoadIntoBufferAsync(MaxAnswerBytes, end.Token).ConfigureAwait(false);
        }
        catch (HttpRequestException e) when (e.HttpRequestError == HttpRequestError.ConfigurationLimitExceeded)
        {
            return (false, false, DaemonAnswer.Strange(place, $"the answer has more than {Words.Bytes(MaxAnswerBytes)}"));
        }

        return (true, answer.IsSuccessStatusCode, await answer.Content.ReadAsStringAsync(end.Token).ConfigureAwait(false));
    }

    /// <summary>True if the connection was accepted, and the answer is not HTTP, or not all of it.</summary>
    private static bool IsStrange(HttpRequestError error) => error is HttpRequestError.InvalidResponse or HttpRequestError.ResponseEnded
        or HttpRequestError.HttpProtocolError or HttpRequestError.ConfigurationLimitExceeded;

    private static async ValueTask<Stream> ConnectAsync(string path, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
