using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// One connection to a broker. Requests are pipelined: the next is written without waiting for the response to the one before. A
/// broker answers the requests of a connection in their order. When anything goes wrong (the connection ends, a response does not
/// come in time or cannot be read), every request without a response fails, and the connection cannot be used any more.
/// Thread-safe.
/// </summary>
internal sealed class BrokerConnection : IAsyncDisposable
{
    /// <summary>The largest response that is read, in bytes: more than any that is asked for.</summary>
    public const int MaxResponseBytes = 64 << 20;

    private readonly Stream _stream;
    private readonly string _address;
    private readonly string _clientId;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeProvider _time;
    private readonly PipeReader _reader;
    private readonly Lock _lock = new();
    private readonly Queue<PendingResponse> _pending = new();
    private readonly Queue<WireWriter> _toWrite = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _reading;
    private ApiVersionsResponse _versions = new(KafkaError.None, new Dictionary<ApiKey, (short, short)>());
    private Exception? _failure;
    private int _lastCorrelationId = -1;
    private bool _isWriting;
    private long _answeredAt;
    private long _answers;
    private TaskCompletionSource? _idle;

    private BrokerConnection(Stream stream, string address, string clientId, TimeSpan requestTimeout, TimeProvider time)
    {
        _stream = stream;
        _address = address;
        _clientId = clientId;
        _requestTimeout = requestTimeout;
        _time = time;
        _reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 16 << 10, leaveOpen: true));
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>Why it cannot be used any more; null while it can.</summary>
    public Exception? Failure
    {
        get
        {
            lock (_lock)
            {
                return _failure;
            }
        }
    }

    /// <summary>True if it ended after it had answered, while no request waited: brokers close connections that are idle.</summary>
    public bool EndedIdle { get; private set; }

    /// <summary>Requests without a response.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _pending.Count;
            }
        }
    }

    /// <summary>Takes over an open stream and asks the broker which versions it has.</summary>
    /// <param name="stream">A connected stream; disposed of with the connection, also when this fails.</param>
    /// <param name="address">The broker's address, for messages.</param>
    /// <param name="clientId">The name of this client in the broker's logs and quotas.</param>
    /// <param name="requestTimeout">After so long without the response to the oldest request, the connection is given up.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends the attempt.</param>
    /// <exception cref="ConnectionLostException">The broker ended the connection or did not answer.</exception>
    /// <exception cref="ProtocolException">What answers is no Kafka broker, or one that is older than this client can use.</exception>
    public static async Task<BrokerConnection> OpenAsync(
        Stream stream, string address, string clientId, TimeSpan requestTimeout, TimeProvider time, CancellationToken cancellation)
    {
        var connection = new BrokerConnection(stream, address, clientId, requestTimeout, time);
        try
        {
            var versions = await connection.SendAsync<ApiVersionsRequest, ApiVersionsResponse>(default, version: 0)
                .WaitAsync(cancellation).ConfigureAwait(false);
            if (versions.Error != KafkaError.None)
            {
                throw new ProtocolException($"{address} answers ApiVersions with {versions.Error}");
            }

            connection._versions = versions;
            return connection;
        }
        catch
        {
            await connection.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>The version in which a request would be sent; null: the broker and this client have none in common.</summary>
    public short? VersionOf<TRequest, TResponse>()
        where TRequest : IRequest<TResponse> => _versions.VersionOf(TRequest.Api);

    /// <summary>Sends a request, after those that were sent before. Its bytes are copied before this returns.</summary>
    /// <returns>The response.</returns>
    /// <exception cref="ConnectionLostException">There will be no response: what the broker did is not known.</exception>
    /// <exception cref="ProtocolException">The response cannot be read, or the broker does not have this request.</exception>
    public Task<TResponse> SendAsync<TRequest, TResponse>(TRequest request)
        where TRequest : IRequest<TResponse> => VersionOf<TRequest, TResponse>() is { } version
        ? SendAsync<TRequest, TResponse>(request, version)
        : Task.FromException<TResponse>(new ProtocolException($"{_address} does not have {TRequest.Api.Key} in a version of this client"));

    public async ValueTask DisposeAsync()
    {
        Fail(new ConnectionLostException($"the connection to {_address} was closed"));
        await _reading.ConfigureAwait(false);
        await WhenNotWriting().ConfigureAwait(false);
    }

    /// <summary>The request is written into a buffer of its own before anything is waited for: the caller may reuse its memory.</summary>
    private Task<TResponse> SendAsync<TRequest, TResponse>(TRequest request, short version)
        where TRequest : IRequest<TResponse>
    {
        var writer = new WireWriter();
        try
        {
            var id = Interlocked.Increment(ref _lastCorrelationId);
            RequestHeader.Write<TRequest, TResponse>(writer, request, version, id, _clientId);
            var pending = new PendingResponse<TRequest, TResponse>(id, version, _time.GetTimestamp());
            lock (_lock)
            {
                if (_failure is not null)
                {
                    throw Lost(_failure);
                }

                _pending.Enqueue(pending); // before it is written: the response may be faster than this thread
                _toWrite.Enqueue(writer); // in the same order
            }

            WriteQueued();
            return pending.Response;
        }
        catch (Exception e)
        {
            writer.Dispose();
            return Task.FromException<TResponse>(e);
        }
    }

    /// <summary>Begins to write what is queued, unless somebody does.</summary>
    private void WriteQueued()
    {
        lock (_lock)
        {
            if (_isWriting)
            {
                return;
            }

            _isWriting = true;
        }

        _ = WriteAsync();
    }

    /// <summary>Never throws. A request of which a part was written cannot be taken back: the connection ends with it.</summary>
    private async Task WriteAsync()
    {
        while (true)
        {
            WireWriter? next;
            lock (_lock)
            {
                if (!_toWrite.TryDequeue(out next))
                {
                    _isWriting = false;
                    _idle?.TrySetResult();
                    return;
                }
            }

            try
            {
                await _stream.WriteAsync(next.Written, _ended.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Fail(e); // what is queued fails too: its writes throw at once
            }

            next.Dispose();
        }
    }

    private Task WhenNotWriting()
    {
        lock (_lock)
        {
            return _isWriting ? (_idle ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task : Task.CompletedTask;
        }
    }

    private async Task ReadAsync()
    {
        try
        {
            while (true)
            {
                var read = await ReadSomeAsync().ConfigureAwait(false);
                var rest = read.Buffer;
                while (TryTakeResponse(ref rest, out var response))
                {
                    Complete(response);
                }

                _reader.AdvanceTo(rest.Start, rest.End);
                if (read.IsCompleted)
                {
                    throw new EndOfStreamException("the broker closed the connection");
                }
            }
        }
        catch (Exception e)
        {
            Fail(e);
        }

        await _reader.CompleteAsync().ConfigureAwait(false);
        await _stream.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Waits for bytes, no longer than the oldest request may take. A read in progress is never abandoned: it writes into a
    /// buffer of the reader.</summary>
    private async Task<ReadResult> ReadSomeAsync()
    {
        var reading = _reader.ReadAsync(_ended.Token).AsTask();
        while (!reading.IsCompleted)
        {
            var left = TimeLeft();
            if (left <= TimeSpan.Zero)
            {
                Fail(new TimeoutException($"no response within {_requestTimeout.TotalSeconds} s")); // ends the read
                break;
            }

            using var stop = new CancellationTokenSource();
            await Task.WhenAny(reading, Task.Delay(WholeMilliseconds(left), _time, stop.Token)).ConfigureAwait(false);
            stop.Cancel();
        }

        return await reading.ConfigureAwait(false);
    }

    /// <summary>Rounded up: a timer counts whole milliseconds, and takes -1 forever.</summary>
    private static TimeSpan WholeMilliseconds(TimeSpan time) =>
        TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(time.TotalMilliseconds)));

    /// <summary>
    /// How long the oldest request may take yet. A broker works through the requests of a connection one by one, so its time begins
    /// when the one before it was answered.
    /// </summary>
    private TimeSpan TimeLeft()
    {
        lock (_lock)
        {
            return _pending.TryPeek(out var oldest)
                ? _requestTimeout - _time.GetElapsedTime(Math.Max(oldest.SentAt, _answeredAt))
                : _requestTimeout;
        }
    }

    private static bool TryTakeResponse(ref ReadOnlySequence<byte> rest, out ReadOnlySequence<byte> response)
    {
        response = default;
        if (rest.Length < RequestHeader.SizeBytes)
        {
            return false;
        }

        Span<byte> size = stackalloc byte[RequestHeader.SizeBytes];
        rest.Slice(0, RequestHeader.SizeBytes).CopyTo(size);
        var bytes = BinaryPrimitives.ReadInt32BigEndian(size);
        if (bytes is < 4 or > MaxResponseBytes)
        {
            throw new ProtocolException($"a response has {bytes} bytes; expected 4 to {MaxResponseBytes}");
        }

        if (rest.Length - RequestHeader.SizeBytes < bytes)
        {
            return false;
        }

        response = rest.Slice(RequestHeader.SizeBytes, bytes);
        rest = rest.Slice(response.End);
        return true;
    }

    private void Complete(in ReadOnlySequence<byte> response)
    {
        PendingResponse? pending;
        lock (_lock)
        {
            if (!_pending.TryDequeue(out pending))
            {
                throw new ProtocolException("a response came to no request");
            }

            _answeredAt = _time.GetTimestamp();
            _answers++;
        }

        if (response.IsSingleSegment)
        {
            pending.Complete(response.FirstSpan);
            return;
        }

        var bytes = ArrayPool<byte>.Shared.Rent((int)response.Length);
        try
        {
            response.CopyTo(bytes);
            pending.Complete(bytes.AsSpan(0, (int)response.Length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Fail(Exception reason)
    {
        PendingResponse[] left;
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = reason;
            left = [.. _pending];
            EndedIdle = left.Length == 0 && _answers > 1; // the first is that to ApiVersions
            _pending.Clear();
        }

        foreach (var pending in left)
        {
            pending.Fail(Lost(reason));
        }

        _ended.Cancel();
    }

    private Exception Lost(Exception reason) => reason is ProtocolException or ConnectionLostException
        ? reason
        : new ConnectionLostException($"the connection to {_address} was lost: {reason.Message}", reason);
}
