using System.Diagnostics.CodeAnalysis;
using System.Net.Sockets;
using System.Text;

namespace KafkaFeeder.Daemon.Systemd;

/// <summary>
/// The service manager's end of sd_notify(3): a unix datagram socket, by a path or, with a leading <c>@</c>, by an abstract
/// name. Thread-safe.
/// </summary>
internal sealed class NotifySocket(string address) : IDisposable
{
    /// <summary>A manager that does not read must not hold us for longer: a loop that waits here is not supervised.</summary>
    private const int MaxWaitMilliseconds = 1000;

    private readonly Lock _lock = new();
    private Socket? _socket;

    /// <summary>Sends one message: lines of NAME=value.</summary>
    /// <param name="message">The message.</param>
    /// <param name="fault">Why not.</param>
    public bool TrySend(string message, [NotNullWhen(false)] out string? fault)
    {
        fault = null;
        lock (_lock)
        {
            try
            {
                // By name each time: the manager may have made a new socket.
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
