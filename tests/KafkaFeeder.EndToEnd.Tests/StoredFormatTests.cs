using System.IO.Compression;
using System.Text.Json;
using KafkaFeeder.EndToEnd.Tests.IndependentReaders;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Compression;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>
/// Segments of every magic and codec, on real brokers: shipped by the daemon from files that others wrote, and
/// sent byte for byte as we wrote them. No broker that takes magic 1 (0.10 to 3.x) is available here.
/// </summary>
public abstract class StoredFormatTests(ClusterFixture fixture, byte magicOfBroker) : DaemonTestsBase(fixture)
{
    private static readonly string Data = Path.Combine(TestRun.RepositoryRoot, "tests", "KafkaLog.Format.Tests", "data");

    public static TheoryData<CompressionType> Codecs =>
        [CompressionType.None, CompressionType.Gzip, CompressionType.Snappy, CompressionType.Lz4];

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task A_segment_sent_byte_for_byte_is_accepted_and_read_back(CompressionType codec)
    {
        var (stored, read) = await SendAndReadAsync(codec);
        Assert.NotEmpty(stored);
        Assert.Equal(stored, read);
    }

    /// <summary>The records of a segment as it lies on disk, and as they are read from the topic that it was sent to.</summary>
    private protected async Task<(List<Stored> Stored, List<Stored> Read)> SendAndReadAsync(CompressionType codec)
    {
        var (cluster, topic) = await TopicAsync(
            $"stored-{codec}".ToLowerInvariant(), configs: new Dictionary<string, string> { ["max.message.bytes"] = "4000000" });
        var segment = SampleSegment.ByWriter(codec, magicOfBroker);

        await RawProducer.SendAsync(cluster, topic, segment.Path);

        var records = cluster.ReadTopic(topic, expected: segment.Records.Count);
        return (
            [.. segment.Records.Select(r => new Stored(r.Offset, TimestampOf(r.Timestamp), r.Key, r.Value, r.Headers))],
            [.. records.Select(r => new Stored(
                r.Offset,
                TimestampOf(r.Timestamp),
                Base64(r.Key),
                Base64(r.Value),
                string.Join(' ', r.Headers.Select(h => h.Value is null ? h.Key : $"{h.Key}={Convert.ToBase64String(h.Value)}"))))]);

        long TimestampOf(long timestamp) => magicOfBroker == 0 ? 0 : timestamp; // that broker keeps none
    }

    /// <summary>A record; bytes as base64.</summary>
    private protected sealed record Stored(long Offset, long Timestamp, string? Key, string? Value, string Headers);

    [Fact]
    public async Task The_daemon_ships_segments_of_every_magic_and_of_the_original()
    {
        var (cluster, topic) = await TopicAsync("legacy");
        using var daemon = new Daemon(cluster);
        daemon.Configure("orders", topic);
        string[] files =
        [
            "kafka-0.9.0.1/magic0-lz4.log", "kafka-0.10.2.2/magic1-snappy.log", "kafka-2.8.2/magic1-gzip-logappendtime.log",
                "kafka-2.8.2/mixed-magic012.log",
            "go-kafkalog/20261120_092108_3600_UTC-orig-gzip.szn", "go-kafkalog/20261120_092109_3600_UTC-orig-snappy.szn",
                "go-kafkalog/20261120_092109_3600_UTC-orig-plain.szn",
        ];
        var expected = new List<(string?, string?)>();
        for (var n = 0; n < files.Length; n++)
        {
            var path = Path.Combine(daemon.LogDir, $"20261120_10000{n}_3600_UTC-orders.szn");
            File.Copy(Path.Combine(Data, files[n]), path);
            File.SetLastWriteTimeUtc(path, TimeProvider.System.GetUtcNow().UtcDateTime.AddHours(-1)); // nobody writes to it any more
            expected.AddRange(Listing(Path.Combine(Data, files[n] + ".jsonl.gz")));
        }

        daemon.Start();
        await daemon.CaughtUpAsync("orders", expected.Count);
        Assert.Equal(0, await daemon.StopAsync());

        daemon.Start(); // the checkpoint of such files is valid: nothing is sent again
        await daemon.UntilAsync(async () => await daemon.MetricAsync("kafkafeeder_lag_bytes", "orders") == 0, "all is shipped");
        Assert.Equal(0, await daemon.StopAsync());
        Assert.Equal(expected, cluster.ReadTopic(topic, expected: expected.Count).Select(r => (Base64(r.Key), Base64(r.Value))));
    }

    /// <summary>Key and value of each record, as Kafka's own code reads the file.</summary>
    private static List<(string?, string?)> Listing(string path)
    {
        using var lines = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        var records = new List<(string?, string?)>();
        while (lines.ReadLine() is { } line)
        {
            var json = JsonDocument.Parse(line).RootElement;
            records.Add((json.GetProperty("key").GetString(), json.GetProperty("value").GetString()));
        }

        return records;
    }

    private static string? Base64(byte[]? bytes) => bytes is null ? null : Convert.ToBase64String(bytes);
}

/// <summary>Magic 2.</summary>
[Collection(ModernCluster.Name)]
public sealed class ModernStoredFormatTests(ModernClusterFixture fixture) : StoredFormatTests(fixture, 2)
{
    [Fact]
    public async Task A_zstd_segment_sent_byte_for_byte_is_accepted_and_read_back()
    {
        var (stored, read) = await SendAndReadAsync(CompressionType.Zstd);
        Assert.NotEmpty(stored);
        Assert.Equal(stored, read);
    }
}

/// <summary>Magic 0.</summary>
[Collection(OldCluster.Name)]
public sealed class OldStoredFormatTests(OldClusterFixture fixture) : StoredFormatTests(fixture, 0);
