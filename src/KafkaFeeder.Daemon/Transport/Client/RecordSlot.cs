using Confluent.Kafka;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// A record's value together with where its delivery report belongs. It travels as the message's value, so that the
/// report brings it back without an object or a delegate for each record.
/// </summary>
internal readonly record struct RecordSlot(BatchDelivery Delivery, int Index, byte[]? Value)
{
    /// <summary>Hands the client the bytes of the value.</summary>
    public sealed class Serializer : ISerializer<RecordSlot>
    {
        public byte[] Serialize(RecordSlot data, SerializationContext context) => data.Value!; // null is a tombstone there too
    }
}
