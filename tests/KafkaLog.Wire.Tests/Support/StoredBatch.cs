using System.Text;
using KafkaLog.Format.Records;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>A record with its bytes copied, to compare with. Null is not empty.</summary>
internal sealed record Seen(long Timestamp, string? Key, string? Value, string Headers)
{
    public static Seen Of(Record record) => new(
        record.Timestamp,
        record.HasKey ? Convert.ToHexString(record.Key) : null,
        record.HasValue ? Convert.ToHexString(record.Value) : null,
        TextOf(record.CopyHeaders()));

    public static string TextOf(IEnumerable<RecordHeader> headers) =>
        string.Join(',', headers.Select(
            h => $"{Convert.ToHexString(h.Name.Span)}={(h.Value is { } value ? Convert.ToHexString(value.Span) : "null")}"));

    /// <summary>The records of a batch of any magic.</summary>
    public static List<Seen> AllOf(ReadOnlySpan<byte> batch)
    {
        var seen = new List<Seen>();
        var each = new RecordBatchDecoder().Decode(batch);
        while (each.MoveNext())
        {
            seen.Add(Of(each.Current));
        }

        return seen;
    }
}

/// <summary>Random stored batches of magic 2, encoded by hand: with gaps between offsets, and every flag that data may have.</summary>
internal static class StoredBatch
{
    public const short LogAppendTime = 0x08;
    public const short Transactional = 0x10;
    public const short DeleteHorizon = 0x40;

    /// <summary>A batch of random records.</summary>
    public static byte[] Of(Random random, int records, short attributes = 0)
    {
        var bytes = new List<byte>(new byte[RecordBatchHeader.Bytes]);
        var baseTimestamp = random.Next(4) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : 1_700_000_000_000;
        var offsetDelta = 0;
        for (var i = 0; i < records; i++)
        {
            Add(bytes, Body(random, offsetDelta, i == 0));
            offsetDelta += random.Next(3) == 0 ? random.Next(1, 10_000) : 1;
        }

        var batch = bytes.ToArray();
        new RecordBatchHeader
        {
            BaseOffset = random.Next(),
            Magic = 2,
            Attributes = attributes,
            LastOffsetDelta = offsetDelta,
            BaseTimestamp = baseTimestamp,
            MaxTimestamp = baseTimestamp + random.Next(), // what brokers write for LogAppendTime
            ProducerId = random.NextInt64(),
            BaseSequence = random.Next(),
            RecordsCount = records,
        }.WriteTo(batch);
        return batch;
    }

    /// <summary>Gives bytes that were changed a right CRC-32C.</summary>
    public static byte[] Sealed(byte[] batch)
    {
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(batch.AsSpan(17), RecordBatchHeader.ComputeCrc(batch));
        return batch;
    }

    private static List<byte> Body(Random random, int offsetDelta, bool isFirst)
    {
        var body = new List<byte> { 0 };
        Add(body, isFirst ? 0 : TimestampDelta(random));
        Add(body, offsetDelta);
        AddBytes(body, random, canBeNull: true);
        AddBytes(body, random, canBeNull: true);
        var headers = random.Next(3) == 0 ? random.Next(1, 4) : 0;
        Add(body, headers);
        for (var i = 0; i < headers; i++)
        {
            AddBytes(body, random, canBeNull: false);
            AddBytes(body, random, canBeNull: true);
        }

        return body;
    }

    private static long TimestampDelta(Random random) => random.Next(4) switch
    {
        0 => random.Next(-100_000, 0),
        1 => random.NextInt64(long.MinValue, long.MaxValue),
        _ => random.Next(100),
    };

    private static void AddBytes(List<byte> to, Random random, bool canBeNull)
    {
        var kind = random.Next(canBeNull ? 0 : 1, 8);
        var content = Encoding.UTF8.GetBytes(new string((char)random.Next('a', 'f'), kind switch
        {
            0 or 1 => 0,
            2 => random.Next(60, 70), // about where a length takes two bytes
            3 => random.Next(8_185, 8_200), // three
            _ => random.Next(40),
        }));
        Add(to, kind == 0 ? -1 : content.Length);
        to.AddRange(content);
    }

    private static void Add(List<byte> to, List<byte> body)
    {
        Add(to, body.Count);
        to.AddRange(body);
    }

    private static void Add(List<byte> to, long value)
    {
        Span<byte> varint = stackalloc byte[Varint.MaxBytes];
        to.AddRange(varint[..Varint.Write(varint, value)]);
    }
}
