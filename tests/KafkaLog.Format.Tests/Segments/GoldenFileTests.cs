using System.IO.Compression;
using System.Text.Json;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>
/// Segments that Apache Kafka 4.3.1 wrote (Java producer and librdkafka, every codec), against the listings that Kafka's
/// own Java code made of them.
/// </summary>
public sealed class GoldenFileTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "data", "kafka-4.3.1");

    public static TheoryData<string> Files => [.. Directory.GetFiles(Folder, "*.log").Select(f => Path.GetFileName(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Files))]
    public void Every_record_is_read_as_Kafka_reads_it(string file)
    {
        var expected = Listing(Path.Combine(Folder, file + ".jsonl.gz"));
        var decoder = new RecordBatchDecoder();
        var records = 0;
        using var reader = SegmentReader.Open(Path.Combine(Folder, file));
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
            var each = decoder.Decode(reader.Batch.Span);
            while (each.MoveNext())
            {
                Equal(expected[records++], each.Current, reader.Header);
            }
        }

        Assert.Equal(expected.Count, records);
        Assert.Equal(new FileInfo(Path.Combine(Folder, file)).Length, reader.Position);
        Assert.Null(reader.Damage);
    }

    private static void Equal(JsonElement expected, in Format.Records.Record found, in RecordBatchHeader header)
    {
        Assert.Equal(expected.GetProperty("offset").GetInt64(), found.Offset);
        Assert.Equal(expected.GetProperty("timestamp").GetInt64(), found.Timestamp);
        Assert.Equal(expected.GetProperty("timestampType").GetString(), header.IsLogAppendTime ? "LogAppendTime" : "CreateTime");
        Assert.Equal(Bytes(expected.GetProperty("key")), found.HasKey ? found.Key.ToArray() : null);
        Assert.Equal(Bytes(expected.GetProperty("value")), found.HasValue ? found.Value.ToArray() : null);
        Assert.Equal(
            expected.GetProperty("headers").EnumerateArray().Select(h => (h[0].GetString(), Bytes(h[1]) is { } v ? Convert.ToHexString(v) : null)),
            found.CopyHeaders().Select(h => ((string?)System.Text.Encoding.UTF8.GetString(h.Name.Span), h.Value is { } v ? Convert.ToHexString(v.Span) : null)));
        Assert.Equal(expected.GetProperty("batchBaseOffset").GetInt64(), header.BaseOffset);
        Assert.Equal(expected.GetProperty("codec").GetString(), header.Compression.ToString().ToLowerInvariant());
        Assert.Equal(expected.GetProperty("producerId").GetInt64(), header.ProducerId);
        Assert.Equal(expected.GetProperty("baseSequence").GetInt32(), header.BaseSequence);
        Assert.Equal(expected.GetProperty("isControl").GetBoolean(), header.IsControl);
    }

    private static byte[]? Bytes(JsonElement value) => value.ValueKind == JsonValueKind.Null ? null : value.GetBytesFromBase64();

    private static List<JsonElement> Listing(string path)
    {
        using var lines = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        var records = new List<JsonElement>();
        while (lines.ReadLine() is { } line)
        {
            records.Add(JsonDocument.Parse(line).RootElement);
        }

        return records;
    }
}
