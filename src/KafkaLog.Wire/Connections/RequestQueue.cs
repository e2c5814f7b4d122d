using System.Diagnostics.CodeAnalysis;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// The requests of a connection without a response, in order, and how many of them there is room for. Pure; not thread-safe.
/// </summary>
internal sealed class RequestQueue
{
    /// <summary>
    /// Requests whose bytes are copied and that have no response, at most. A broker works through the requests of a connection one by
    /// one: so many that it never waits for the next are enough. Of one producer and partition a broker takes five (KIP-98), and a
    /// connection has several partitions.
    /// </summary>
    public const int MaxInFlight = 64;

    /// <summary>
    /// Copied bytes that are not written yet, at most; the request that reaches it may be beyond it, so that one of any size can be
    /// sent. More than a connection of 1 Gbit/s takes in 50 ms, and eight times the largest batch that brokers accept by default.
    /// </summary>
    public const int MaxBytesToWrite = 8 << 20;

    private readonly LinkedList<PendingRequest> _waiting = new();
    private readonly Queue<PendingRequest> _toWrite = new();
    private readonly Queue<PendingRequest> _sent = new();
    private long _bytesToWrite;
    private bool _isCopying;

    /// <summary>Requests whose bytes are copied, without a response.</summary>
    public int InFlight => _toWrite.Count + _sent.Count + (_isCopying ? 1 : 0);

    /// <summary>Requests that wait for room: nothing of them is copied.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Whether there is none.</summary>
    public bool IsEmpty => InFlight + Waiting == 0;

    /// <summary>Whether there is one to write.</summary>
    public bool HasToWrite => _toWrite.Count > 0;

    /// <summary>The one that was written first of those without a response; null: there is none.</summary>
    public PendingRequest? OldestSent => _sent.TryPeek(out var oldest) ? oldest : null;

    /// <summary>A new request: it waits for room.</summary>
    public void Add(PendingRequest request) => _waiting.AddLast(request);

    /// <summary>A request is not to be sent.</summary>
    /// <returns>False: it does not wait for room any more.</returns>
    public bool Remove(PendingRequest request) => _waiting.Remove(request);

    /// <summary>Takes the next request that there is room for. Its bytes are to be copied, then <see cref="Copied"/>; no other is to be
    /// taken before.</summary>
    public bool TryTakeWaiting([NotNullWhen(true)] out PendingRequest? request)
    {
        request = _waiting.First?.Value;
        if (request is null || InFlight >= MaxInFlight || _bytesToWrite >= MaxBytesToWrite)
        {
            request = null;
            return false;
        }

        _waiting.RemoveFirst();
        return _isCopying = true;
    }

    /// <summary>The request that was taken is copied.</summary>
    /// <param name="request">It; null: it could not be copied, and has failed.</param>
    public void Copied(PendingRequest? request)
    {
        _isCopying = false;
        if (request is not null)
        {
            _toWrite.Enqueue(request);
            _bytesToWrite += request.Bytes.Length;
        }
    }

    /// <summary>Takes the next request to write. From now on its response may come: after it was written, <see cref="Written"/>.</summary>
    /// <param name="now">A timestamp of the clock.</param>
    /// <param name="request">The request.</param>
    public bool TryTakeToWrite(long now, [NotNullWhen(true)] out PendingRequest? request)
    {
        if (!_toWrite.TryDequeue(out request))
        {
            return false;
        }

        request.SentAt = now;
        _sent.Enqueue(request);
        return true;
    }

    /// <summary>So many bytes were written.</summary>
    public void Written(int bytes) => _bytesToWrite -= bytes;

    /// <summary>Takes the request that the next response is for.</summary>
    public bool TryTakeSent([NotNullWhen(true)] out PendingRequest? request) => _sent.TryDequeue(out request);

    /// <summary>Takes all, in order. The memory of those that were not written is given back.</summary>
    public IReadOnlyList<PendingRequest> TakeAll()
    {
        foreach (var unwritten in _toWrite)
        {
            unwritten.ReleaseBytes();
        }

        List<PendingRequest> all = [.. _sent, .. _toWrite, .. _waiting];
        _sent.Clear();
        _toWrite.Clear();
        _waiting.Clear();
        return all;
    }
}
