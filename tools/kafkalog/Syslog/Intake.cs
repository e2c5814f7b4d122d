using System.Collections.Concurrent;
using KafkaFeeder.CommandLine;
using KafkaLog.Tool.CommandLine;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Syslog;

/// <summary>
/// Takes the messages of all sockets. One thread writes for all that wait (group commit); each socket waits until its
/// own are safe before it reads on, so what waits is bounded by the number of sockets.
/// </summary>
internal sealed class Intake : IDisposable
{
    private const int MaxSources = 64; // at most so many are written together

    private readonly PatientWriter _writer;
    private readonly BlockingCollection<(MessageBuffer Messages, TaskCompletionSource Stored)> _waiting = [];
    private readonly OccasionalNotice _longMessages;
    private readonly Thread _thread;

    public Intake(PatientWriter writer, TimeProvider time)
    {
        _writer = writer;
        _longMessages = new OccasionalNotice(ErrorOutput.Say, time);
        _thread = new Thread(Run) { Name = "intake" };
        _thread.Start();
    }

    /// <summary>Returns when the messages are as safe as was asked for; their room is free then.</summary>
    public async Task StoreAsync(MessageBuffer messages)
    {
        if (messages.HasRecords)
        {
            var stored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Add((messages, stored));
            await stored.Task;
        }

        messages.Stored();
    }

    /// <summary>Reports, at most every ten seconds, that messages were too long.</summary>
    public void TellLongMessages(long count, int maxBytes)
    {
        if (count > 0)
        {
            _longMessages.Add(
                since =>
                    $"{Quantity.Of(since, "message", "messages")} longer than {maxBytes} bytes, {_longMessages.Count} in all: each "
                        + "became several records (--max-message).",
                count);
        }
    }

    /// <summary>Writes what waits, and stops.</summary>
    public void Dispose()
    {
        _waiting.CompleteAdding();
        _thread.Join();
        _longMessages.Finish();
        _waiting.Dispose();
    }

    private void Run()
    {
        var sources = new List<IRecordSource>();
        var waiters = new List<TaskCompletionSource>();
        while (_waiting.TryTake(out var next, Timeout.Infinite))
        {
            do
            {
                sources.Add(next.Messages);
                waiters.Add(next.Stored);
            }
            while (sources.Count < MaxSources && _waiting.TryTake(out next));

            _writer.Store([.. sources]);
            waiters.ForEach(waiter => waiter.SetResult());
            sources.Clear();
            waiters.Clear();
        }
    }
}
