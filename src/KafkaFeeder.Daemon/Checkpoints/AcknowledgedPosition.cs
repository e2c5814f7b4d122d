using System.Runtime.InteropServices;

namespace KafkaFeeder.Daemon.Checkpoints;

/// <summary>A place in a segment before which everything is settled.</summary>
/// <param name="Position">The first byte of the batch that is not settled, or the end of what was read.</param>
/// <param name="Record">Records of that batch, from its first, that are settled all the same.</param>
/// <param name="NextOffset">The offset of the first record that is not settled; less, where the file was cut.</param>
/// <param name="LastBatchPosition">Where the batch in front of <paramref name="Position"/> begins; null if unknown.</param>
/// <param name="LastBatchCrc">Its CRC-32C as stored: proof, later, that the file still is the same.</param>
/// <param name="Records">Records of the segment that are settled, <paramref name="Record"/> included: offsets may have holes.</param>
/// <param name="BatchCrc">
/// The CRC as stored of the batch that <paramref name="Record"/> counts in: of another one none is settled. Null if unknown.
/// </param>
[StructLayout(LayoutKind.Auto)] // there may be a hundred thousand
internal readonly record struct AcknowledgedPosition(
    long Position, int Record, long NextOffset, long? LastBatchPosition, uint LastBatchCrc, long Records = 0, uint? BatchCrc = null)
{
    private readonly long _afterLastBatchPosition = LastBatchPosition + 1 ?? 0; // 0: unknown

    /// <summary>Where the batch in front of <see cref="Position"/> begins; null if unknown.</summary>
    public long? LastBatchPosition
    {
        get => _afterLastBatchPosition == 0 ? null : _afterLastBatchPosition - 1;
        init => _afterLastBatchPosition = value + 1 ?? 0;
    }

    /// <summary>The offset of the first record of the batch at <see cref="Position"/>, or less.</summary>
    public long BatchOffset => Math.Max(0, NextOffset - Record);

    /// <summary>The same place, with no record of the next batch settled.</summary>
    public AcknowledgedPosition WithoutRecord() =>
        this with { Record = 0, NextOffset = BatchOffset, Records = Math.Max(0, Records - Record), BatchCrc = null };
}
