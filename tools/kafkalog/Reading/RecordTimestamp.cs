using KafkaLog.Format.Records;

namespace KafkaLog.Tool.Reading;

/// <summary>The timestamp of a record, for people.</summary>
internal static class RecordTimestamp
{
    private const long None = -1;

    /// <summary>Null if there is none: magic 0 has no timestamps.</summary>
    public static long? Of(in RecordBatchHeader header, long timestamp) => header.Magic == 0 && timestamp == None ? null : timestamp;
}
