namespace KafkaLog.Format.Segments;

/// <summary>
/// What a <see cref="LogWriter"/> does unless it is set otherwise. Constants, so that they can be the defaults of parameters,
/// as those of the Serilog sink are.
/// </summary>
public static class LogWriterDefaults
{
    /// <summary>When segments roll, in seconds. An hour, as in the original.</summary>
    public const int IntervalSeconds = 3600;

    /// <summary>The size at which a segment rolls before its time, in bytes. 1 GiB: Kafka's own default for a segment.</summary>
    public const long FileSizeLimitBytes = 1L << 30;

    /// <summary>The size at which a batch is closed, in bytes before compression. 64 KiB: brokers accept it at full speed.</summary>
    public const int BatchBytes = 64 << 10;

    /// <summary>How long a buffered record may wait for its batch to fill, in milliseconds.</summary>
    public const int LingerMilliseconds = 100;

    /// <summary>How many bytes may wait in memory to be written. 16 MiB: seconds of a slow disk, some 60,000 log events.</summary>
    public const long QueueLimitBytes = 16L << 20;
}
