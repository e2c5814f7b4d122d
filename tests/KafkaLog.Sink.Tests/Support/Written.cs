using System.Text;
using System.Text.Json;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;

namespace KafkaLog.Sink.Tests.Support;

/// <summary>One record as it was read back. Key null: it has no key.</summary>
internal sealed record Written(long Timestamp, string? Key, string Value)
{
    public JsonElement Json => JsonDocument.Parse(Value).RootElement;

    /// <summary>All records of a component, in the order of its segments.</summary>
    public static List<Written> In(string directory, string component)
    {
        var records = new List<Written>();
        var decoder = new RecordBatchDecoder();
        foreach (var path in Segments(directory, component))
        {
            using var reader = SegmentReader.Open(path);
            while (reader.TryRead() == SegmentReadStatus.Batch)
            {
                var batch = decoder.Decode(reader.Batch.Span);
                while (batch.MoveNext())
                {
                    var record = batch.Current;
                    records.Add(
                        new Written(record.Timestamp, record.HasKey
                            ? Encoding.UTF8.GetString(record.Key)
                            : null, Encoding.UTF8.GetString(record.Value)));
                }
            }
        }

        return records;
    }

    public static List<string> Segments(string directory, string component) =>
    [
        .. Directory.GetFiles(directory)
            .Select(path => (path, name: SegmentName.TryParse(Path.GetFileName(path))))
            .Where(segment => segment.name?.Component == component)
            .OrderBy(segment => segment.name)
            .Select(segment => segment.path),
    ];
}
