using System.Buffers;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.Reading;
using Microsoft.Win32.SafeHandles;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Recovering;

/// <summary>Copies the sound batches of a segment, byte for byte, and, if asked to, the damaged bytes between them.</summary>
/// <param name="source">The segment, a second time.</param>
/// <param name="sound">Takes the sound batches.</param>
/// <param name="damaged">Takes the rest; null: nobody does.</param>
internal sealed class Recovery(SafeFileHandle source, NewFile sound, NewFile? damaged) : IInspector
{
    private const int CopyBytes = 256 * 1024;

    public long Batches { get; private set; }

    /// <summary>Batches whose base offset was damaged, outside the CRC, and is right in the copy.</summary>
    public long Repaired { get; private set; }

    public long Bytes { get; private set; }

    public void Sound(SegmentScan scan)
    {
        var batch = scan.Batch.Span;
        sound.Write(batch);
        Repaired += scan.DamagedBaseOffset is null ? 0 : 1;
        Batches++;
        Bytes += batch.Length;
    }

    public void Damaged(long position, long endPosition)
    {
        if (damaged is null)
        {
            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(CopyBytes);
        try
        {
            while (position < endPosition)
            {
                var wanted = (int)Math.Min(buffer.Length, endPosition - position);
                var read = RandomAccess.Read(source, buffer.AsSpan(0, wanted), position);
                if (read == 0)
                {
                    throw new IOException($"the file ended at byte {position} while it was read: something else changes it");
                }

                damaged.Write(buffer.AsSpan(0, read));
                position += read;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
