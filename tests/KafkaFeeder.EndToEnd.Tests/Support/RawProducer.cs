using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using KafkaLog.Format.Records;

namespace KafkaFeeder.EndToEnd.Tests.Support;

/// <summary>
/// Sends a segment's batches to partition 0 of a topic byte for byte, with a Produce request of its own: version 7
/// for magic 2 (zstd needs that), version 2 for magic 1, version 0 for magic 0. Only a batch's base offset is written as 0, as the broker
/// expects it from a producer; the CRC does not cover it.
/// </summary>
internal static class RawProducer
{
    private const short Produce = 0;
    private const short NotLeader = 6;

    /// <summary>Throws with the broker's error code if it refuses one of them.</summary>
    public static async Task SendAsync(KafkaCluster cluster, string topic, string segment)
    {
        var bytes = await File.ReadAllBytesAsync(segment);
        foreach (var broker in cluster.BootstrapServers.Split(','))
        {
            using var connection = new TcpClient();
            await connection.ConnectAsync(
                broker.Split(':')[0], int.Parse(broker.Split(':')[1], System.Globalization.CultureInfo.InvariantCulture));
            var stream = connection.GetStream();
            var sent = 0;
            for (var at = 0; at < bytes.Length; sent++)
            {
                Assert(RecordBatchHeader.TryRead(bytes.AsSpan(at), out var header), $"no batch at position {at}");
                var batch = bytes.AsSpan(at, (int)header.TotalBytes).ToArray();
                if (header.Magic == 2)
                {
                    BinaryPrimitives.WriteInt64BigEndian(batch, 0);
                }

                var error = await SendAsync(stream, topic, header.Magic switch { 2 => 7, 1 => 2, _ => 0 }, batch, sent);
                if (error == NotLeader && sent == 0)
                {
                    break; // another broker is the leader
                }

                Assert(error == 0, $"error {error} for the batch at position {at}");
                at += batch.Length;
            }

            if (sent > 0)
            {
                return;
            }
        }

        throw new InvalidOperationException($"no broker leads {topic}");
    }

    private static void Assert(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidOperationException(what);
        }
    }

    private static async Task<short> SendAsync(NetworkStream stream, string topic, short version, byte[] batch, int correlation)
    {
        using var request = new MemoryStream();
        using (var writer = new BinaryWriter(request, Encoding.UTF8, leaveOpen: true))
        {
            writer.Write(0); // the size, filled in below
            Int16(writer, Produce);
            Int16(writer, version);
            Int32(writer, correlation);
            Text(writer, "raw"); // 0.9 needs a client id
            if (version >= 3)
            {
                Int16(writer, -1); // no transactional id
            }

            Int16(writer, -1); // all in-sync replicas
            Int32(writer, 30_000); // ms
            Int32(writer, 1);
            Text(writer, topic);
            Int32(writer, 1);
            Int32(writer, 0);
            Int32(writer, batch.Length);
            writer.Write(batch);
        }

        var bytes = request.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(bytes, bytes.Length - sizeof(int));
        await stream.WriteAsync(bytes);

        var size = new byte[sizeof(int)];
        await stream.ReadExactlyAsync(size);
        var response = new byte[BinaryPrimitives.ReadInt32BigEndian(size)];
        await stream.ReadExactlyAsync(response);

        // correlation, one topic, its name, one partition, its index, the error
        return BinaryPrimitives.ReadInt16BigEndian(
            response.AsSpan(sizeof(int) + sizeof(int) + sizeof(short) + topic.Length + sizeof(int) + sizeof(int)));
    }

    private static void Text(BinaryWriter writer, string text)
    {
        Int16(writer, (short)text.Length);
        writer.Write(Encoding.ASCII.GetBytes(text));
    }

    private static void Int16(BinaryWriter writer, short value) => writer.Write(BinaryPrimitives.ReverseEndianness(value));

    private static void Int32(BinaryWriter writer, int value) => writer.Write(BinaryPrimitives.ReverseEndianness(value));
}
