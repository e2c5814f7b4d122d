using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// An offset of a partition: its high watermark, or its first. Version 2 (KIP-98); 3 is the same (KIP-219).
/// <code>
/// request 2, 3:  replica id INT32 (-1) | isolation level INT8 | ARRAY of: topic STRING, ARRAY of: partition INT32, timestamp INT64
/// response 2, 3: throttle time INT32, ms
///                | ARRAY of: topic STRING, ARRAY of: partition INT32, error code INT16, timestamp INT64, offset INT64
/// </code>
/// </summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partitions">Its partitions.</param>
/// <param name="Time">What is asked for: <see cref="HighWatermark"/> or <see cref="First"/>.</param>
internal readonly record struct ListOffsetsRequest(string Topic, IReadOnlyList<int> Partitions, long Time) : IRequest<ListOffsetsResponse>
{
    /// <summary>The offset after the last record that all in-sync replicas have.</summary>
    public const long HighWatermark = -1;

    /// <summary>The offset of the first record that is kept.</summary>
    public const long First = -2;

    public static Api Api { get; } = new(ApiKey.ListOffsets, 2, 3, 6);

    public void WriteTo(WireWriter writer, short version)
    {
        writer.WriteInt32(-1);
        writer.WriteByte(0); // read uncommitted: there are no transactions of ours
        writer.WriteArrayLength(1);
        writer.WriteString(Topic);
        writer.WriteArrayLength(Partitions.Count);
        foreach (var partition in Partitions)
        {
            writer.WriteInt32(partition);
            writer.WriteInt64(Time);
        }
    }

    public static ListOffsetsResponse ReadResponse(ref WireReader reader, short version)
    {
        var throttle = reader.ReadInt32();
        var offsets = new List<PartitionOffset>();
        for (var topics = reader.ReadArrayLength(6); topics > 0; topics--)
        {
            reader.ReadString();
            for (var left = reader.ReadArrayLength(22); left > 0; left--)
            {
                var partition = reader.ReadInt32();
                var error = (KafkaError)reader.ReadInt16();
                reader.ReadInt64(); // timestamp
                offsets.Add(new PartitionOffset(partition, error, reader.ReadInt64()));
            }
        }

        return new ListOffsetsResponse(throttle, offsets);
    }
}

/// <summary>Offsets of the partitions that were asked for.</summary>
internal sealed record ListOffsetsResponse(int ThrottleMs, IReadOnlyList<PartitionOffset> Offsets);

/// <summary>An offset of a partition.</summary>
internal readonly record struct PartitionOffset(int Partition, KafkaError Error, long Offset);
