using System.Text.Json;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Verifying;

/// <summary><c>kafkalog verify</c> and <c>kafkalog stats</c> as processes.</summary>
public sealed class VerifyTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sound_file_is_reported_as_sound()
    {
        var path = SomeSegment.Write(_folder, 15);
        var run = Kafkalog.Run("verify", path);
        Assert.Equal((0, $"{path}: sound; 3 batches, 15 records, offsets 0..14\n", ""), (run.ExitCode, run.Output, run.Errors));
    }

    [Fact]
    public void Damage_is_reported_with_its_bytes_its_reason_and_the_offsets_around_it()
    {
        var path = SomeSegment.Write(_folder, 20);
        var positions = SomeSegment.BatchPositions(path);
        SomeSegment.Damage(path, positions[1] + 70);
        SomeSegment.Truncate(path, positions[4] - 3);
        var run = Kafkalog.Run("verify", path);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith(
            $"{path}: damage at bytes {positions[1]}..{positions[2] - 1} ({positions[2] - positions[1]} bytes): stored CRC-32C 0x",
            run.Lines[0]);
        Assert.EndsWith("; last offset before it 4, first offset after it 10", run.Lines[0]);
        Assert.StartsWith($"{path}: torn tail at bytes {positions[3]}..{positions[4] - 4} ", run.Lines[1]);
        Assert.EndsWith("; last offset before it 14, no record after it", run.Lines[1]);
        Assert.Contains(": DAMAGED: ", run.Lines[2]);

        var json = JsonDocument.Parse(Kafkalog.Run("verify", "--json", path).Output).RootElement;
        Assert.False(json.GetProperty("sound").GetBoolean());
        Assert.Equal(2, json.GetProperty("damageCount").GetInt32());
        var first = json.GetProperty("damage")[0];
        Assert.Equal(
            (positions[1], positions[2] - 1), (first.GetProperty("firstByte").GetInt64(), first.GetProperty("lastByte").GetInt64()));
        Assert.Equal((4, 10), (first.GetProperty("lastOffsetBefore").GetInt32(), first.GetProperty("firstOffsetBehind").GetInt32()));
    }

    [Theory]
    [InlineData("verify")]
    [InlineData("verify --json")]
    [InlineData("stats")]
    [InlineData("stats --json")]
    public void Output_that_cannot_be_written_is_reported_once_and_not_for_each_file(string command)
    {
        var path = SomeSegment.Write(_folder, 10);
        using var run = Kafkalog.Shell($"$K {command} {path} {path} {path} >/dev/full");
        var ended = run.WaitForEnd();
        Assert.Equal(2, ended.ExitCode);
        Assert.Matches("^kafkalog: cannot write to standard output: [^\n]+\n$", ended.Errors);
    }

    [Fact]
    public void A_damaged_byte_that_the_CRC_does_not_cover_is_found_too()
    {
        var path = SomeSegment.Write(_folder, 10);
        SomeSegment.Damage(path, SomeSegment.BatchPositions(path)[1] + 7);
        var run = Kafkalog.Run("verify", path);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("the batch's sequence says 5", run.Output);
    }

    [Fact]
    public void An_unfinished_tail_is_damage_only_when_its_writer_is_gone()
    {
        var path = SomeSegment.Write(_folder, 10);
        SomeSegment.Truncate(path, SomeSegment.BatchPositions(path)[2] - 3);
        var living = _folder.File("living");
        using (SegmentWriter.Create(living)) // holds its lock, and writes nothing yet
        using (var file = new FileStream(living, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.Write(File.ReadAllBytes(path));
            file.Flush();
            var run = Kafkalog.Run("verify", living);
            Assert.Equal(0, run.ExitCode);
            Assert.Contains("its writer lives, ", run.Output);
        }

        Assert.Equal(1, Kafkalog.Run("verify", path).ExitCode);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_damaged_length_followed_by_sound_batches_is_damage_even_while_a_writer_lives_or_may_live(bool lives)
    {
        var bytes = File.ReadAllBytes(SomeSegment.Write(_folder, 50));
        var positions = SomeSegment.BatchPositions(_folder.Segments().Single());
        bytes[positions[3] + 8] = 1; // 16 MiB more than there are
        var path = _folder.File("fresh");
        using var writer = lives ? SegmentWriter.Create(path) : null;
        WriteInto(path, bytes);

        var run = Kafkalog.Run("verify", path);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"{path}: damage at bytes {positions[3]}..{positions[4] - 1} ", run.Lines[0]);
        Assert.Contains("DAMAGED", run.Lines[1]);
        Assert.Contains("9 batches, 45 records", run.Lines[1]);
        Assert.Equal(1, Kafkalog.Run("stats", path).ExitCode);
        var cat = Kafkalog.Run("cat", path);
        Assert.Equal((1, 45), (cat.ExitCode, cat.Lines.Length));
        var converted = Kafkalog.Run("convert", path, "--output", _folder.File("new"));
        Assert.Equal((1, 45), (converted.ExitCode, SomeSegment.ReadAll(_folder.File("new")).Count));
    }

    [Fact]
    public void Bytes_that_cannot_begin_a_batch_are_damage_at_once()
    {
        var random = new byte[100_000];
        new Random(5).NextBytes(random);
        var path = _folder.File("random");
        WriteInto(path, random);
        var run = Kafkalog.Run("verify", path);
        Assert.Equal(1, run.ExitCode);
        Assert.StartsWith($"{path}: damage at bytes 0..99999 ", run.Lines[0]);
        Assert.Equal(1, Kafkalog.Run("cat", path).ExitCode);

        var text = _folder.File("text");
        WriteInto(text, "a"u8.ToArray()); // a batch may begin like this, but there is none
        run = Kafkalog.Run("verify", text);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("NOTHING SOUND", run.Output);
        Assert.Equal(1, Kafkalog.Run("cat", text).ExitCode);
    }

    [Fact]
    public void Zeros_at_the_end_are_prepared_space_and_not_damage()
    {
        var path = _folder.File("zeros");
        WriteInto(path, []);
        SomeSegment.Truncate(path, 10L << 30);
        var run = Kafkalog.Run("verify", path);
        Assert.Equal(
            (0, $"{path}: no records; 10,737,418,240 bytes of prepared space; its writer may live\n"), (run.ExitCode, run.Output));
        Assert.Equal((0, ""), (Kafkalog.Run("cat", path).ExitCode, Kafkalog.Run("cat", path).Errors));
    }

    [Fact]
    public void An_unfinished_end_is_reported_by_every_command()
    {
        var bytes = File.ReadAllBytes(SomeSegment.Write(_folder, 10));
        var path = _folder.File("fresh");
        WriteInto(path, bytes[..^3]);
        var left = bytes.Length - 3 - SomeSegment.BatchPositions(_folder.Segments().Single())[1];
        var verified = Kafkalog.Run("verify", path);
        Assert.Equal(0, verified.ExitCode);
        Assert.Contains($": sound so far; 1 batch, 5 records, offsets 0..4; its writer may live, {left} bytes ", verified.Output);
        var cat = Kafkalog.Run("cat", path);
        Assert.Equal((0, 5), (cat.ExitCode, cat.Lines.Length));
        Assert.Contains($"{path}: did not print the last {left} bytes: ", cat.Errors);
        var converted = Kafkalog.Run("convert", path, "--output", _folder.File("new"));
        Assert.Equal(1, converted.ExitCode);
        Assert.Contains($"{_folder.File("new")} does not have the last {left} bytes of {path}: ", converted.Errors);
        var recovered = Kafkalog.Run("recover", path, "--force", "--output", _folder.File("new2"));
        Assert.Equal(1, recovered.ExitCode);
    }

    private static void WriteInto(string path, byte[] bytes)
    {
        using var file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        file.Write(bytes);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_exit_code_2_even_if_another_is_damaged()
    {
        var path = SomeSegment.Write(_folder, 10);
        SomeSegment.Damage(path, 70);
        var run = Kafkalog.Run("verify", path, _folder.File("missing"));
        Assert.Equal((2, $"kafkalog: {_folder.File("missing")} does not exist\n"), (run.ExitCode, run.Errors));
        Assert.Contains("DAMAGED", run.Output);
    }

    [Fact]
    public void Stats_show_what_a_file_is_made_of()
    {
        var path = SomeSegment.Write(_folder, 1000, perBatch: 100, CompressionType.Gzip);
        var json = JsonDocument.Parse(Kafkalog.Run("stats", "--json", path).Output).RootElement;
        Assert.Equal(
            (10, 1000, 1000, 500, 0, 999, 0, 100, false),
            (Number("batches"), Number("records"), Number("recordsWithKey"), Number("recordsWithHeaders"), Number("firstOffset"),
                Number("lastOffset"),
                Number("gapsCount"), Number("maxRecordsPerBatch"), json.GetProperty("writer").GetString() == "alive"));
        Assert.Equal((SomeSegment.FirstTimestamp, SomeSegment.FirstTimestamp + 999), (Number("firstTimestamp"), Number("lastTimestamp")));
        Assert.True(Number("segmentId") >= 1L << 62);
        var kind = json.GetProperty("kinds").EnumerateArray().Single();
        Assert.Equal(("gzip", 2), (kind.GetProperty("codec").GetString(), kind.GetProperty("magic").GetInt32()));
        Assert.Equal(new FileInfo(path).Length, kind.GetProperty("storedBytes").GetInt64());
        var plain = SomeSegment.Write(_folder, 1000, perBatch: 100);
        Assert.Equal(new FileInfo(plain).Length, kind.GetProperty("uncompressedBytes").GetInt64());
        Assert.Contains("magic 2, gzip   10 batches, 1,000 records", Kafkalog.Run("stats", path).Output);

        long Number(string name) => json.GetProperty(name).GetInt64();
    }

    [Fact]
    public void Stats_count_gaps()
    {
        var path = SomeSegment.Write(_folder, 20);
        SomeSegment.Damage(path, SomeSegment.BatchPositions(path)[1] + 70);
        var run = Kafkalog.Run("stats", path);
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("0..19; 1 gap with 5 offsets", run.Output);
        Assert.Contains("5..9", run.Output);
    }

    [Theory]
    [InlineData("cat")]
    [InlineData("verify")]
    [InlineData("stats")]
    [InlineData("pipe")]
    [InlineData("syslog")]
    [InlineData("recover")]
    [InlineData("convert")]
    public void Help_has_exit_codes_and_examples(string command)
    {
        var run = Kafkalog.Run(command, "--help");
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Exit codes:", run.Output);
        Assert.Contains($"kafkalog {command} ", run.Output);
    }

    [Fact]
    public void Wrong_arguments_are_reported_in_one_line_with_exit_code_2()
    {
        var run = Kafkalog.Run("verify");
        Assert.Equal(2, run.ExitCode);
        Assert.All(run.Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("kafkalog: ", line));
        Assert.Equal(2, Kafkalog.Run("nonsense").ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", Kafkalog.Run("--version").Output);
    }
}
