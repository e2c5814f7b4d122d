using System.Globalization;
using System.Text.RegularExpressions;

namespace KafkaFeeder.EndToEnd.Tests.IndependentReaders;

/// <summary>
/// The output of Kafka's own DumpLogSegments for a segment; that of 0.9 has only the records. Keys and values are text in it.
/// </summary>
internal sealed partial record SegmentDump(IReadOnlyList<DumpedBatch> Batches, IReadOnlyList<DumpedRecord> Records)
{
    public static SegmentDump Parse(string output)
    {
        var batches = new List<DumpedBatch>();
        var records = new List<DumpedRecord>();
        foreach (var line in output.Split('\n').Skip(2).Where(line => line.Length > 0))
        {
            if (BatchLine().Match(line) is { Success: true } batch)
            {
                batches.Add(
                    new DumpedBatch(
                        Number(batch, "base"),
                        Number(batch, "last"),
                        Number(batch, "count"),
                        Number(batch, "sequence"),
                        Number(batch, "producer"),
                        Number(batch, "position"),
                        Number(batch, "time"),
                        Number(batch, "size"),
                        batch.Groups["codec"].Value,
                        batch.Groups["valid"].Value == "true"));
            }
            else if (MessageLine().Match(line) is { Success: true } message)
            {
                batches.Add(
                    new DumpedBatch(
                        Number(message, "offset"),
                        Number(message, "offset"),
                        -1,
                        -1,
                        -1,
                        Number(message, "position"),
                        Number(message, "time"),
                        Number(message, "size"),
                        message.Groups["codec"].Value,
                        message.Groups["valid"].Value == "true"));
            }
            else if (RecordLine().Match(line) is { Success: true } record)
            {
                records.Add(Record(record));
            }
            else if (WrappedLine().Match(line) is { Success: true } wrapped && wrapped.Groups["valid"].Value == "true")
            {
                records.Add(Record(wrapped));
            }
            else if (OldLine().Match(line) is { Success: true } old && old.Groups["valid"].Value == "true")
            {
                var keyBytes = old.Groups["keySize"].Success ? Number(old, "keySize") : -1;
                records.Add(
                    new DumpedRecord(
                        Number(old, "offset"), -1, keyBytes, Number(old, "valueSize"), "", Text(old, "key"), Text(old, "value")));
            }
            else
            {
                throw new FormatException($"DumpLogSegments said something that this test does not know: {line}");
            }
        }

        return new SegmentDump(batches, records);
    }

    private static DumpedRecord Record(Match line) => new(
        Number(line, "offset"),
        Number(line, "time"),
        Number(line, "keySize"),
        Number(line, "valueSize"),
        line.Groups["headers"].Value,
        Text(line, "key"),
        Text(line, "value"));

    private static long Number(Match match, string group) => long.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    private static string? Text(Match match, string group) => match.Groups[group] is { Success: true } found ? found.Value : null;

    [GeneratedRegex(
        @"^baseOffset: (?<base>\d+) lastOffset: (?<last>\d+) count: (?<count>\d+) baseSequence: (?<sequence>\d+) .* producerId: "
            + @"(?<producer>\d+) producerEpoch: 0 .* isControl: false .* position: (?<position>\d+) CreateTime: (?<time>-?\d+) "
            + @"size: (?<size>\d+) magic: 2 compresscodec: (?<codec>\w+) crc: \d+ isvalid: (?<valid>\w+)$")]
    private static partial Regex BatchLine();

    [GeneratedRegex(
        @"^\| offset: (?<offset>\d+) CreateTime: (?<time>-?\d+) keySize: (?<keySize>-?\d+) valueSize: (?<valueSize>-?\d+) "
            + @"sequence: \d+ headerKeys: \[(?<headers>[^\]]*)\](?: key: (?<key>.*?))?(?: payload: (?<value>.*))?$")]
    private static partial Regex RecordLine();

    [GeneratedRegex(
        @"^offset: (?<offset>\d+) position: (?<position>\d+) (?:CreateTime|NoTimestampType): (?<time>-?\d+) size: (?<size>\d+) "
            + @"magic: [01] compresscodec: (?<codec>\w+) crc: \d+ isvalid: (?<valid>\w+)$")]
    private static partial Regex MessageLine();

    [GeneratedRegex(
        @"^\| offset: (?<offset>\d+) (?:CreateTime|NoTimestampType): (?<time>-?\d+) keySize: (?<keySize>-?\d+) valueSize: "
            + @"(?<valueSize>-?\d+) isValid: (?<valid>\w+) crc: \d+(?: key: (?<key>.*?))?(?: payload: (?<value>.*))?$")]
    private static partial Regex WrappedLine();

    [GeneratedRegex(
        @"^offset: (?<offset>\d+) position: \d+ isvalid: (?<valid>\w+) payloadsize: (?<valueSize>-?\d+) magic: 0 compresscodec: "
            + @"NoCompressionCodec crc: \d+(?: keysize: (?<keySize>\d+))?(?: key: (?<key>.*?))?(?: payload: (?<value>.*))?$")]
    private static partial Regex OldLine();
}

/// <summary>A batch; <paramref name="Time"/> is its largest timestamp.</summary>
internal sealed record DumpedBatch(
    long BaseOffset,
    long LastOffset,
    long Count,
    long BaseSequence,
    long ProducerId,
    long Position,
    long Time,
    long Bytes,
    string Codec,
    bool IsValid);

/// <summary>A record; header names are joined by commas.</summary>
internal sealed record DumpedRecord(
    long Offset, long Timestamp, long KeyBytes, long ValueBytes, string HeaderNames, string? Key, string? Value);
