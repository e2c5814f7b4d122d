using System.Security.Cryptography;

namespace KafkaLog.Format.Records;

/// <summary>
/// The identity of a segment: a random number that its writer puts as producer id into each batch, under the CRC, with
/// the low bits of the base offset as sequence. It distinguishes a file from another one of the same name or inode, a batch
/// of this file from bytes that only look like one, and a damaged base offset from a true one (docs/decisions/0003).
/// </summary>
internal static class SegmentId
{
    // Brokers give out producer ids from 0 upwards: none of theirs is that large.
    private const long First = 1L << 62;

    /// <summary>A new identity.</summary>
    public static long Create()
    {
        Span<byte> random = stackalloc byte[sizeof(long)];
        RandomNumberGenerator.Fill(random);
        return (BitConverter.ToInt64(random) & (First - 1)) | First;
    }

    /// <summary>The identity that a batch carries; null if its writer sets none.</summary>
    public static long? Of(in RecordBatchHeader header) =>
        header.ProducerId >= First && header.ProducerEpoch == 0 ? header.ProducerId : null;

    /// <summary>The sequence number that belongs to an offset: it wraps as Kafka's does, at 2^31.</summary>
    public static int SequenceOf(long offset) => (int)(offset & int.MaxValue);
}
