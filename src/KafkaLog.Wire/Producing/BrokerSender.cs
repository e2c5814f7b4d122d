using KafkaLog.Wire.Cluster;
using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Producing;

/// <summary>
/// Sends the batches for the partitions that a broker leads: as many as there are in one request, at most one for each partition, and
/// a few requests at a time. A broker works through the requests of a connection one by one, so more would only wait there.
/// Thread-safe.
/// </summary>
internal sealed class BrokerSender(BrokerLink link, int timeoutMs)
{
    private const short AllInSync = -1;
    private const int MaxRequests = 4;

    /// <summary>A batch that is larger goes alone.</summary>
    private const int MaxRequestBytes = 2 << 20;

    private readonly Lock _lock = new();
    private readonly LinkedList<OutgoingBatch> _queue = new();
    private bool _isSending;
    private int _requests;

    /// <summary>Queues a batch. Answers come on other threads, never from within this call.</summary>
    public void Add(OutgoingBatch batch)
    {
        lock (_lock)
        {
            _queue.AddLast(batch);
        }

        SendIfIdle();
    }

    private void SendIfIdle()
    {
        lock (_lock)
        {
            if (_isSending || _requests == MaxRequests || _queue.Count == 0)
            {
                return;
            }

            _isSending = true;
            _requests++;
        }

        _ = Task.Run(SendAsync);
    }

    private async Task SendAsync()
    {
        var batches = new List<OutgoingBatch>();
        try
        {
            var connection = await link.GetAsync(CancellationToken.None).ConfigureAwait(false);
            batches = TakeRequest();
            var partitions = batches.ConvertAll(b => new PartitionBatch(b.Topic, b.Partition, b.Stamp, b.Bytes));
            var request = new ProduceRequest(AllInSync, timeoutMs, partitions);
            _ = CompleteAsync(connection.SendAsync<ProduceRequest, ProduceResponse>(request), request, batches);
        }
        catch (Exception e)
        {
            Ended();
            Fail(batches, e);
            Fail(TakeAll(), e); // none of them can be sent now
        }

        lock (_lock)
        {
            _isSending = false;
        }

        SendIfIdle();
    }

    private async Task CompleteAsync(Task<ProduceResponse> sent, ProduceRequest request, List<OutgoingBatch> batches)
    {
        IReadOnlyList<PartitionAppend> appends;
        try
        {
            appends = (await sent.ConfigureAwait(false)).For(request);
            link.Answered();
        }
        catch (Exception e)
        {
            Ended();
            Fail(batches, e);
            return;
        }

        Ended();
        for (var i = 0; i < batches.Count; i++)
        {
            batches[i].Answered(new AppendResult(appends[i].Error, appends[i].BaseOffset, MessageOf(appends[i]))
            {
                Refused = appends[i].Refused,
            });
        }
    }

    /// <summary>A request has its answer, or will have none.</summary>
    private void Ended()
    {
        lock (_lock)
        {
            _requests--;
        }

        SendIfIdle();
    }

    private static string? MessageOf(in PartitionAppend append) =>
        append.Refused.Count > 0 ? append.Refused[0].Message ?? append.ErrorMessage : append.ErrorMessage;

    private static void Fail(List<OutgoingBatch> batches, Exception reason)
    {
        foreach (var batch in batches)
        {
            batch.Answered(new AppendResult(KafkaError.NetworkException, -1, reason.Message, reason));
        }
    }

    /// <summary>The batches of the next request, sorted by topic.</summary>
    private List<OutgoingBatch> TakeRequest()
    {
        var taken = new List<OutgoingBatch>();
        var partitions = new HashSet<(string, int)>();
        var bytes = 0L;
        lock (_lock)
        {
            for (var node = _queue.First; node is not null && bytes < MaxRequestBytes;)
            {
                var (batch, next) = (node.Value, node.Next);

                // Of a partition whose first batch does not fit, no later one may go before it.
                if (partitions.Add((batch.Topic, batch.Partition)) && (taken.Count == 0 || bytes + batch.Bytes.Length <= MaxRequestBytes))
                {
                    bytes += batch.Bytes.Length;
                    taken.Add(batch);
                    _queue.Remove(node);
                }

                node = next;
            }
        }

        taken.Sort((left, right) => string.CompareOrdinal(left.Topic, right.Topic));
        return taken;
    }

    private List<OutgoingBatch> TakeAll()
    {
        lock (_lock)
        {
            List<OutgoingBatch> all = [.. _queue];
            _queue.Clear();
            return all;
        }
    }
}
