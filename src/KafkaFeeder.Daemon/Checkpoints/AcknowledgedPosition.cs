using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>A position in a segment before which everything is settled: acknowledged, or recorded in the ledger.</summary>
/// <param name="Position">The position of the first batch that is not settled, or the end of what was read.</param>
/// <param name="Record">The number of settled records at the front of that batch.</param>
/// <param name="NextOffset">The offset of the first record that is not settled; less if the file was cut.</param>
/// <param name="LastBatchPosition">Where the batch before <paramref name="Position"/> starts; null if unknown.</param>
/// <param name="LastBatchCrc">Its CRC as stored, to check later that the file is the same. 0: it is a skipped torn tail.</param>
/// <param name="Records">
/// The number of settled records of the segment, including <paramref name="Record"/>. It cannot be computed from offsets, since they
/// may have holes.
/// </param>
/// <param name="BatchCrc">
/// The CRC as stored of the batch that <paramref name="Record"/> refers to. In any other batch, no record is settled. Null if unknown.
/// </param>
[StructLayout(LayoutKind.Auto)] // small, since there may be 100,000
internal readonly record struct AcknowledgedPosition(
    long Position, int Record, long NextOffset, long? LastBatchPosition, uint LastBatchCrc, long Records = 0, uint? BatchCrc = null)
{
    private readonly long _afterLastBatchPosition = LastBatchPosition + 1 ?? 0; // 0: unknown

    /// <summary>Where the batch before <see cref="Position"/> starts; null if unknown.</summary>
    public long? LastBatchPosition
    {
        get => _afterLastBatchPosition == 0 ? null : _afterLastBatchPosition - 1;
        init => _afterLastBatchPosition = value + 1 ?? 0;
    }

    /// <summary>The offset of the first record of the batch at <see cref="Position"/>, or less.</summary>
    public long BatchOffset => Math.Max(0, NextOffset - Record);

    /// <summary>The same position, with no record of the next batch settled.</summary>
    public AcknowledgedPosition WithoutRecord() =>
        this with { Record = 0, NextOffset = BatchOffset, Records = Math.Max(0, Records - Record), BatchCrc = null };
}
