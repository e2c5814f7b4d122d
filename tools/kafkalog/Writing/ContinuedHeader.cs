using KafkaLog.Format.Records;

namespace KafkaLog.Tool.Writing;

/// <summary>What tells that a record is not the whole of what was read: the next one goes on with it.</summary>
internal static class ContinuedHeader
{
    /// <summary>The most of a line that fits in a record of what a broker and its clients take by default (1,000,000 bytes).</summary>
    public const int DefaultMaxLineBytes = 900 * 1024;

    /// <summary>The most that may be asked for.</summary>
    public const int MaxMaxLineBytes = 16 << 20;

    public static RecordHeader Header { get; } = new("kafkalog.continued", "1");
}
