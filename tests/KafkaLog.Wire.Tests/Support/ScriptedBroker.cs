using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Authentication;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>A listener on loopback that answers each request as a test says.</summary>
internal sealed class ScriptedBroker : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<Request, byte[]?> _answer;
    private readonly Func<Stream, Task<Stream>> _encrypt;
    private readonly List<TcpClient> _clients = [];
    private readonly Task _running;

    /// <param name="answer">The bytes to send for a request, with the size in front; null: none.</param>
    /// <param name="encrypt">What comes before the first request; null: nothing.</param>
    public ScriptedBroker(Func<Request, byte[]?> answer, Func<Stream, Task<Stream>>? encrypt = null)
    {
        _answer = answer;
        _encrypt = encrypt ?? Task.FromResult;
        _listener.Start();
        _running = RunAsync();
    }

    /// <summary>One request: its header's numbers, and the rest.</summary>
    public sealed record Request(short Key, short Version, int CorrelationId, byte[] Bytes, ScriptedBroker Broker);

    /// <summary>What came, in order.</summary>
    public ConcurrentQueue<Request> Received { get; } = new();

    /// <summary>Its port on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Connects to it.</summary>
    public async Task<Stream> ConnectAsync()
    {
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync((IPEndPoint)_listener.LocalEndpoint);
        return client.GetStream();
    }

    /// <summary>Ends every connection.</summary>
    public void Hangup()
    {
        lock (_clients)
        {
            _clients.ForEach(c => c.Client.Close());
        }
    }

    /// <summary>A response frame: the size, the correlation id, and this.</summary>
    public static byte[] Frame(int correlationId, string hex)
    {
        var body = Convert.FromHexString(hex);
        var frame = new byte[8 + body.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, 4 + body.Length);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(4), correlationId);
        body.CopyTo(frame, 8);
        return frame;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Hangup();
        await _running;
    }

    private async Task RunAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync();
                lock (_clients)
                {
                    _clients.Add(client);
                }

                serving.Add(ServeAsync(client));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
        {
            // stopped
        }

        Hangup();
        await Task.WhenAll(serving);
    }

    private async Task ServeAsync(TcpClient client)
    {
        try
        {
            await using var stream = await _encrypt(client.GetStream());
            var size = new byte[4];
            while (true)
            {
                await stream.ReadExactlyAsync(size);
                var bytes = new byte[BinaryPrimitives.ReadInt32BigEndian(size)];
                await stream.ReadExactlyAsync(bytes);
                var request = new Request(
                    BinaryPrimitives.ReadInt16BigEndian(bytes),
                    BinaryPrimitives.ReadInt16BigEndian(bytes.AsSpan(2)),
                    BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4)),
                    bytes[8..],
                    this);
                Received.Enqueue(request);
                if (_answer(request) is { } answer)
                {
                    await stream.WriteAsync(answer);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or SocketException or AuthenticationException)
        {
            // hung up
        }
    }
}
