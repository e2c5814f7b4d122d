namespace KafkaLog.Wire.Security;

/// <summary>
/// The broker does not have what the settings ask of it, as it is too old. It is the same at the next try, until the broker is upgraded
/// or the settings are changed.
/// </summary>
public sealed class BrokerTooOldException(string message) : IOException(message);
