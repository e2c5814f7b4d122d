using KafkaLog.Wire.Messages;
using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Tests.Support;

/// <summary>Responses of a broker that knows ApiVersions, InitProducerId and Metadata 4.</summary>
internal static class Responses
{
    /// <summary>Which requests it takes.</summary>
    public static byte[] Versions(int correlationId) => Frame(correlationId, w =>
    {
        w.WriteInt16(0);
        (ApiKey Key, short Max)[] apis = [(ApiKey.ApiVersions, 0), (ApiKey.InitProducerId, 1), (ApiKey.Metadata, 4)];
        w.WriteArrayLength(apis.Length);
        foreach (var (key, max) in apis)
        {
            w.WriteInt16((short)key);
            w.WriteInt16(0);
            w.WriteInt16(max);
        }
    });

    public static byte[] ProducerId(int correlationId, long id, int throttleMs = 0) => Frame(correlationId, w =>
    {
        w.WriteInt32(throttleMs);
        w.WriteInt16(0);
        w.WriteInt64(id);
        w.WriteInt16(0);
    });

    /// <summary>A cluster of these brokers, numbered from 1; the first leads the one partition of the topic.</summary>
    public static byte[] Metadata(int correlationId, string topic, params int[] ports) =>
        Metadata(correlationId, [topic], [.. ports.Select((port, i) => (i + 1, port))]);

    /// <summary>A cluster of these brokers. Each topic has one partition.</summary>
    public static byte[] Metadata(
        int correlationId, IReadOnlyList<string> topics, IReadOnlyList<(int Id, int Port)> brokers, string clusterId = "a cluster",
        KafkaError error = KafkaError.None, int leader = 1) => Frame(correlationId, w =>
    {
        w.WriteInt32(0);
        w.WriteArrayLength(brokers.Count);
        foreach (var (id, port) in brokers)
        {
            w.WriteInt32(id);
            w.WriteString("127.0.0.1");
            w.WriteInt32(port);
            w.WriteString(null);
        }

        w.WriteString(clusterId);
        w.WriteInt32(1);
        w.WriteArrayLength(topics.Count);
        foreach (var topic in topics)
        {
            w.WriteInt16((short)error);
            w.WriteString(topic);
            w.WriteBoolean(false);
            w.WriteArrayLength(error == KafkaError.None ? 1 : 0);
            if (error == KafkaError.None)
            {
                w.WriteInt16((short)(leader < 0 ? KafkaError.LeaderNotAvailable : KafkaError.None));
                w.WriteInt32(0);
                w.WriteInt32(leader);
                w.WriteArrayLength(0);
                w.WriteArrayLength(0);
            }
        }
    });

    /// <summary>The topics in a request for Metadata 4; none: it asks for the brokers alone.</summary>
    public static IReadOnlyList<string> TopicsIn(ScriptedBroker.Request request)
    {
        var reader = new WireReader(request.Bytes);
        reader.ReadNullableString(); // client id
        var topics = new List<string>();
        for (var left = reader.ReadArrayLength(2); left > 0; left--)
        {
            topics.Add(reader.ReadString());
        }

        return topics;
    }

    private static byte[] Frame(int correlationId, Action<WireWriter> write)
    {
        using var writer = new WireWriter();
        write(writer);
        return ScriptedBroker.Frame(correlationId, Convert.ToHexString(writer.Written.Span));
    }
}
