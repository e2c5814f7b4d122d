using System.Net.Sockets;
using System.Text;
using KafkaFeeder.Tests;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>The other end of sd_notify(3): a real unix datagram socket.</summary>
internal sealed class ServiceManager : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };

    public ServiceManager(bool isAbstract = false)
    {
        Address = isAbstract ? "@kafkafeeder-test-" + Guid.NewGuid() : _folder.File("notify");
        Bind();
    }

    /// <summary>A service manager at the address of an earlier one.</summary>
    public ServiceManager(string address)
    {
        Address = address;
        Directory.CreateDirectory(Path.GetDirectoryName(address)!);
        Bind();
    }

    /// <summary>The address, as NOTIFY_SOCKET has it.</summary>
    public string Address { get; }

    /// <summary>The messages received since the last call.</summary>
    public List<string> Received()
    {
        var messages = new List<string>();
        var buffer = new byte[8192];
        while (_socket.Available > 0)
        {
            messages.Add(Encoding.UTF8.GetString(buffer.AsSpan(0, _socket.Receive(buffer))));
        }

        return messages;
    }

    public void Dispose()
    {
        _socket.Dispose();
        if (Address[0] != '@')
        {
            File.Delete(Address);
        }

        _folder.Dispose();
    }

    private void Bind() => _socket.Bind(new UnixDomainSocketEndPoint(Address[0] == '@' ? "\0" + Address[1..] : Address));
}
