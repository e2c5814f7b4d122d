namespace KafkaLog.Wire.Connections;

/// <summary>
/// How long a connection may be used (KIP-368): after it, a broker closes the connection at the next request. Kafka's clients
/// authenticate again over the same connection when 85 to 95 % of it have passed; this client makes a new one.
/// </summary>
/// <param name="BeganAt">When its authentication began, as a timestamp of the clock.</param>
/// <param name="LifetimeMs">How long it may be used, ms; 0: forever.</param>
internal readonly record struct Session(long BeganAt, long LifetimeMs)
{
    private const double RenewedAfter = 0.85;

    /// <summary>Whether it is time to make the next connection.</summary>
    public bool IsToBeRenewed(TimeProvider time) => HasPassed(RenewedAfter, time);

    /// <summary>Whether nothing more may be sent.</summary>
    public bool IsOver(TimeProvider time) => HasPassed(1, time);

    private bool HasPassed(double part, TimeProvider time) =>
        LifetimeMs > 0 && time.GetElapsedTime(BeganAt).TotalMilliseconds >= LifetimeMs * part;
}
