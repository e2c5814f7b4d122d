using KafkaLog.Wire.Protocol;

namespace KafkaLog.Wire.Messages;

/// <summary>
/// A producer id of one's own, without transactions (KIP-98).
/// <code>
/// request 0, 1:  transactional id NULLABLE_STRING | transaction timeout INT32, ms
/// response 0, 1: throttle time INT32, ms | error code INT16 | producer id INT64 | producer epoch INT16
/// </code>
/// </summary>
internal readonly record struct InitProducerIdRequest : IRequest<InitProducerIdResponse>
{
    public static Api Api { get; } = new(ApiKey.InitProducerId, 0, 1, 2);

    public void WriteTo(WireWriter writer, short version)
    {
        writer.WriteString(null);
        writer.WriteInt32(int.MaxValue); // checked by the broker only with a transactional id
    }

    public static InitProducerIdResponse ReadResponse(ref WireReader reader, short version) =>
        new(reader.ReadInt32(), (KafkaError)reader.ReadInt16(), reader.ReadInt64(), reader.ReadInt16());
}

/// <summary>A new producer id.</summary>
internal readonly record struct InitProducerIdResponse(int ThrottleMs, KafkaError Error, long ProducerId, short ProducerEpoch);
