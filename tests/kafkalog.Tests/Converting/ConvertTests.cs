using System.Text.Json;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Converting;

/// <summary><c>kafkalog convert</c> as a process.</summary>
public sealed class ConvertTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("none")]
    [InlineData("gzip")]
    [InlineData("snappy")]
    [InlineData("lz4")]
    [InlineData("zstd")]
    public void Every_codec_holds_the_same_records(string codec)
    {
        var path = SomeSegment.Write(_folder, 500);
        var run = Kafkalog.Run("convert", path, "--output", _folder.File("new"), "--codec", codec, "--batch-bytes", "4KiB");
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Equal(SomeSegment.ReadAll(path), SomeSegment.ReadAll(_folder.File("new")));
        Assert.Equal(codec, Kind("codec").GetString());
        Assert.InRange(Kind("batches").GetInt32(), 3, 20);

        JsonElement Kind(string member) =>
            JsonDocument.Parse(Kafkalog.Run("stats", "--json", _folder.File("new")).Output).RootElement.GetProperty("kinds")
                .EnumerateArray().Single().GetProperty(member);
    }

    [Theory]
    [InlineData("0", "none")]
    [InlineData("0", "gzip")]
    [InlineData("1", "lz4")]
    [InlineData("1", "snappy")]
    public void Older_magics_hold_records_without_headers_and_back_again(string magic, string codec)
    {
        using (var writer = SomeSegment.Writer(_folder))
        {
            for (var i = 0; i < 100; i++)
            {
                writer.Append(
                    new NewRecord(SomeSegment.FirstTimestamp + i, BitConverter.GetBytes(i), new byte[i]) { HasKey = i % 3 > 0,
                        HasValue = i % 7 > 0 });
            }
        }

        var path = _folder.Segments().Single();
        Assert.Equal(0, Kafkalog.Run("convert", path, "--output", _folder.File("old"), "--magic", magic, "--codec", codec).ExitCode);
        var back = Kafkalog.Run("convert", _folder.File("old"), "--output", _folder.File("back"));
        Assert.Equal((0, ""), (back.ExitCode, back.Errors));
        var expected = SomeSegment.ReadAll(path);
        Assert.Equal(
            magic == "0" ? expected.ConvertAll(r => r with { Timestamp = -1 }) : expected, SomeSegment.ReadAll(_folder.File("back")));
    }

    [Fact]
    public void Gaps_in_the_offsets_are_kept()
    {
        var path = SomeSegment.Write(_folder, 20);
        SomeSegment.Damage(path, SomeSegment.BatchPositions(path)[1] + 70);
        var run = Kafkalog.Run("convert", path, "--output", _folder.File("new"));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("damage at bytes", run.Output);
        Assert.Equal(
            Enumerable.Range(0, 20).Where(i => i is < 5 or >= 10), SomeSegment.ReadAll(_folder.File("new")).Select(r => (int)r.Offset));
    }

    [Fact]
    public void Control_batches_are_left_out_and_reported()
    {
        var path = SomeSegment.Write(_folder, 15);
        MakeControl(path, SomeSegment.BatchPositions(path)[1]);
        var run = Kafkalog.Run("convert", path, "--output", _folder.File("new"));
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("; 1 control batch left out", run.Output);
        Assert.Equal(10, SomeSegment.ReadAll(_folder.File("new")).Count);
        Assert.Equal(10, Kafkalog.Run("cat", path).Lines.Length);
    }

    [Theory]
    [InlineData("kafkalog: the record of offset 0: A record with headers cannot be written in magic 1", "--magic", "1")]
    [InlineData("kafkalog: --magic 0 with --codec zstd: ", "--magic", "0", "--codec", "zstd")]
    [InlineData("kafkalog: --magic is \"3\"; it must be 0, 1, 2.", "--magic", "3")]
    public void What_cannot_be_converted_is_reported_and_no_file_is_left(string message, params string[] options)
    {
        var run = Kafkalog.Run(["convert", SomeSegment.Write(_folder, 5), "--output", _folder.File("new"), .. options]);
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(message, run.Errors);
        Assert.False(File.Exists(_folder.File("new")));
    }

    /// <summary>Turns a batch into a transaction's marker.</summary>
    private static void MakeControl(string path, long position)
    {
        var bytes = File.ReadAllBytes(path);
        var batch = bytes.AsSpan((int)position);
        batch = batch[..(int)RecordBatchHeader.Read(batch).TotalBytes];
        (RecordBatchHeader.Read(batch) with { Attributes = 0x30 }).WriteTo(batch);
        File.WriteAllBytes(path, bytes);
    }

    [Theory]
    [InlineData(1)] // of the file
    [InlineData(2)] // of its directory
    public void A_failed_fsync_leaves_no_file(int failing)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed");
        var source = SomeSegment.Write(_folder, 10);
        var strace = $"strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when={failing}";
        using var shell = Kafkalog.Shell($"{strace} \"$K\" convert '{source}' --output '{_folder.File("new")}'");
        var run = shell.WaitForEnd();
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("Input/output error", run.Errors);
        Assert.False(File.Exists(_folder.File("new")));
    }
}
