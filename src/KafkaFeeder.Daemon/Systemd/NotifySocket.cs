using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>
/// Sends messages of sd_notify(3) to the service manager, over a unix datagram socket with a path or, with a leading <c>@</c>, an
/// abstract name. Thread-safe.
/// </summary>
internal sealed class NotifySocket(string address) : IDisposable
{
    /// <summary>The longest wait if the manager does not read, in ms. The supervisor cannot supervise meanwhile.</summary>
    private const int MaxWaitMilliseconds = 1000;

    private readonly Lock _lock = new();
    private Socket? _socket;

    /// <summary>Sends one message, consisting of lines NAME=value.</summary>
    /// <param name="message">The message.</param>
    /// <param name="fault">The error; null after success.</param>
    public bool TrySend(string message, [NotNullWhen(false)] out string? fault)
    {
        fault = null;
        lock (_lock)
        {
            try
            {
                // Addressed by name each time: the manager may have created a new socket.
                var manager = new UnixDomainSocketEndPoint(address[0] == '@' ? "\0" + address[1..] : address);
                _socket ??= new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified)
                {
                    SendTimeout = MaxWaitMilliseconds,
                };
                _socket.SendTo(Encoding.UTF8.GetBytes(message), manager);
                return true;
            }
            catch (Exception e) when (e is SocketException or ArgumentException)
            {
                fault = e.Message;
                return false;
            }
        }
    }

    public void Dispose() => _socket?.Dispose();
}
