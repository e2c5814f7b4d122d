using System.Net;
using System.Net.Sockets;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary>What to listen on.</summary>
internal sealed record SyslogServerOptions
{
    public IReadOnlyList<IPEndPoint> Udp { get; init; } = [];

    public IReadOnlyList<IPEndPoint> Tcp { get; init; } = [];

    public IReadOnlyList<string> UnixDatagram { get; init; } = [];

    public IReadOnlyList<string> UnixStream { get; init; } = [];

    /// <summary>64 KiB: more than RFC 5424 asks for, and what a UDP datagram can hold.</summary>
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>1024: of all stream sockets together; each may hold a message of the maximum.</summary>
    public int MaxConnections { get; init; } = 1024;
}

/// <summary>Syslog messages from all sockets to records.</summary>
internal sealed class SyslogServer(SyslogServerOptions options, PatientWriter writer, TimeProvider time)
{
    /// <summary>Listens until it is told to stop; returns when everything that arrived is stored.</summary>
    /// <exception cref="UserErrorException">A socket cannot be opened.</exception>
    public async Task RunAsync(CancellationToken stop)
    {
        var datagrams = new List<Socket>();
        var streams = new List<Socket>();
        var counted = new List<(string, Socket)>();
        try
        {
            foreach (var endPoint in options.Udp)
            {
                datagrams.Add(SyslogSockets.OpenUdp(endPoint));
                counted.Add(($"udp {datagrams[^1].LocalEndPoint}", datagrams[^1]));
            }

            datagrams.AddRange(options.UnixDatagram.Select(path => SyslogSockets.OpenUnix(path, SocketType.Dgram)));
            streams.AddRange(options.Tcp.Select(SyslogSockets.OpenTcp));
            streams.AddRange(options.UnixStream.Select(path => SyslogSockets.OpenUnix(path, SocketType.Stream)));
            foreach (var socket in datagrams.Concat(streams))
            {
                ErrorOutput.Say($"listening on {NameOf(socket)}");
            }

            await ServeAsync(datagrams, streams, new KernelDrops(counted, time), stop);
        }
        finally
        {
            // Disposing removes the paths of unix sockets.
            datagrams.ForEach(socket => socket.Dispose());
            streams.ForEach(socket => socket.Dispose());
        }
    }

    private async Task ServeAsync(List<Socket> datagrams, List<Socket> streams, KernelDrops drops, CancellationToken stop)
    {
        using var intake = new Intake(writer, time);
        using var places = new SemaphoreSlim(options.MaxConnections);
        await Task.WhenAll(
        [
            .. datagrams.Select(socket => new DatagramListener(socket, intake, options.MaxMessageBytes, time).RunAsync(stop)),
            .. streams.Select(socket => new StreamListener(socket, intake, options.MaxMessageBytes, places, time).RunAsync(stop)),
            drops.RunAsync(stop),
        ]);
    }

    private static string NameOf(Socket socket) => (socket.AddressFamily, socket.SocketType) switch
    {
        (AddressFamily.Unix, SocketType.Dgram) => $"unix-dgram {socket.LocalEndPoint}",
        (AddressFamily.Unix, _) => $"unix-stream {socket.LocalEndPoint}",
        (_, SocketType.Dgram) => $"udp {socket.LocalEndPoint}",
        _ => $"tcp {socket.LocalEndPoint}",
    };
}
