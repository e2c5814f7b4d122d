using KafkaLog.Format.Records;

namespace KafkaLog.Tool.Writing;

/// <summary>The header that marks a record as a part: the next record continues it.</summary>
internal static class ContinuedHeader
{
    /// <summary>The most of a line in one record that a broker and its clients accept by default (1,000,000 bytes).</summary>
    public const int DefaultMaxLineBytes = 900 * 1024;

    /// <summary>The most that may be asked for.</summary>
    public const int MaxMaxLineBytes = 16 << 20;

    public static RecordHeader Header { get; } = new("kafkalog.continued", "1");
}
