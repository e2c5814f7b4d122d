namespace KafkaLog.Wire.Protocol;

/// <summary>
/// What a broker sent is not what the Kafka protocol says. The connection cannot be used any more: where the next response starts is
/// not known.
/// </summary>
public sealed class ProtocolException(string message) : IOException(message);
