using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Connections;

/// <summary>
/// A request without a response. It waits for room; then its bytes are copied and wait to be written; then it waits for its response.
/// </summary>
internal abstract class PendingRequest
{
    private WireWriter? _copy;

    /// <summary>When it began to be written, as a timestamp of the clock.</summary>
    public long SentAt { get; set; }

    /// <summary>What is to be written; empty before <see cref="TryCopy"/> and after <see cref="ReleaseBytes"/>.</summary>
    public ReadOnlyMemory<byte> Bytes => _copy?.Written ?? default;

    /// <summary>Copies its bytes: after this its caller may use its memory for something else.</summary>
    /// <returns>False: it cannot be sent, and has failed.</returns>
    public bool TryCopy(int correlationId, string clientId)
    {
        var copy = new WireWriter();
        try
        {
            Write(copy, correlationId, clientId);
            _copy = copy;
            return true;
        }
        catch (Exception e)
        {
            copy.Dispose();
            Fail(e);
            return false;
        }
    }

    /// <summary>Gives back the memory of the copy.</summary>
    public void ReleaseBytes()
    {
        _copy?.Dispose();
        _copy = null;
    }

    /// <summary>Reads its response, without the size in front.</summary>
    /// <returns>How long the broker asks to send nothing more, ms.</returns>
    /// <exception cref="ProtocolException">It cannot be read.</exception>
    public abstract int Read(ReadOnlySpan<byte> response);

    /// <summary>Hands the response that was read to who waits for it.</summary>
    public abstract void Answer();

    /// <summary>There will be no response.</summary>
    public abstract void Fail(Exception reason);

    protected abstract void Write(WireWriter copy, int correlationId, string clientId);
}

/// <inheritdoc/>
internal sealed class PendingRequest<TRequest, TResponse>(TRequest request, short version) : PendingRequest
    where TRequest : IRequest<TResponse>
{
    private readonly TaskCompletionSource<TResponse> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<Task<TResponse>> _copied = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TRequest? _request = request;
    private TResponse? _read;
    private int _correlationId;

    /// <summary>The response.</summary>
    public Task<TResponse> Response => _response.Task;

    /// <summary>Ends when its bytes are copied, or it has failed before; never fails itself.</summary>
    public Task<Task<TResponse>> Copied => _copied.Task;

    public override int Read(ReadOnlySpan<byte> response)
    {
        _read = RequestHeader.Read<TRequest, TResponse>(response, version, _correlationId);
        return ThrottleTime.AskedBy(TRequest.Api.Key, version, _read);
    }

    public override void Answer() => _response.TrySetResult(_read!);

    public override void Fail(Exception reason)
    {
        _response.TrySetException(reason);
        _copied.TrySetResult(Response);
    }

    protected override void Write(WireWriter copy, int correlationId, string clientId)
    {
        RequestHeader.Write<TRequest, TResponse>(copy, _request!, version, correlationId, clientId);
        _correlationId = correlationId;
        _request = default; // its memory is not needed any more
        _copied.TrySetResult(Response);
    }
}
