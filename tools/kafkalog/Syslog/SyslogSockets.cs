using System.Net;
using System.Net.Sockets;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Native;

namespace KafkaLog.Tool.Syslog;

/// <summary>Opens the sockets that the user wants, or says why not.</summary>
internal static class SyslogSockets
{
    private const int Backlog = 128;
    private const int ReceiveBytes = 16 << 20;

    // SO_RCVBUFFORCE of SOL_SOCKET: exceeds the kernel's limit, if we are allowed to.
    private const int SocketLevel = 1;
    private const int ForceReceiveBuffer = 33;

    // Whoever may reach the directory may log, as with /dev/log.
    private const UnixFileMode Everybody =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.GroupWrite
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <summary>ADDRESS:PORT, <c>[IPv6]:PORT</c> or localhost:PORT; null for anything else.</summary>
    public static IPEndPoint? ParseEndPoint(string text)
    {
        const string Localhost = "localhost:";
        text = text.StartsWith(Localhost, StringComparison.Ordinal) ? "127.0.0.1:" + text[Localhost.Length..] : text;
        var hasPort = text.LastIndexOf(':') > text.LastIndexOf(']') && (text.StartsWith('[') || text.Count(c => c == ':') == 1);
        return hasPort && IPEndPoint.TryParse(text, out var endPoint) ? endPoint : null;
    }

    public static Socket OpenUdp(IPEndPoint endPoint) =>
        Open("udp", endPoint, new Socket(endPoint.AddressFamily, SocketType.Dgram, ProtocolType.Udp), socket =>
    {
        socket.Bind(endPoint);
        socket.ReceiveBufferSize = ReceiveBytes; // the kernel cuts it to its limit
        try
        {
            socket.SetRawSocketOption(SocketLevel, ForceReceiveBuffer, BitConverter.GetBytes(ReceiveBytes));
        }
        catch (SocketException)
        {
            // It needs CAP_NET_ADMIN.
        }
    });

    public static Socket OpenTcp(IPEndPoint endPoint) =>
        Open("tcp", endPoint, new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp), socket =>
    {
        socket.Bind(endPoint);
        socket.Listen(Backlog);
    });

    public static Socket OpenUnix(string path, SocketType type)
    {
        UnixDomainSocketEndPoint endPoint;
        try
        {
            endPoint = new UnixDomainSocketEndPoint(path);
        }
        catch (ArgumentException)
        {
            throw new UserErrorException(
                $"cannot listen on {path}: it has {path.Length} characters, and the path of a socket at most 107.");
        }

        RemoveStale(path, type);
        return Open("unix", endPoint, new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified), socket =>
        {
            socket.Bind(endPoint);
            File.SetUnixFileMode(path, Everybody);
            if (type == SocketType.Stream)
            {
                socket.Listen(Backlog);
            }
        });
    }

    private static Socket Open(string kind, EndPoint endPoint, Socket socket, Action<Socket> bind)
    {
        try
        {
            bind(socket);
            return socket;
        }
        catch (Exception e) when (e is SocketException or IOException or UnauthorizedAccessException)
        {
            socket.Dispose();
            throw new UserErrorException($"cannot listen on {kind} {endPoint}: {e.Message}");
        }
    }

    /// <summary>Removes a socket that nobody listens on: a process that was killed left it.</summary>
    private static void RemoveStale(string path, SocketType type)
    {
        if (!File.Exists(path))
        {
            return;
        }

        if (!FileKind.IsSocket(path))
        {
            throw new UserErrorException(
                $"cannot listen on {path}: something else than a socket is there, which is not removed. Remove it, or give another path.");
        }

        using var probe = new Socket(AddressFamily.Unix, type, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            // Another process listens: with another type of socket, or with a full queue.
        }

        throw new UserErrorException($"cannot listen on {path}: another process does. Stop it, or give another path.");
    }
}
