using System.Net.Sockets;
using System.Text;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>Plays systemd for a service: the socket of sd_notify(3), with the time of each message.</summary>
public sealed class ServiceManager : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly List<(long At, string Text)> _messages = [];
    private readonly string _path = Path.Combine(TestRun.NewFolder("notify"), "socket");

    public ServiceManager(TimeSpan watchdog)
    {
        Watchdog = watchdog;
        _socket.Bind(new UnixDomainSocketEndPoint(_path));
        _ = Task.Run(ReceiveAsync);
    }

    public TimeSpan Watchdog { get; }

    /// <summary>The environment variables of the service.</summary>
    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["NOTIFY_SOCKET"] = _path,
        ["WATCHDOG_USEC"] = $"{(long)Watchdog.TotalMicroseconds}",
    };

    /// <summary>All messages so far, each with the timestamp of its arrival.</summary>
    public IReadOnlyList<(long At, string Text)> Messages
    {
        get
        {
            lock (_messages)
            {
                return [.. _messages];
            }
        }
    }

    public int Count(string text) => Messages.Count(m => m.Text == text);

    /// <summary>The last STATUS= line.</summary>
    public string Status => Messages.LastOrDefault(m => m.Text.StartsWith("STATUS=", StringComparison.Ordinal)).Text ?? "";

    /// <summary>
    /// The longest time without WATCHDOG=1, from the first one until now: above <see cref="Watchdog"/>, systemd would have killed it.
    /// </summary>
    public TimeSpan LongestSilence()
    {
        long[] fed = [.. Messages.Where(m => m.Text == "WATCHDOG=1").Select(m => m.At), TimeProvider.System.GetTimestamp()];
        return fed.Zip(fed.Skip(1), (a, b) => TimeProvider.System.GetElapsedTime(a, b)).DefaultIfEmpty(TimeSpan.MaxValue).Max();
    }

    public void Dispose() => _socket.Dispose();

    private async Task ReceiveAsync()
    {
        var buffer = new byte[8192];
        try
        {
            while (true)
            {
                var length = await _socket.ReceiveAsync(buffer);
                lock (_messages)
                {
                    _messages.Add((TimeProvider.System.GetTimestamp(), Encoding.UTF8.GetString(buffer.AsSpan(0, length))));
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            return; // disposed of
        }
    }
}
