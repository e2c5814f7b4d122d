using KafkaFeeder.Daemon.Transport;

namespace KafkaFeeder.Daemon.Tests.Support;

/// <summary>Batches of no file.</summary>
internal static class SomeBatch
{
    public const int BytesPerRecord = 10;

    /// <summary>A batch of so many records, behind as many bytes and records as its base offset says.</summary>
    public static OutboundBatch Of(
        long position, long baseOffset, int records, string segment = "20261121_100000_3600_UTC-orders.szn") => new()
    {
        Origin = new object(),
        SegmentName = segment,
        Position = position,
        EndPosition = position + (records * BytesPerRecord),
        BaseOffset = baseOffset,
        NextOffset = baseOffset + records,
        RecordsCount = records,
        StoredCrc = (uint)position + 7,
        BaseTimestamp = 1_000,
    };
}
