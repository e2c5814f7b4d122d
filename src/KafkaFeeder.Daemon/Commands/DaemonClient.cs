using System.Net.Sockets;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Options;

namespace KafkaFeeder.Daemon.Commands;

/// <summary>
/// Asks the running daemon: over its socket in the state directory, which nobody else can be at, or, for somebody who may
/// not go in there, at <c>status.listen</c>. Another daemon may listen there: what it says of its state directory is compared.
/// </summary>
internal static class DaemonClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Sends a GET.</summary>
    /// <param name="options">conf.yaml, which says where the daemon is.</param>
    /// <param name="path">As "/healthz".</param>
    /// <param name="isWell">True for an answer that says so (2xx).</param>
    /// <param name="text">The answer, or why there is none, as a sentence.</param>
    /// <returns>False if no daemon answers.</returns>
    public static bool TryGet(FeederOptions options, string path, out bool isWell, out string text)
    {
        isWell = false;
        var socket = new StateDirectory(options.CheckpointDir, options.JournalDir).StatusSocketPath;
        var place = socket;
        try
        {
            using var local = new SocketsHttpHandler { ConnectCallback = (_, cancellation) => ConnectAsync(socket, cancellation) };
            using var remote = new SocketsHttpHandler();
            var isLocal = File.Exists(socket);
            if (!isLocal && options.Status.AskAt is null)
            {
                text = $"No daemon answers: there is no {socket} that you may use, and status.listen is off.";
                return false;
            }

            place = isLocal ? socket : options.Status.AskAt!.ToString();
            using var client = new HttpClient(isLocal ? local : remote) { Timeout = Patience };
            using var answer = client.GetAsync(new Uri($"http://{(isLocal ? "localhost" : place)}{path}")).GetAwaiter().GetResult();
            if (answer.Headers.TryGetValues(StateMark.Header, out var marks)
                && !StateMark.IsSame(marks.First(), StateMark.Of(options.CheckpointDir)))
            {
                text = $"No daemon answers for this configuration: another daemon, whose checkpoint_dir is another, listens on {place}. "
                    + "If both are to run, give each a status.listen of its own.";
                return false;
            }

            text = answer.Content.ReadAsStringAsync().GetAwaiter().GetResult();
            isWell = answer.IsSuccessStatusCode;
            return true;
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            text = $"No daemon answers at {place}: {(e.InnerException ?? e).Message}";
            return false;
        }
    }

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
