using KafkaLog.Wire.Messages;

namespace KafkaLog.Wire.Connections;

/// <summary>A request that was written and has no response yet.</summary>
/// <param name="sentAt">When it was written, as a timestamp of the clock.</param>
internal abstract class PendingResponse(long sentAt)
{
    public long SentAt => sentAt;

    /// <summary>Its response is there, without the size in front.</summary>
    /// <exception cref="Protocol.ProtocolException">It cannot be read. The request has failed with it.</exception>
    public abstract void Complete(ReadOnlySpan<byte> response);

    /// <summary>There will be no response.</summary>
    public abstract void Fail(Exception reason);
}

/// <inheritdoc/>
internal sealed class PendingResponse<TRequest, TResponse>(int correlationId, short version, long sentAt) : PendingResponse(sentAt)
    where TRequest : IRequest<TResponse>
{
    private readonly TaskCompletionSource<TResponse> _response = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<TResponse> Response => _response.Task;

    public override void Complete(ReadOnlySpan<byte> response)
    {
        try
        {
            _response.SetResult(RequestHeader.Read<TRequest, TResponse>(response, version, correlationId));
        }
        catch (Exception e)
        {
            _response.SetException(e);
            throw;
        }
    }

    public override void Fail(Exception reason) => _response.TrySetException(reason);
}
