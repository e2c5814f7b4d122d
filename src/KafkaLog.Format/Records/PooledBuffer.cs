using System.Buffers;

namespace KafkaLog.Format.Records;

/// <summary>Growth of buffers from the pool.</summary>
internal static class PooledBuffer
{
    /// <summary>Makes room for <paramref name="more"/> bytes after the first <paramref name="used"/>, which are kept.</summary>
    public static void Reserve(ref byte[] buffer, int used, int more)
    {
        if (buffer.Length - used >= more)
        {
            return;
        }

        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(used + more), (int)Math.Min(buffer.Length * 2L, Array.MaxLength)));
        buffer.AsSpan(0, used).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(buffer);
        buffer = larger;
    }
}
