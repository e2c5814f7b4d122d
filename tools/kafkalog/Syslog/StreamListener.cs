using System.Collections.Concurrent;
using System.Net.Sockets;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary>Messages from the connections of a listening socket. Reads no more until what was read is safe, so senders wait.</summary>
internal sealed class StreamListener(Socket listener, Intake intake, int maxMessageBytes, SemaphoreSlim places, TimeProvider time)
{
    private const int ReadBytes = 48 * 1024;

    // The most that is read from a connection after the signal to stop: more than a receive buffer of the usual size holds.
    private const int MaxLeftBytes = 16 << 20;

    private readonly ConcurrentDictionary<Task, bool> _connections = new();
    private readonly OccasionalNotice _full = new(ErrorOutput.Say, time);

    /// <summary>Accepts and receives until it is told to stop; then it still reads what has arrived.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                if (places.CurrentCount == 0)
                {
                    _full.Add(_ => "too many connections: no more are accepted until one ends (--max-connections).");
                }

                await places.WaitAsync(stop);
                Serve(await AcceptAsync(stop), stop);
            }
        }
        catch (OperationCanceledException)
        {
            while (listener.Poll(0, SelectMode.SelectRead) && places.Wait(0, CancellationToken.None))
            {
                Serve(listener.Accept(), stop);
            }
        }

        await Task.WhenAll(_connections.Keys);
    }

    private async Task<Socket> AcceptAsync(CancellationToken stop)
    {
        while (true)
        {
            try
            {
                return await listener.AcceptAsync(stop);
            }
            catch (SocketException e) // the sender is gone already, or there are no more descriptors
            {
                _full.Add(_ => $"a connection could not be accepted: {e.Message}");
                await Task.Delay(TimeSpan.FromMilliseconds(100), time, stop);
            }
        }
    }

    private void Serve(Socket connection, CancellationToken stop)
    {
        var serving = ServeAsync(connection, stop);
        _connections[serving] = true;
        serving.ContinueWith(
            done => _connections.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private async Task ServeAsync(Socket connection, CancellationToken stop)
    {
        await Task.Yield();
        using var messages = new MessageBuffer(maxMessageBytes);
        // so that a sender whose machine is gone does not keep its place
        connection.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        try
        {
            using (connection)
            {
                await ReceiveAsync(connection, messages, stop);
            }

            messages.EndStream(Now());
            await intake.StoreAsync(messages);
        }
        finally
        {
            places.Release();
        }
    }

    private async Task ReceiveAsync(Socket connection, MessageBuffer messages, CancellationToken stop)
    {
        try
        {
            while (await IsThereMoreAsync(connection, stop) && await TakeAsync(connection, messages) > 0)
            {
                messages.Release();
            }

            for (var left = MaxLeftBytes; stop.IsCancellationRequested && left > 0 && connection.Available > 0;)
            {
                left -= await TakeAsync(connection, messages);
            }
        }
        catch (SocketException)
        {
            // The sender broke the connection: what has arrived is kept.
        }
    }

    /// <summary>Waits for data without a buffer; false: told to stop.</summary>
    private static async Task<bool> IsThereMoreAsync(Socket connection, CancellationToken stop)
    {
        try
        {
            await connection.ReceiveAsync(Memory<byte>.Empty, stop);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task<int> TakeAsync(Socket connection, MessageBuffer messages)
    {
        var before = messages.LongMessages;
        var read = await connection.ReceiveAsync(messages.Room(ReadBytes));
        messages.AddStream(read, Now());
        intake.TellLongMessages(messages.LongMessages - before, maxMessageBytes);
        await intake.StoreAsync(messages);
        return read;
    }

    private long Now() => time.GetUtcNow().ToUnixTimeMilliseconds();
}
