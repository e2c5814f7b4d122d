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

    public static TheoryData<string, byte, CompressionType> Segments =>
    [
        .. from magic in (byte[])[0, 1, 2] from codec in Enum.GetValues<CompressionType>()
            where magic == 2 || codec != CompressionType.Zstd select ("writer", magic, codec),
        ("sink", 2, CompressionType.None),
        ("sink", 2, CompressionType.Gzip),
    ];

    public static TheoryData<CompressionType> Magic0 =>
        [.. Enum.GetValues<CompressionType>().Where(codec => codec != CompressionType.Zstd)];

    [Theory]
    [MemberData(nameof(Segments))]
    public async Task Python_kafka_reads_every_record(string by, byte magic, CompressionType codec)
    {
        Assert.SkipUnless(File.Exists(Python), $"{Python} is not there.");
        var module = await ProgramRun.RunAsync(Python, ["-c", "import kafka.record"], Limit);
        Assert.SkipUnless(module.ExitCode == 0, "python3-kafka is not installed.");
        var segment = Write(by, magic, codec);

        var run = await ProgramRun.RunAsync(
            Python, [Path.Combine(AppContext.BaseDirectory, "IndependentReaders", "memory_records.py"), segment.Path], Limit);

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        AssertSame(segment.Records, [.. run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(ReadRecord.Parse)]);
    }

    [Theory]
    [MemberData(nameof(Segments))]
    public async Task Kafkas_own_tool_reads_every_record(string by, byte magic, CompressionType codec)
    {
        var segment = Write(by, magic, codec);

        var dump = await DumpAsync(segment.Path, "modern", "org.apache.kafka.tools.DumpLogSegments");

        AssertBatches(dump.Batches, new FileInfo(segment.Path).Length, magic, codec);
        AssertSame(segment.Records, dump.Records);
    }

    [Theory]
    [MemberData(nameof(Magic0))]
    public async Task Kafka_0_9s_own_tool_reads_every_record_of_magic_0(CompressionType codec)
    {
        var segment = SampleSegment.ByWriter(codec, magic: 0);

        var dump = await DumpAsync(segment.Path, "old", "kafka.tools.DumpLogSegments");

        AssertSame(segment.Records, dump.Records);
    }

    private static SampleSegment Write(string by, byte magic, CompressionType codec) =>
        by == "sink" ? SampleSegment.BySink(codec) : SampleSegment.ByWriter(codec, magic);

    private static async Task<SegmentDump> DumpAsync(string path, string generation, string tool)
    {
        var which = await ProgramRun.RunAsync(
            Path.Combine(TestRun.RepositoryRoot, "tools", "kafka-cluster", "kafka-cluster"), ["which", "--generation", generation], Limit);
        Assert.SkipWhen(which.ExitCode == 3, $"No {generation} Kafka to be had: {which.Errors.Trim()}");
        Assert.Equal(0, which.ExitCode);
        var libs =
            which.Output.Split('\n').Single(line => line.StartsWith("KAFKA_LIBS=", StringComparison.Ordinal))["KAFKA_LIBS=".Length..];
        var log = Path.Combine(TestRun.NewFolder("dump"), "00000000000000000000.log"); // it takes the base offset from the name
        File.Copy(path, log);

        var run = await ProgramRun.RunAsync(
            "java",
            ["-Dfile.encoding=UTF-8", "-Dsun.stdout.encoding=UTF-8", "-cp", libs + "/*", tool, "--deep-iteration", "--print-data-log",
                "--max-message-size", "2000000", "--files", log],
            Limit);

        Assert.Equal(0, run.ExitCode);
        return SegmentDump.Parse(run.Output);
    }

    /// <summary>The batches fill the file from its first byte to its last, are sound, and in magic 2 bear the segment's identity.</summary>
    private static void AssertBatches(IReadOnlyList<DumpedBatch> batches, long fileBytes, byte magic, CompressionType codec)
    {
        long position = 0, offset = 0;
        foreach (var batch in batches)
        {
            Assert.True(batch.IsValid);
            Assert.Equal(position, batch.Position);
            if (magic == 2)
            {
                Assert.Equal((offset, offset, batch.LastOffset - offset + 1), (batch.BaseOffset, batch.BaseSequence, batch.Count));
                Assert.Equal(batches[0].ProducerId, batch.ProducerId);
            }

            position += batch.Bytes;
            offset = batch.LastOffset + 1;
        }

        Assert.Equal(fileBytes, position);
        Assert.True(magic < 2 || batches[0].ProducerId >= 1L << 62);
        Assert.Contains(codec.ToString().ToLowerInvariant(), batches.Select(batch => batch.Codec));
        Assert.False(codec == CompressionType.None && batches.Any(batch => batch.Codec != "none"));
    }

    private static void AssertSame(IReadOnlyList<ReadRecord> expected, IReadOnlyList<DumpedRecord> found)
    {
        foreach (var (one, other) in expected.Zip(found))
        {
            AssertSame(one, other);
        }

        Assert.Equal(expected.Count, found.Count);
    }

    private static void AssertSame(ReadRecord expected, DumpedRecord found)
    {
        var key = expected.Key is null ? null : Convert.FromBase64String(expected.Key);
        var value = expected.Value is null ? null : Convert.FromBase64String(expected.Value);
        Assert.Equal(
            (expected.Offset, expected.Timestamp, key?.Length ?? -1, value?.Length ?? -1),
            (found.Offset, found.Timestamp, found.KeyBytes, found.ValueBytes));
        Assert.Equal(
            string.Join(',', expected.Headers.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(header => header.Split('=')[0])),
            found.HeaderNames);
        if (value is not null || found.Key is not null) // 0.9 prints neither of them if there is no value
        {
            Assert.Equal(key is null ? null : Encoding.UTF8.GetString(key), found.Key);
        }

        if (value is null || !value.Contains((byte)'\n'))
        {
            Assert.Equal(value is null ? null : Encoding.UTF8.GetString(value), found.Value);
        }
    }

    /// <summary>One by one, so that a failure shows the record that differs and not all 20,000.</summary>
    private static void AssertSame(IReadOnlyList<ReadRecord> expected, IReadOnlyList<ReadRecord> found)
    {
        foreach (var (one, other) in expected.Zip(found))
        {
            Assert.Equal(one, other);
        }

        Assert.Equal(expected.Count, found.Count);
    }
}
