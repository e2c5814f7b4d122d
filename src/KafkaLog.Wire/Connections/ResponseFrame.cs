using System.Buffers;
using System.Buffers.Binary;
using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Connections;

/// <summary>Finds where a response ends in the bytes of a connection. Pure.</summary>
internal static class ResponseFrame
{
    /// <summary>The largest response that is read, in bytes: more than any that is asked for.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>Takes a whole response.</summary>
    /// <param name="rest">What was read; after it, what follows the response.</param>
    /// <param name="response">The response, without the size in front.</param>
    /// <returns>False: it is not whole yet.</returns>
    /// <exception cref="ProtocolException">No response has such a size.</exception>
    public static bool TryTake(ref ReadOnlySequence<byte> rest, out ReadOnlySequence<byte> response)
    {
        response = default;
        if (rest.Length < RequestHeader.SizeBytes)
        {
            return false;
        }

        Span<byte> size = stackalloc byte[RequestHeader.SizeBytes];
        rest.Slice(0, RequestHeader.SizeBytes).CopyTo(size);
        var bytes = BinaryPrimitives.ReadInt32BigEndian(size);
        if (bytes is < 4 or > MaxBytes)
        {
            throw new ProtocolException($"a response has {bytes} bytes; expected 4 to {MaxBytes}");
        }

        if (rest.Length - RequestHeader.SizeBytes < bytes)
        {
            return false;
        }

        response = rest.Slice(RequestHeader.SizeBytes, bytes);
        rest = rest.Slice(response.End);
        return true;
    }
}
