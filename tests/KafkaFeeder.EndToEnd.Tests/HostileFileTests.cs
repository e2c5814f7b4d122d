using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>How much memory a process needs to read a hostile file, native memory included, as the kernel counts it.</summary>
public sealed class HostileFileTests
{
    private const int CapBytes = 64 << 20; // the most that a batch may decompress to
    private const int MaxHeapBytes = 200 << 20; // the cap, an array of half of it, the batches; with more the process ends
    private const int MaxGrowthKiB = 230 * 1024; // native memory included
    private static readonly string Kafkalog = TestRun.ProgramPath("tools/kafkalog", "kafkalog");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    public static TheoryData<byte, CompressionType> Codecs => new(
        from magic in (byte[])[0, 1, 2]
        from type in Enum.GetValues<CompressionType>()
        where CompressionCodecs.For(type, magic) is not null
        select (magic, type));

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task Many_decompression_bombs_take_bounded_memory_and_are_all_reported(byte magic, CompressionType type)
    {
        var folder = TestRun.NewFolder("bombs");
        var bomb = Bomb(magic, type);
        var bombs = type == CompressionType.Snappy ? 10 : 30; // a bomb of snappy has 3 MB
        var path = Path.Combine(folder, "bombs.log");
        await using (var file = File.Create(path))
        {
            for (var i = 0; i < bombs; i++)
            {
                await file.WriteAsync(bomb, TestContext.Current.CancellationToken);
            }
        }

        var (idleKiB, _) =
            await PeakAsync("verify", Path.Combine(TestRun.RepositoryRoot, "tests/KafkaLog.Format.Tests/data/kafka-4.3.1/magic2-none.log"));
        var (peakKiB, run) = await PeakAsync("verify", path);

        Assert.True(run.ExitCode == 1, $"exit code {run.ExitCode}, expected 1: done, and there is damage. {run.Errors}");
        Assert.InRange(peakKiB - idleKiB, int.MinValue, MaxGrowthKiB);
    }

    /// <summary>A file may not grow beyond ulimit -f (EFBIG).</summary>
    [Fact]
    public async Task A_conversion_that_reaches_the_file_size_limit_fails_with_an_error()
    {
        var source = Path.Combine(TestRun.RepositoryRoot, "tests/KafkaLog.Format.Tests/data/kafka-4.3.1/magic2-none.log");
        var target = Path.Combine(TestRun.NewFolder("convert"), "new.szn");

        var run = await ProgramRun.RunAsync(
            "/bin/bash",
            ["-c", "trap '' XFSZ; ulimit -f 20; DOTNET_EnableWriteXorExecute=0 exec \"$@\"", "bash", Kafkalog, "convert", source,
                "--output", target],
            Limit);

        Assert.Equal(2, run.ExitCode);
        Assert.Matches("^kafkalog: .*cannot write [0-9]+ bytes at position", run.Errors);
        Assert.False(File.Exists(target));
    }

    /// <summary>
    /// Runs kafkalog and returns its peak of resident memory. The heap has a limit: how much
    /// garbage .NET keeps without one depends on the machine.
    /// </summary>
    private static async Task<(int KiB, ProgramRun Run)> PeakAsync(params string[] arguments)
    {
        var measure = $"""
            import os, resource, subprocess, sys
            os.environ["DOTNET_GCHeapHardLimit"] = "{MaxHeapBytes:x}"
            run = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            sys.exit(run.returncode)
            """;
        var run = await ProgramRun.RunAsync("/usr/bin/python3", ["-c", measure, Kafkalog, .. arguments], Limit);
        return (int.Parse(run.Output, CultureInfo.InvariantCulture), run);
    }

    /// <summary>A batch, or wrapper, with correct lengths and checksums, that decompresses to one byte more than the limit.</summary>
    private static byte[] Bomb(byte magic, CompressionType type)
    {
        var batch = new ArrayBufferWriter<byte>();
        var head = magic == 2 ? RecordBatchHeader.Bytes : magic == 1 ? 34 : 26;
        batch.Write(new byte[head]);
        CompressionCodecs.For(type, magic)!.Compress(new byte[CapBytes + 1], batch);
        var bytes = batch.WrittenSpan.ToArray();
        if (magic == 2)
        {
            new RecordBatchHeader { Magic = 2, Attributes = (short)type, PartitionLeaderEpoch = -1, ProducerId = -1, ProducerEpoch = -1,
                BaseSequence = -1, RecordsCount = 1 }.WriteTo(bytes);
            return bytes;
        }

        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), bytes.Length - 12);
        bytes[16] = magic;
        bytes[17] = (byte)type;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(head - 8), -1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(head - 4), bytes.Length - head);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(12), RecordBatchHeader.ComputeCrc(bytes));
        return bytes;
    }
}
