using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Producing;

namespace KafkaFeeder.Daemon.Tests.Transport.Wire.Simulation;

/// <summary>
/// A connection of a client to a broker. The broker handles one request after the other. When the connection ends, the client gets no
/// more answers, but what it sent may still be handled for a while, also after requests that it sends later on another connection.
/// </summary>
internal sealed class SimulatedConnection(SimulatedCluster cluster, SimulatedClient client, int broker)
{
    /// <summary>So long may a request lie in a broken connection before it is handled.</summary>
    private static readonly TimeSpan LongestDelay = TimeSpan.FromMinutes(1);

    private readonly Queue<Request> _queue = new(); // not handled
    private readonly List<Request> _unanswered = []; // as the client sees it
    private Request? _waiting; // for the replicas
    private DateTimeOffset? _brokenAt;
    private bool _isKilled;

    public SimulatedClient Client => client;

    public int Broker => broker;

    public bool IsBroken => _brokenAt is not null;

    /// <summary>True if nothing is on the way.</summary>
    public bool IsIdle => (_queue.Count == 0 || IsBroken) && (_unanswered.Count == 0 || _isKilled);

    /// <summary>True if nothing more can come from it.</summary>
    public bool IsOver => IsBroken && _queue.Count == 0 && (_unanswered.Count == 0 || _isKilled);

    public bool CanServe => _waiting is not null || _queue.Count > 0;

    public bool CanDeliver => _unanswered.Exists(r => r.Result is not null);

    public bool CanTimeOut => _waiting is { IsHandled: true };

    /// <summary>The client sends a batch.</summary>
    public void Send(OutgoingBatch batch)
    {
        var request = new Request(batch, SimulatedBatch.Of(batch), cluster.Topic);
        _unanswered.Add(request);
        if (!cluster.Alive[broker])
        {
            BreakWithBroker();
            return;
        }

        _queue.Enqueue(request);
    }

    /// <summary>The broker handles the next request, or answers the one that waits for the replicas.</summary>
    public void Serve()
    {
        if (_brokenAt is { } since && (cluster.Time.GetUtcNow() - since > LongestDelay || cluster.Random.Next(4) == 0))
        {
            _queue.Clear();
            _waiting = null;
            return;
        }

        if (_waiting is null)
        {
            Handle(_queue.Dequeue());
            return;
        }

        if (_waiting.Topic != cluster.Topic)
        {
            Answer(_waiting, new(KafkaError.UnknownTopicOrPartition, -1));
            _waiting = null;
        }
        else if (_waiting.Topic.Partitions[_waiting.Sent.Partition].Answer(broker, _waiting.EndOffset) is { } error)
        {
            Answer(_waiting, error == KafkaError.None ? new(error, _waiting.BaseOffset) : new(error, -1));
            _waiting = null;
        }
    }

    /// <summary>The broker has waited long enough for the replicas.</summary>
    public void TimeOut()
    {
        Answer(_waiting!, new(KafkaError.RequestTimedOut, -1));
        _waiting = null;
    }

    /// <summary>An answer comes to the client.</summary>
    public void Deliver()
    {
        var request = cluster.Pick(_unanswered.FindAll(r => r.Result is not null))!;
        _unanswered.Remove(request);
        cluster.Trace?.Invoke($"answer: {request.Batch} -> {request.Result!.Value.Error}");
        request.Sent.Answered(request.Result!.Value);
    }

    /// <summary>It breaks. What is in it may still be handled.</summary>
    public void Break()
    {
        if (!IsBroken)
        {
            cluster.Trace?.Invoke($"a connection to {broker} breaks");
        }

        _brokenAt ??= cluster.Time.GetUtcNow();
        _isKilled |= client.IsKilled;
        if (_isKilled)
        {
            _unanswered.Clear();
        }

        foreach (var request in _unanswered)
        {
            request.Result ??= new(KafkaError.NetworkException, -1, "the connection was lost", new IOException("the connection was lost"));
        }
    }

    /// <summary>It breaks, and what is in it is gone.</summary>
    public void BreakWithBroker()
    {
        Break();
        _queue.Clear();
        _waiting = null;
    }

    private void Handle(Request request)
    {
        if (!cluster.Alive[broker] || request.Topic != cluster.Topic)
        {
            Answer(request, new(KafkaError.UnknownTopicOrPartition, -1));
            return;
        }

        var partition = request.Topic.Partitions[request.Sent.Partition];
        var append = partition.Append(broker, request.Batch, cluster.MaxBatchBytes);
        cluster.Trace?.Invoke(
            $"broker {broker}: partition {partition.Number} {request.Batch}{(IsBroken ? " (late)" : "")} "
                + $"-> {append.Error} {append.BaseOffset}");
        if (append.Error != KafkaError.None)
        {
            Answer(request, new(append.Error, -1) { Refused = Named(request.Batch, append.Error) });
            return;
        }

        request.IsHandled = true;
        request.BaseOffset = append.BaseOffset;
        request.EndOffset = append.EndOffset;
        _waiting = request;
    }

    /// <summary>Some brokers name the records that they refuse, others do not.</summary>
    private List<RefusedRecord> Named(SimulatedBatch batch, KafkaError error) =>
        error != KafkaError.InvalidRecord || cluster.Random.Next(2) == 0 ? []
            : [.. Enumerable.Range(0, batch.Count).Where(i => batch.IsRefused(i)).Select(i => new RefusedRecord(i, null))];

    private void Answer(Request request, AppendResult result)
    {
        if (!IsBroken)
        {
            request.Result = result;
        }
    }

    private sealed class Request(OutgoingBatch sent, SimulatedBatch batch, SimulatedTopic topic)
    {
        public OutgoingBatch Sent => sent;

        public SimulatedBatch Batch => batch;

        public SimulatedTopic Topic => topic;

        public bool IsHandled { get; set; }

        public long BaseOffset { get; set; }

        public long EndOffset { get; set; }

        public AppendResult? Result { get; set; }
    }
}
