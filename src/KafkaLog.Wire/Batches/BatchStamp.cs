using System.Buffers.Binary;
using KafkaLog.Format;
using KafkaLog.Format.Checksums;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Batches;

/// <summary>
/// What is filled in on a stored batch of magic 2 when it is sent: who sends it and its place in the sequence of the partition. The
/// records stay as they are, compressed or not. Source: Kafka's <c>DefaultRecordBatch</c>; KIP-98.
/// <code>
/// position 0 base offset INT64 (0, or the broker answers 87) | 8 length INT32 | 12 partition leader epoch INT32 (-1) | 16 magic INT8
/// | 17 CRC-32C of all that follows | 21 attributes INT16 | 23 last offset delta INT32 | 27 base timestamp INT64 | 35 max timestamp INT64
/// | 43 producer id INT64 | 51 producer epoch INT16 | 53 base sequence INT32 | 57 records count INT32 | 61 records
/// </code>
/// </summary>
/// <param name="ProducerId">The producer id.</param>
/// <param name="ProducerEpoch">Its epoch.</param>
/// <param name="BaseSequence">The sequence of the first record: how many records of this producer id are in the partition before it,
/// modulo 2^31.</param>
internal readonly record struct BatchStamp(long ProducerId, short ProducerEpoch, int BaseSequence)
{
    private const int HeaderBytes = 61;
    private const int LengthPosition = 8;
    private const int LeaderEpochPosition = 12;
    private const int MagicPosition = 16;
    private const int CrcPosition = 17;
    private const int AttributesPosition = 21;
    private const int ProducerIdPosition = 43;

    /// <summary>The sequence after a number of records: it starts again at 0 after 2^31 - 1.</summary>
    public static int SequenceAfter(int sequence, int records) => (int)(((long)sequence + records) & int.MaxValue);

    /// <summary>Writes the batch as BYTES.</summary>
    /// <exception cref="ArgumentException">It is no whole batch of magic 2.</exception>
    /// <exception cref="CorruptBatchException">It is not what it was when its CRC was written: a new CRC would hide that.</exception>
    public void WriteTo(WireWriter writer, ReadOnlySpan<byte> stored)
    {
        if (stored.Length < HeaderBytes || stored[MagicPosition] != 2
            || BinaryPrimitives.ReadInt32BigEndian(stored[LengthPosition..]) != stored.Length - LengthPosition - 4)
        {
            throw new ArgumentException("only whole batches of magic 2 can be sent as they are stored");
        }

        var storedStart = Crc32C.Compute(stored[AttributesPosition..HeaderBytes]);
        var storedCrc = Crc32C.Append(storedStart, stored[HeaderBytes..]);
        if (storedCrc != BinaryPrimitives.ReadUInt32BigEndian(stored[CrcPosition..]))
        {
            throw new CorruptBatchException("the CRC-32C of a batch does not match: it was changed after it was read");
        }

        Span<byte> header = stackalloc byte[HeaderBytes];
        stored[..HeaderBytes].CopyTo(header);
        BinaryPrimitives.WriteInt64BigEndian(header, 0);
        BinaryPrimitives.WriteInt32BigEndian(header[LeaderEpochPosition..], -1);
        BinaryPrimitives.WriteInt64BigEndian(header[ProducerIdPosition..], ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(header[(ProducerIdPosition + 8)..], ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(header[(ProducerIdPosition + 10)..], BaseSequence);
        var start = Crc32C.Compute(header[AttributesPosition..]);
        var crc = Crc32C.WithBeginning(storedCrc, storedStart, start, stored.Length - HeaderBytes); // the records are read once
        BinaryPrimitives.WriteUInt32BigEndian(header[CrcPosition..], crc);
        writer.WriteInt32(stored.Length);
        writer.Write(header);
        writer.Write(stored[HeaderBytes..]);
    }
}
