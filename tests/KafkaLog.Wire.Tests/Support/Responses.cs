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

    public static byte[] ProducerId(int correlationId, long id) => Frame(correlationId, w =>
    {
        w.WriteInt32(0);
        w.WriteInt16(0);
        w.WriteInt64(id);
        w.WriteInt16(0);
    });

    /// <summary>A cluster of these brokers, numbered from 1; the first leads the one partition of the topic.</summary>
    public static byte[] Metadata(int correlationId, string topic, params int[] ports) => Frame(correlationId, w =>
    {
        w.WriteInt32(0);
        w.WriteArrayLength(ports.Length);
        for (var i = 0; i < ports.Length; i++)
        {
            w.WriteInt32(i + 1);
            w.WriteString("127.0.0.1");
            w.WriteInt32(ports[i]);
            w.WriteString(null);
        }

        w.WriteString("a cluster");
        w.WriteInt32(1);
        w.WriteArrayLength(1);
        w.WriteInt16(0);
        w.WriteString(topic);
        w.WriteBoolean(false);
        w.WriteArrayLength(1);
        w.WriteInt16(0);
        w.WriteInt32(0);
        w.WriteInt32(1);
        w.WriteArrayLength(0);
        w.WriteArrayLength(0);
    });

    private static byte[] Frame(int correlationId, Action<WireWriter> write)
    {
        using var writer = new WireWriter();
        write(writer);
        return ScriptedBroker.Frame(correlationId, Convert.ToHexString(writer.Written.Span));
    }
}
