using System.Text;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace HoleChecker.Generating;

/// <summary>Appends numbered messages to a log from several threads at once, as an application does.</summary>
internal sealed class MessageGenerator(GenerateOptions options, LogWriter writer, TimeProvider time)
{
    private static readonly TimeSpan Ahead = TimeSpan.FromMilliseconds(2);
    private long _written;

    /// <summary>Messages whose append returned; with several producers each of them counts from 1.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Returns when all are appended, or no producer can continue.</summary>
    /// <exception cref="LogWriteException">A message could not be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled; the messages that were appended are complete.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var all = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var producers = Enumerable.Range(1, options.Producers).Select(producer => Task.Run(() => ProduceAsync(producer, all)));
        await Task.WhenAll(producers);
    }

    /// <summary>How many of all messages are this producer's; producers count from 1.</summary>
    internal static long ShareOf(long count, int producers, int producer) => (count / producers) + (producer <= count % producers ? 1 : 0);

    private async Task ProduceAsync(int producer, CancellationTokenSource all)
    {
        var template = new MessageTemplate(options.Run, producer, options.ValueBytes);
        var key = Encoding.UTF8.GetBytes($"{producer}");
        var share = ShareOf(options.Count, options.Producers, producer);
        var started = time.GetTimestamp();
        try
        {
            for (var sequence = 1L; sequence <= share; sequence++)
            {
                if (options.Rate is { } rate)
                {
                    await WaitUntilDueAsync(TimeSpan.FromSeconds((sequence - 1) * (double)options.Producers / rate), started, all.Token);
                }

                all.Token.ThrowIfCancellationRequested();
                Append(template, key, sequence);
                Interlocked.Increment(ref _written);
            }
        }
        catch (LogWriteException)
        {
            await all.CancelAsync(); // so that the others stop at once
            throw;
        }
    }

    private async Task WaitUntilDueAsync(TimeSpan due, long started, CancellationToken cancellation)
    {
        var early = due - time.GetElapsedTime(started);
        if (early > Ahead)
        {
            await Task.Delay(early, time, cancellation);
        }
    }

    private void Append(MessageTemplate template, byte[] key, long sequence)
    {
        var now = time.GetUtcNow();
        var value = template.Write(now, sequence);
        var record = options.IsKeyed
            ? new NewRecord(now.ToUnixTimeMilliseconds(), key, value)
            : new NewRecord(now.ToUnixTimeMilliseconds(), value);
        writer.Append(record, options.Durability);
    }
}
