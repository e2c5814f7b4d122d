using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Record batches of one partition, from an offset on. Version 4 (KIP-98, KIP-74).
/// <code>
/// request 4:  replica id INT32 (-1) | max wait INT32, ms | min bytes INT32 | max bytes INT32 | isolation level INT8
///             | ARRAY of: topic STRING, ARRAY of: partition INT32, fetch offset INT64, max bytes INT32
/// response 4: throttle time INT32, ms | ARRAY of: topic STRING, ARRAY of: partition INT32, error code INT16, high watermark INT64,
///             last stable offset INT64, ARRAY of: producer id INT64, first offset INT64 (aborted transactions); records BYTES
/// </code>
/// </summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The first offset that is wanted. The batch that holds it comes whole, so records before it may come too.</param>
/// <param name="MaxBytes">How many bytes of batches at most; a first batch that is larger comes whole.</param>
internal readonly record struct FetchRequest(string Topic, int Partition, long Offset, int MaxBytes) : IRequest<FetchResponse>
{
    public static Api Api { get; } = new(ApiKey.Fetch, 4, 4, 12);

    public void WriteTo(WireWriter writer, short version)
    {
        writer.WriteInt32(-1);
        writer.WriteInt32(0); // never waits: what is there is there
        writer.WriteInt32(0);
        writer.WriteInt32(MaxBytes);
        writer.WriteByte(0); // read uncommitted
        writer.WriteArrayLength(1);
        writer.WriteString(Topic);
        writer.WriteArrayLength(1);
        writer.WriteInt32(Partition);
        writer.WriteInt64(Offset);
        writer.WriteInt32(MaxBytes);
    }

    public static FetchResponse ReadResponse(ref WireReader reader, short version)
    {
        var throttle = reader.ReadInt32();
        FetchResponse? partition = null;
        for (var topics = reader.ReadArrayLength(6); topics > 0; topics--)
        {
            reader.ReadString();
            for (var left = reader.ReadArrayLength(30); left > 0; left--)
            {
                partition = ReadPartition(ref reader, throttle);
            }
        }

        return partition ?? new FetchResponse(throttle, -1, KafkaError.ThrottlingQuotaExceeded, -1, []); // a quota is used up: ask again
    }

    private static FetchResponse ReadPartition(ref WireReader reader, int throttle)
    {
        var partition = reader.ReadInt32();
        var error = (KafkaError)reader.ReadInt16();
        var highWatermark = reader.ReadInt64();
        reader.ReadInt64(); // last stable offset
        for (var aborted = reader.ReadArrayLength(16); aborted > 0; aborted--)
        {
            reader.ReadInt64();
            reader.ReadInt64();
        }

        return new FetchResponse(throttle, partition, error, highWatermark, reader.ReadBytes().ToArray());
    }
}

/// <summary>Batches of a partition.</summary>
/// <param name="ThrottleMs">How long the broker asks to wait, ms.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Error">None: it has an answer. ThrottlingQuotaExceeded: nothing, ask again after the throttle time.</param>
/// <param name="HighWatermark">The offset after the last record that all in-sync replicas have.</param>
/// <param name="Records">Batches one after the other; the last may be cut short.</param>
internal sealed record FetchResponse(int ThrottleMs, int Partition, KafkaError Error, long HighWatermark, byte[] Records);
