namespace KafkaLog.Wire.Connections;

/// <summary>
/// A connection to a broker could not be made, or ended. Whether the broker has acted on requests without a response is not known.
/// </summary>
public sealed class ConnectionLostException(string message, Exception? cause = null) : IOException(message, cause);
