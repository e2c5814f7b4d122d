using Confluent.Kafka;

namespace KafkaFeeder.Daemon.Transport.Client;

/// <summary>
/// The value of a record, together with the delivery that its report belongs to. It is given to the client as the value of the
/// message, so that the report returns it without an extra object or delegate per record.
/// </summary>
internal readonly record struct RecordSlot(BatchDelivery Delivery, int Index, byte[]? Value)
{
    /// <summary>Gives the bytes of the value to the client.</summary>
    public sealed class Serializer : ISerializer<RecordSlot>
    {
        public byte[] Serialize(RecordSlot data, SerializationContext context) => data.Value!; // null is a tombstone for the client too
    }
}
