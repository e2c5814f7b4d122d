using System.Text;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Compression;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests.IndependentReaders;

/// <summary>What our code writes is read back, record for record, by programs that others wrote.</summary>
public sealed class IndependentReaderTests
{
    private const string Python = "/usr/bin/python3";
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    public static TheoryData<string, CompressionType> Segments => new()
    {
        { "writer", CompressionType.None },
        { "writer", CompressionType.Gzip },
        { "sink", CompressionType.None },
        { "sink", CompressionType.Gzip },
    };

    [Theory]
    [MemberData(nameof(Segments))]
    public async Task Python_kafka_reads_every_record(string by, CompressionType codec)
    {
        Assert.SkipUnless(File.Exists(Python), $"{Python} is not there.");
        var module = await ProgramRun.RunAsync(Python, ["-c", "import kafka.record"], Limit);
        Assert.SkipUnless(module.ExitCode == 0, "python3-kafka is not installed.");
        var segment = Write(by, codec);

        var run = await ProgramRun.RunAsync(Python, [Path.Combine(AppContext.BaseDirectory, "IndependentReaders", "memory_records.py"), segment.Path], Limit);

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        AssertSame(segment.Records, [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ReadRecord.Parse)]);
    }

    [Theory]
    [MemberData(nameof(Segments))]
    public async Task Kafkas_own_tool_reads_every_record(string by, CompressionType codec)
    {
        var segment = Write(by, codec);

        var dump = await DumpAsync(segment.Path);

        AssertBatches(dump.Batches, new FileInfo(segment.Path).Length, codec);
        Assert.Equal(segment.Records.Count, dump.Records.Count);
        foreach (var (expected, found) in segment.Records.Zip(dump.Records))
        {
            AssertSame(expected, found);
        }
    }

    private static SampleSegment Write(string by, CompressionType codec) =>
        by == "sink" ? SampleSegment.BySink(codec) : SampleSegment.ByWriter(codec);

    private static async Task<SegmentDump> DumpAsync(string path)
    {
        var which = await ProgramRun.RunAsync(Path.Combine(TestRun.RepositoryRoot, "tools", "kafka-cluster", "kafka-cluster"), ["which", "--generation", "modern"], Limit);
        Assert.SkipWhen(which.ExitCode == 3, $"No modern Kafka to be had: {which.Errors.Trim()}");
        Assert.Equal(0, which.ExitCode);
        var libs = which.Output.Split('\n').Single(line => line.StartsWith("KAFKA_LIBS=", StringComparison.Ordinal))["KAFKA_LIBS=".Length..];
        var log = Path.Combine(TestRun.NewFolder("dump"), "00000000000000000000.log"); // it takes the base offset from the name
        File.Copy(path, log);

        var run = await ProgramRun.RunAsync(
            "java",
            ["-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8", "-cp", libs + "/*", "org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--print-data-log", "--max-message-size", "2000000", "--files", log],
            Limit);

        Assert.Equal(0, run.ExitCode);
        return SegmentDump.Parse(run.Output);
    }

    /// <summary>The batches fill the file from its first byte to its last, are sound, and bear the segment's identity.</summary>
    private static void AssertBatches(IReadOnlyList<DumpedBatch> batches, long fileBytes, CompressionType codec)
    {
        long position = 0, offset = 0;
        foreach (var batch in batches)
        {
            Assert.True(batch.IsValid);
            Assert.Equal((position, offset, offset, batch.LastOffset - offset + 1), (batch.Position, batch.BaseOffset, batch.BaseSequence, batch.Count));
            Assert.Equal(batches[0].ProducerId, batch.ProducerId);
            position += batch.Bytes;
            offset = batch.LastOffset + 1;
        }

        Assert.Equal(fileBytes, position);
        Assert.True(batches[0].ProducerId >= 1L << 62);
        Assert.Contains(codec == CompressionType.Gzip ? "gzip" : "none", batches.Select(batch => batch.Codec));
        Assert.False(codec == CompressionType.None && batches.Any(batch => batch.Codec != "none"));
    }

    private static void AssertSame(ReadRecord expected, DumpedRecord found)
    {
        var key = expected.Key is null ? null : Convert.FromBase64String(expected.Key);
        var value = expected.Value is null ? null : Convert.FromBase64String(expected.Value);
        Assert.Equal((expected.Offset, expected.Timestamp, key?.Length ?? -1, value?.Length ?? -1), (found.Offset, found.Timestamp, found.KeyBytes, found.ValueBytes));
        Assert.Equal(string.Join(',', expected.Headers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(header => header.Split('=')[0])), found.HeaderNames);
        Assert.Equal(key is null ? null : Encoding.UTF8.GetString(key), found.Key);
        if (value is null || !value.Contains((byte)'\n'))
        {
            Assert.Equal(value is null ? null : Encoding.UTF8.GetString(value), found.Value);
        }
    }

    /// <summary>One by one, so that a difference is told by its record and not by 20,000 of them.</summary>
    private static void AssertSame(IReadOnlyList<ReadRecord> expected, IReadOnlyList<ReadRecord> found)
    {
        foreach (var (one, other) in expected.Zip(found))
        {
            Assert.Equal(one, other);
        }

        Assert.Equal(expected.Count, found.Count);
    }
}
