using KafkaLog.Format;
using KafkaLog.Wire.Batches;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// Record batches to append, at most one for each partition (Kafka's <c>ProduceRequest</c>). Version 3 (KIP-98) to 8 (KIP-467: which
/// records are refused, and why). All in-sync replicas acknowledge, or the leader alone; a request that nobody answers is not sent by
/// this client.
/// <code>
/// request 3..8:  transactional id NULLABLE_STRING | acks INT16 | timeout INT32, ms
///                | ARRAY of: topic STRING, ARRAY of: partition INT32, records BYTES
/// response 3..8: ARRAY of: topic STRING, ARRAY of: partition INT32, error code INT16, base offset INT64, log append time INT64,
///                            [5: log start offset INT64],
///                            [8: ARRAY of: index in the batch INT32, message NULLABLE_STRING; error message NULLABLE_STRING]
///                | throttle time INT32, ms
/// </code>
/// </summary>
/// <param name="Acks">-1: all in-sync replicas; 1: the leader.</param>
/// <param name="TimeoutMs">How long the leader waits for the replicas, ms.</param>
/// <param name="Batches">What to append, sorted by topic.</param>
internal readonly record struct ProduceRequest(short Acks, int TimeoutMs, IReadOnlyList<PartitionBatch> Batches)
    : IRequest<ProduceResponse>
{
    private static readonly List<RefusedRecord> NoneRefused = [];

    public static Api Api { get; } = new(ApiKey.Produce, 3, 8, 9);

    /// <exception cref="ArgumentException">The broker would drop one of the batches, or answer nothing.</exception>
    public void WriteTo(WireWriter writer, short version)
    {
        ThrowIfInvalid();
        writer.WriteString(null);
        writer.WriteInt16(Acks);
        writer.WriteInt32(TimeoutMs);
        var topics = 0;
        for (var i = 0; i < Batches.Count; i++)
        {
            topics += i == 0 || Batches[i].Topic != Batches[i - 1].Topic ? 1 : 0;
        }

        writer.WriteArrayLength(topics);
        for (var start = 0; start < Batches.Count;)
        {
            var end = start + 1;
            while (end < Batches.Count && Batches[end].Topic == Batches[start].Topic)
            {
                end++;
            }

            writer.WriteString(Batches[start].Topic);
            writer.WriteArrayLength(end - start);
            for (; start < end; start++)
            {
                writer.WriteInt32(Batches[start].Partition);
                Batches[start].WriteTo(writer);
            }
        }
    }

    public static ProduceResponse ReadResponse(ref WireReader reader, short version)
    {
        var partitions = new List<PartitionAppend>();
        for (var topics = reader.ReadArrayLength(6); topics > 0; topics--)
        {
            var topic = reader.ReadString();
            for (var left = reader.ReadArrayLength(22); left > 0; left--)
            {
                partitions.Add(ReadPartition(ref reader, topic, version));
            }
        }

        return new ProduceResponse(reader.ReadInt32(), partitions);
    }

    /// <summary>
    /// Of two batches for one partition the broker keeps the last, and its response is one for both: the other would be taken for
    /// acknowledged. Nothing is answered to acks 0.
    /// </summary>
    private void ThrowIfInvalid()
    {
        if (Acks is not (-1 or 1))
        {
            throw new ArgumentException($"acks is {Acks}; expected -1 or 1");
        }

        var seen = new HashSet<(string, int)>();
        foreach (var batch in Batches)
        {
            if (!seen.Add((batch.Topic, batch.Partition)))
            {
                throw new ArgumentException($"two batches for partition {batch.Partition} of {batch.Topic} in one request");
            }
        }
    }

    private static PartitionAppend ReadPartition(ref WireReader reader, string topic, short version)
    {
        var partition = reader.ReadInt32();
        var error = (KafkaError)reader.ReadInt16();
        var baseOffset = reader.ReadInt64();
        reader.ReadInt64(); // log append time
        if (version >= 5)
        {
            reader.ReadInt64(); // log start offset
        }

        var refused = version >= 8 ? ReadRefused(ref reader) : NoneRefused;
        return new PartitionAppend(topic, partition, error, baseOffset, refused, version >= 8 ? reader.ReadNullableString() : null);
    }

    private static List<RefusedRecord> ReadRefused(ref WireReader reader)
    {
        var left = reader.ReadArrayLength(6);
        if (left == 0)
        {
            return NoneRefused;
        }

        var refused = new List<RefusedRecord>(left);
        for (; left > 0; left--)
        {
            refused.Add(new RefusedRecord(reader.ReadInt32(), reader.ReadNullableString()));
        }

        return refused;
    }
}

/// <summary>A batch for a partition.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Stamp">What is filled in when it is written; null: the batch is complete.</param>
/// <param name="Bytes">The batch, magic 2.</param>
internal readonly record struct PartitionBatch(string Topic, int Partition, BatchStamp? Stamp, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Writes the batch as BYTES.</summary>
    /// <exception cref="CorruptBatchException">See <see cref="BatchStamp.WriteTo"/>.</exception>
    public void WriteTo(WireWriter writer)
    {
        if (Stamp is { } stamp)
        {
            stamp.WriteTo(writer, Bytes.Span);
        }
        else
        {
            writer.WriteBytes(Bytes.Span);
        }
    }
}

/// <summary>What became of the batches.</summary>
internal sealed record ProduceResponse(int ThrottleMs, IReadOnlyList<PartitionAppend> Partitions)
{
    /// <summary>What became of each batch of a request, in its order.</summary>
    /// <exception cref="ProtocolException">The response is not about exactly those partitions, or calls a batch appended without an
    /// offset: nothing may be taken for acknowledged.</exception>
    public IReadOnlyList<PartitionAppend> For(in ProduceRequest request)
    {
        var found = new Dictionary<(string, int), PartitionAppend>();
        foreach (var append in Partitions)
        {
            if (!found.TryAdd((append.Topic, append.Partition), append))
            {
                throw new ProtocolException($"a Produce response has partition {append.Partition} of {append.Topic} twice");
            }
        }

        if (found.Count != request.Batches.Count)
        {
            throw new ProtocolException($"a Produce response has {found.Count} partitions, expected {request.Batches.Count}");
        }

        var appends = new List<PartitionAppend>(request.Batches.Count);
        foreach (var batch in request.Batches)
        {
            appends.Add(found.TryGetValue((batch.Topic, batch.Partition), out var append)
                && (append.Error != KafkaError.None || append.BaseOffset >= 0)
                    ? append
                    : throw new ProtocolException(
                        $"a Produce response says nothing of partition {batch.Partition} of {batch.Topic}, or has no offset for it"));
        }

        return appends;
    }
}

/// <summary>What became of the batch for a partition.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition.</param>
/// <param name="Error">None: it is appended, or was before.</param>
/// <param name="BaseOffset">The offset of its first record in the partition; -1 after an error.</param>
/// <param name="Refused">Records that the broker does not take for what they are; then the whole batch is not appended.</param>
/// <param name="ErrorMessage">What the broker says of the error.</param>
internal readonly record struct PartitionAppend(
    string Topic, int Partition, KafkaError Error, long BaseOffset, IReadOnlyList<RefusedRecord> Refused, string? ErrorMessage);

/// <summary>A record that the broker does not take.</summary>
/// <param name="Index">Its place in the batch, from 0.</param>
/// <param name="Message">Why not, in the broker's words.</param>
internal readonly record struct RefusedRecord(int Index, string? Message);
