using System.Net.Sockets;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary>
/// Messages from a datagram socket, one per datagram. It goes on receiving while earlier ones are being stored, up to a
/// limit: they are no safer in the socket's small queue, and some senders drop messages when that is full.
/// </summary>
internal sealed class DatagramListener(Socket socket, Intake intake, int maxMessageBytes, TimeProvider time)
{
    // The largest datagram that Linux lets a sender send unless its limits were raised (twice net.core.wmem_max); UDP has 64 KiB.
    private const int MaxDatagramBytes = 512 * 1024;

    // The most that may wait while earlier messages are being stored.
    private const int MaxWaitingBytes = 4 << 20;

    // The most messages that are received after the signal to stop: more than a receive buffer of the usual size holds.
    private const int MaxLeftMessages = 100_000;

    private readonly OccasionalNotice _errors = new(ErrorOutput.Say, time);
    private readonly byte[] _datagram = new byte[MaxDatagramBytes];

    /// <summary>Receives until it is told to stop; then it still reads what has arrived.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var first = new MessageBuffer(maxMessageBytes);
        using var second = new MessageBuffer(maxMessageBytes);
        var (waiting, stored) = (first, second);
        var storing = Task.CompletedTask;
        var receiving = ReceiveAsync(stop);
        var left = MaxLeftMessages;
        while (true)
        {
            // Waits for whichever comes first, but not to receive if there is no room, nor to store if nothing is being stored.
            var isFull = waiting.Bytes >= MaxWaitingBytes;
            await Task.WhenAny(isFull ? storing : receiving, storing.IsCompleted ? receiving : storing);
            if (receiving.IsCompleted && !isFull)
            {
                var bytes = await receiving;
                if (bytes is null)
                {
                    break;
                }

                Add(waiting, bytes.Value);
                TakeWhatIsThere(waiting);
                receiving = ReceiveAsync(stop);
            }

            if (storing.IsCompleted && waiting.HasRecords)
            {
                (waiting, stored) = (stored, waiting);
                storing = intake.StoreAsync(stored);
            }
        }

        await storing;
        do
        {
            left -= TakeWhatIsThere(waiting);
            await intake.StoreAsync(waiting);
        }
        while (left > 0 && socket.Available > 0);
    }

    /// <summary>Waits for a datagram; null: told to stop.</summary>
    private async Task<int?> ReceiveAsync(CancellationToken stop)
    {
        try
        {
            return await socket.ReceiveAsync(_datagram.AsMemory(), stop);
        }
        catch (OperationCanceledException)
        {
            return null;
        }
        catch (SocketException e)
        {
            _errors.Add(_ => $"a datagram could not be received: {e.Message}");
            return 0;
        }
    }

    private int TakeWhatIsThere(MessageBuffer messages)
    {
        var count = 0;
        while (messages.Bytes < MaxWaitingBytes && socket.Available > 0)
        {
            Add(messages, socket.Receive(_datagram));
            count++;
        }

        return count;
    }

    private void Add(MessageBuffer messages, int bytes)
    {
        var before = messages.LongMessages;
        messages.AddDatagram(_datagram.AsSpan(0, bytes), time.GetUtcNow().ToUnixTimeMilliseconds());
        intake.TellLongMessages(messages.LongMessages - before, maxMessageBytes);
    }
}
