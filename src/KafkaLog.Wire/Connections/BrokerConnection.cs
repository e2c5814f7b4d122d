using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.IO.Pipelines;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;
using KafkaLog.Wire.Security;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// One connection to a broker. Requests are pipelined: the next is written without waiting for the response to the one before. A
/// broker answers the requests of a connection in their order. When anything goes wrong (the connection ends, a response does not
/// come in time or cannot be read), every request without a response fails, and the connection cannot be used any more.
/// Thread-safe.
/// </summary>
internal sealed class BrokerConnection : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly string _address;
    private readonly string _clientId;
    private readonly TimeSpan _requestTimeout;
    private readonly TimeProvider _time;
    private readonly PipeReader _reader;
    private readonly Lock _lock = new();
    private readonly RequestQueue _requests = new(); // with the lock
    private readonly Lock _copying = new(); // taken before the other lock
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _reading;
    private ApiVersionsResponse _versions = new(KafkaError.None, new Dictionary<ApiKey, (short, short)>());
    private Exception? _failure;
    private int _lastCorrelationId = -1; // with the lock of copying
    private bool _isWriting;
    private long? _mutedUntil;
    private long _answeredAt;
    private long _answers;
    private long _answersBefore = 1; // that to ApiVersions
    private bool _isClosing;
    private TaskCompletionSource? _idle;
    private TaskCompletionSource? _answered;

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

    /// <summary>True if it ended while no request waited, after it had answered one since <see cref="IsReady"/>: brokers close connections
    /// that are idle.</summary>
    public bool EndedIdle { get; private set; }

    /// <summary>The broker's address, for messages.</summary>
    public string Address => _address;

    /// <summary>How long it may be used; set before others see it.</summary>
    public Session Session { get; set; }

    /// <summary>Requests that were taken over and have no response; at most <see cref="RequestQueue.MaxInFlight"/>.</summary>
    public int InFlight
    {
        get
        {
            lock (_lock)
            {
                return _requests.InFlight;
            }
        }
    }

    /// <summary>Requests that wait for room.</summary>
    public int Waiting
    {
        get
        {
            lock (_lock)
            {
                return _requests.Waiting;
            }
        }
    }

    /// <summary>How long nothing more is written, because the broker asked for that (KIP-219).</summary>
    public TimeSpan Throttled
    {
        get
        {
            lock (_lock)
            {
                return MutedFor(_time.GetTimestamp());
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
            var versions = await connection.Send<ApiVersionsRequest, ApiVersionsResponse>(default, version: 0).Response
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

    /// <summary>
    /// Sends a request, after those that were sent before. Its bytes are copied before this returns if there is room for it (see
    /// <see cref="RequestQueue"/>). If there is none, it waits for room first, and its memory has to stay as it is until the response is
    /// there; who has to know earlier uses <see cref="QueueAsync"/>.
    /// </summary>
    /// <returns>The response.</returns>
    /// <exception cref="ConnectionLostException">There will be no response: what the broker did is not known.</exception>
    /// <exception cref="ProtocolException">The response cannot be read.</exception>
    /// <exception cref="BrokerTooOldException">The broker and this client have no version of this request in common.</exception>
    public Task<TResponse> SendAsync<TRequest, TResponse>(TRequest request)
        where TRequest : IRequest<TResponse> => VersionOf<TRequest, TResponse>() is { } version
        ? Send<TRequest, TResponse>(request, version).Response
        : Task.FromException<TResponse>(Unknown(TRequest.Api));

    /// <summary>Takes over a request when there is room for it, after those that were sent before.</summary>
    /// <returns>Ends when the bytes of the request are copied. Its result is the response, which fails as that of
    /// <see cref="SendAsync{TRequest, TResponse}(TRequest)"/>.</returns>
    /// <exception cref="OperationCanceledException">Cancelled before there was room: nothing is sent. Later cancelling does
    /// nothing.</exception>
    public async Task<Task<TResponse>> QueueAsync<TRequest, TResponse>(TRequest request, CancellationToken cancellation)
        where TRequest : IRequest<TResponse>
    {
        cancellation.ThrowIfCancellationRequested();
        if (VersionOf<TRequest, TResponse>() is not { } version)
        {
            return Task.FromException<TResponse>(Unknown(TRequest.Api));
        }

        var pending = Send<TRequest, TResponse>(request, version);
        try
        {
            return await pending.Copied.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            if (TryRemove(pending))
            {
                throw;
            }

            return pending.Response;
        }
    }

    /// <summary>It is authenticated and checked: from now on requests are those for which it was made.</summary>
    public void IsReady()
    {
        lock (_lock)
        {
            _answersBefore = _answers;
        }
    }

    /// <summary>Takes no request any more, and closes the connection when those before have their responses, or it has failed.</summary>
    public async Task CloseWhenAnsweredAsync()
    {
        Task answered;
        lock (_lock)
        {
            _isClosing = true;
            answered = _requests.IsEmpty || _failure is not null
                ? Task.CompletedTask
                : (_answered ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }

        await answered.ConfigureAwait(false);
        await DisposeAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        Fail(Closed());
        await _reading.ConfigureAwait(false);
        await WhenNotWriting().ConfigureAwait(false);
    }

    private PendingRequest<TRequest, TResponse> Send<TRequest, TResponse>(TRequest request, short version)
        where TRequest : IRequest<TResponse>
    {
        var pending = new PendingRequest<TRequest, TResponse>(request, version);
        Exception? failure;
        lock (_lock)
        {
            failure = _failure ?? (_isClosing ? Closed() : null);
            if (failure is null)
            {
                _requests.Add(pending);
            }
        }

        if (failure is not null)
        {
            pending.Fail(Lost(failure));
            return pending;
        }

        CopyWaiting();
        WriteQueued();
        return pending;
    }

    /// <summary>
    /// Copies the requests that there is room for. One at a time, so that not more is copied than may be. When this returns, those that
    /// waited before it was called are copied, by this thread or another, or there is no room for them.
    /// </summary>
    private void CopyWaiting()
    {
        lock (_copying)
        {
            while (TryTakeWaiting(out var request))
            {
                var isCopied = request.TryCopy(++_lastCorrelationId, _clientId);
                Exception? failure;
                lock (_lock)
                {
                    failure = _failure;
                    _requests.Copied(isCopied && failure is null ? request : null);
                }

                if (failure is not null)
                {
                    request.ReleaseBytes();
                    request.Fail(Lost(failure));
                }
            }
        }
    }

    private bool TryTakeWaiting([NotNullWhen(true)] out PendingRequest? request)
    {
        lock (_lock)
        {
            if (_requests.TryTakeWaiting(out request))
            {
                return true;
            }

            SignalIfAllAnswered();
            return false;
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
            PendingRequest? next = null;
            TimeSpan muted;
            lock (_lock)
            {
                var now = _time.GetTimestamp();
                muted = _requests.HasToWrite ? MutedFor(now) : TimeSpan.Zero;
                if (muted == TimeSpan.Zero && !_requests.TryTakeToWrite(now, out next))
                {
                    _isWriting = false;
                    _idle?.TrySetResult();
                    return;
                }
            }

            if (next is null)
            {
                await WaitAsync(muted).ConfigureAwait(false);
                continue;
            }

            var bytes = next.Bytes;
            try
            {
                await _stream.WriteAsync(bytes, _ended.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Fail(e);
            }

            next.ReleaseBytes();
            lock (_lock)
            {
                _requests.Written(bytes.Length);
            }

            CopyWaiting();
        }
    }

    /// <summary>Returns after that time, or when the connection has ended.</summary>
    private async Task WaitAsync(TimeSpan time) =>
        await Task.Delay(TimerLength.Of(time), _time, _ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <summary>To be called with the lock.</summary>
    private TimeSpan MutedFor(long now) => _mutedUntil is { } until && until > now ? _time.GetElapsedTime(now, until) : TimeSpan.Zero;

    private void Mute(int throttleMs)
    {
        if (throttleMs > 0)
        {
            lock (_lock)
            {
                var until = _time.GetTimestamp() + (long)(throttleMs / 1000.0 * _time.TimestampFrequency);
                _mutedUntil = Math.Max(_mutedUntil ?? until, until);
            }
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
                while (ResponseFrame.TryTake(ref rest, out var response))
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
            await Task.WhenAny(reading, Task.Delay(TimerLength.Of(left), _time, stop.Token)).ConfigureAwait(false);
            stop.Cancel();
        }

        return await reading.ConfigureAwait(false);
    }

    /// <summary>
    /// How long the oldest request may take yet. A broker works through the requests of a connection one by one, so its time begins
    /// when the one before it was answered, and after the time in which the broker reads nothing from us.
    /// </summary>
    private TimeSpan TimeLeft()
    {
        lock (_lock)
        {
            return _requests.OldestSent is { } oldest
                ? _requestTimeout - _time.GetElapsedTime(Math.Max(Math.Max(oldest.SentAt, _answeredAt), _mutedUntil ?? 0))
                : _requestTimeout;
        }
    }

    private void Complete(in ReadOnlySequence<byte> response)
    {
        PendingRequest? request;
        lock (_lock)
        {
            if (!_requests.TryTakeSent(out request))
            {
                throw new ProtocolException("a response came to no request");
            }

            _answeredAt = _time.GetTimestamp();
            _answers++;
        }

        try
        {
            Mute(Read(request, response)); // before its sender knows of it, and sends the next
        }
        catch (Exception e)
        {
            request.Fail(e);
            throw;
        }

        request.Answer();
        CopyWaiting();
        WriteQueued();
    }

    private static int Read(PendingRequest request, in ReadOnlySequence<byte> response)
    {
        if (response.IsSingleSegment)
        {
            return request.Read(response.FirstSpan);
        }

        var bytes = ArrayPool<byte>.Shared.Rent((int)response.Length);
        try
        {
            response.CopyTo(bytes);
            return request.Read(bytes.AsSpan(0, (int)response.Length));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    private void Fail(Exception reason)
    {
        IReadOnlyList<PendingRequest> left;
        lock (_lock)
        {
            if (_failure is not null)
            {
                return;
            }

            _failure = reason;
            left = _requests.TakeAll();
            _answered?.TrySetResult();
            EndedIdle = left.Count == 0 && _answers > _answersBefore;
        }

        foreach (var request in left)
        {
            request.Fail(Lost(reason));
        }

        _ended.Cancel();
    }

    /// <summary>To be called with the lock.</summary>
    private void SignalIfAllAnswered()
    {
        if (_requests.IsEmpty)
        {
            _answered?.TrySetResult();
        }
    }

    private bool TryRemove(PendingRequest request)
    {
        lock (_lock)
        {
            var isRemoved = _requests.Remove(request);
            SignalIfAllAnswered();
            return isRemoved;
        }
    }

    private ConnectionLostException Closed() => new($"the connection to {_address} was closed");

    private BrokerTooOldException Unknown(Api api) => new($"{_address} does not have {api.Key} in a version of this client");

    private Exception Lost(Exception reason) => reason is ProtocolException or ConnectionLostException
        ? reason
        : new ConnectionLostException($"the connection to {_address} was lost: {reason.Message}", reason);
}
