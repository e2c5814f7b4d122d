namespace KafkaLog.Wire.Cluster;

/// <summary>
/// A broker belongs to another cluster than the brokers before it: a name or an address leads to another cluster now, or the bootstrap
/// servers are not all of one cluster. Nothing is sent to it.
/// </summary>
public sealed class OtherClusterException(string message) : IOException(message);
