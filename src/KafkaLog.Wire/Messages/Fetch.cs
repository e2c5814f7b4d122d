using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Record batches of one partition, from an offset on. Version 4 (KIP-98, KIP-74) to 11: 5 has the log start offset (KIP-107), 7 fetch
/// sessions (KIP-227; this client has none), 8 is answered before a throttle time is over (KIP-219), 9 has the leader epoch (KIP-320),
/// 10 may be answered with batches in zstd (KIP-110; before it, a topic with such batches is answered with
/// UNSUPPORTED_COMPRESSION_TYPE), 11 the rack (KIP-392; without one, the leader answers). 6 is as 5.
/// <code>
/// request 4..11:  replica id INT32 (-1) | max wait INT32, ms | min bytes INT32 | max bytes INT32 | isolation level INT8
///                 | [7: session id INT32 (0) | session epoch INT32 (-1: no session)]
///                 | ARRAY of: topic STRING, ARRAY of: partition INT32, [9: leader epoch INT32], fetch offset INT64,
///                             [5: log start offset INT64 (-1: of a follower)], max bytes INT32
///                 | [7: forgotten topics, ARRAY of: topic STRING, ARRAY of: partition INT32] | [11: rack STRING]
/// response 4..11: throttle time INT32, ms | [7: error code INT16 | session id INT32]
///                 | ARRAY of: topic STRING, ARRAY of: partition INT32, error code INT16, high watermark INT64,
///                   last stable offset INT64, [5: log start offset INT64],
///                   ARRAY of: producer id INT64, first offset INT64 (aborted transactions),
///                   [11: preferred read replica INT32], records BYTES
/// </code>
/// </summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The first offset that is wanted. The batch that holds it comes whole, so records before it may come too.</param>
/// <param name="MaxBytes">How many bytes of batches at most; a first batch that is larger comes whole.</param>
/// <param name="LeaderEpoch">The leader epoch that this client knows, version 9 on: a leader of another epoch answers with
/// FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH; -1: any answers.</param>
internal readonly record struct FetchRequest(string Topic, int Partition, long Offset, int MaxBytes, int LeaderEpoch = -1)
    : IRequest<FetchResponse>
{
    public static Api Api { get; } = new(ApiKey.Fetch, 4, 11, 12);

    public void WriteTo(WireWriter writer, short version)
    {
        writer.WriteInt32(-1);
        writer.WriteInt32(0); // never waits: what is there is there
        writer.WriteInt32(0);
        writer.WriteInt32(MaxBytes);
        writer.WriteByte(0); // read uncommitted
        if (version >= 7)
        {
            writer.WriteInt32(0);
            writer.WriteInt32(-1);
        }

        writer.WriteArrayLength(1);
        writer.WriteString(Topic);
        writer.WriteArrayLength(1);
        writer.WriteInt32(Partition);
        if (version >= 9)
        {
            writer.WriteInt32(LeaderEpoch);
        }

        writer.WriteInt64(Offset);
        if (version >= 5)
        {
            writer.WriteInt64(-1);
        }

        writer.WriteInt32(MaxBytes);
        if (version >= 7)
        {
            writer.WriteArrayLength(0);
        }

        if (version >= 11)
        {
            writer.WriteString("");
        }
    }

    public static FetchResponse ReadResponse(ref WireReader reader, short version)
    {
        var throttle = reader.ReadInt32();
        var error = KafkaError.None;
        if (version >= 7)
        {
            error = (KafkaError)reader.ReadInt16();
            reader.ReadInt32(); // session id
        }

        FetchResponse? partition = null;
        for (var topics = reader.ReadArrayLength(6); topics > 0; topics--)
        {
            reader.ReadString();
            for (var left = reader.ReadArrayLength(30); left > 0; left--)
            {
                partition = ReadPartition(ref reader, version, throttle);
            }
        }

        // Without a partition and without an error a quota is used up.
        return partition ?? new FetchResponse(
            throttle, -1, error == KafkaError.None ? KafkaError.ThrottlingQuotaExceeded : error, -1, []);
    }

    private static FetchResponse ReadPartition(ref WireReader reader, short version, int throttle)
    {
        var partition = reader.ReadInt32();
        var error = (KafkaError)reader.ReadInt16();
        var highWatermark = reader.ReadInt64();
        reader.ReadInt64(); // last stable offset
        if (version >= 5)
        {
            reader.ReadInt64(); // log start offset
        }

        for (var aborted = reader.ReadArrayLength(16); aborted > 0; aborted--)
        {
            reader.ReadInt64();
            reader.ReadInt64();
        }

        if (version >= 11)
        {
            reader.ReadInt32(); // preferred read replica
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
