using System.IO.Compression;
using System.Text.Json;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

/// <summary>
/// Segments that Apache Kafka 0.9.0.1, 0.10.2.2, 2.8.2, 4.3.1 and the original Go library wrote, every magic and codec,
/// against the listings that Kafka's own Java code made of them.
/// </summary>
public sealed class GoldenFileTests
{
    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "data");

    public static TheoryData<string> Files => [
        .. Directory.GetFiles(Folder, "*.jsonl.gz", SearchOption.AllDirectories).Select(
            f => Path.GetRelativePath(Folder, f[..^".jsonl.gz".Length])).Order(StringComparer.Ordinal)];

    [Fact]
    public void All_golden_files_exist() => Assert.Equal(37, Files.Count);

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
        var timestamp = expected.GetProperty("timestamp");
        Assert.Equal(timestamp.ValueKind == JsonValueKind.Null ? -1 : timestamp.GetInt64(), found.Timestamp);
        Assert.Equal(expected.GetProperty("timestampType").GetString(), header.Magic == 0
            ? null
            : header.IsLogAppendTime ? "LogAppendTime" : "CreateTime");
        Assert.Equal(Bytes(expected.GetProperty("key")), found.HasKey ? found.Key.ToArray() : null);
        Assert.Equal(Bytes(expected.GetProperty("value")), found.HasValue ? found.Value.ToArray() : null);
        Assert.Equal(
            expected.GetProperty("headers").EnumerateArray().Select(
                h => (h[0].GetString(), Bytes(h[1]) is { } v ? Convert.ToHexString(v) : null)),
            found.CopyHeaders().Select(
                h => ((string?)System.Text.Encoding.UTF8.GetString(h.Name.Span), h.Value is { } v ? Convert.ToHexString(v.Span) : null)));
        Assert.Equal(expected.GetProperty("batchBaseOffset").GetInt64(), header.BaseOffset);
        Assert.Equal(expected.GetProperty("magic").GetInt32(), header.Magic);
        Assert.Equal(expected.GetProperty("isTransactional").GetBoolean(), header.IsTransactional);
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
