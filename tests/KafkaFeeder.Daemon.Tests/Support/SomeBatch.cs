using KafkaFeeder.Daemon.Shipping.Reading;
using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>Batches that are in no file.</summary>
internal static class SomeBatch
{
    public const int BytesPerRecord = 10;

    /// <summary>A batch that was read and not sent yet.</summary>
    public static PendingBatch Pending(long position, long baseOffset, int records) => new(Of(position, baseOffset, records));

    /// <summary>A batch of this many records at a position.</summary>
    public static StoredBatch Of(
        long position, long baseOffset, int records, string segment = "20261121_100000_3600_UTC-orders.szn") => new()
    {
        FileName = segment,
        Position = position,
        EndPosition = position + (records * BytesPerRecord),
        BaseOffset = baseOffset,
        NextOffset = baseOffset + records,
        RecordsCount = records,
        StoredCrc = (uint)position + 7,
        BaseTimestamp = 1_000,
    };
}
