using System.Text.Json;
using KafkaFeeder.Tests;
using KafkaLog.Format.Compression;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Cat;

/// <summary><c>kafkalog cat</c> as a process.</summary>
public sealed class CatTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(CompressionType.None)]
    [InlineData(CompressionType.Gzip)]
    [InlineData(CompressionType.Zstd)]
    public void Values_are_printed_one_a_line(CompressionType codec)
    {
        var path = SomeSegment.Write(_folder, 12, codec: codec);
        var run = Kafkalog.Run("cat", path);
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Equal(Enumerable.Range(0, 12).Select(i => $"v{i}"), run.Lines);
        Assert.Equal("k3\tv3\n", Kafkalog.Run("cat", "--key", "--from", "3", "--to", "4", path).Output);
    }

    [Fact]
    public void Json_has_everything_of_a_record_and_nulls_as_nulls()
    {
        using (var writer = SomeSegment.Writer(_folder))
        {
            RecordHeader[] headers = [new("h", "x"), new("h", null)];
            writer.Append(new NewRecord(5, "k\"\n"u8, "příliš"u8) { Headers = headers });
            writer.Append(new NewRecord { Timestamp = 6, HasKey = false, HasValue = false });
            writer.Append(new NewRecord(7, new byte[] { (byte)'a', 0xFF }));
        }

        var path = _folder.Segments().Single();
        Assert.Equal(
            """
            {"offset":0,"timestamp":5,"timestampType":"CreateTime","key":"k\"\n","value":"příliš","headers":[["h","x"],["h",null]]}
            {"offset":1,"timestamp":6,"timestampType":"CreateTime","key":null,"value":null,"headers":[]}
            {"offset":2,"timestamp":7,"timestampType":"CreateTime","key":null,"value":"a�","headers":[]}

            """,
            Kafkalog.Run("cat", "--json", path).Output);
        var base64 = Kafkalog.Run("cat", "--json", "--base64", path).Lines.Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(new byte[] { (byte)'a', 0xFF }, base64[2].GetProperty("value").GetBytesFromBase64());
        Assert.Equal("h"u8, base64[0].GetProperty("headers")[0][0].GetBytesFromBase64());
        Assert.Equal(JsonValueKind.Null, base64[1].GetProperty("value").ValueKind);
    }

    /// <summary>Escape sequences in a record could set the title or the clipboard, or make the terminal type.</summary>
    [Fact]
    public void Control_characters_are_shown_on_a_terminal_and_not_obeyed()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script is not installed");
        byte[] hostile = [.. "\x1b]0;title\a příliš\tžluť \u009b31m \u202eabc \r\u007f "u8, 0xFF, 0x9B];
        using (var writer = SomeSegment.Writer(_folder))
        {
            writer.Append(new NewRecord(5, "k\x1b[1m"u8, hostile));
        }

        var path = _folder.Segments().Single();
        Assert.Equal(
            "k\\x1b[1m\t\\x1b]0;title\\x07 příliš\tžluť \\x9b31m \\u202eabc \\x0d\\x7f \\xff\\x9b",
            OnTerminal($"cat --key '{path}'"));
        Assert.Contains("\x1b]0;title\a", OnTerminal($"cat --raw '{path}'"));
        Assert.DoesNotContain("\x1b", OnTerminal($"cat --json '{path}'"));
        Assert.DoesNotContain("\u009b", OnTerminal($"cat --json '{path}'"));

        // Not to a terminal: the bytes as they are.
        Assert.Contains("\x1b]0;title\a", Kafkalog.Run("cat", path).Output);

        static string OnTerminal(string arguments)
        {
            using var shell = Kafkalog.Shell($"script -qec \"$K {arguments}\" /dev/null < /dev/null");
            return shell.WaitForEnd().Output.TrimEnd('\r', '\n');
        }
    }

    [Fact]
    public void Control_characters_in_a_file_name_are_not_obeyed_either()
    {
        var run = Kafkalog.Run("cat", _folder.File("missing\x1b[2J"));
        Assert.Equal(2, run.ExitCode);
        Assert.Contains("missing\\x1b[2J does not exist", run.Errors);
    }

    [Fact]
    public void Ranges_of_offsets_and_times_select_single_records()
    {
        var path = SomeSegment.Write(_folder, 30);
        Assert.Equal(Enumerable.Range(7, 6).Select(i => $"v{i}"), Kafkalog.Run("cat", "--from", "7", "--to", "13", path).Lines);
        Assert.Equal(
            Enumerable.Range(7, 6).Select(i => $"v{i}"),
            Kafkalog.Run("cat", "--from", "2026-11-21T10:00:00.007Z", "--to", $"@{SomeSegment.FirstTimestamp + 13}", path).Lines);
    }

    [Fact]
    public void Damage_is_reported_the_records_after_it_are_printed_and_the_exit_code_is_1()
    {
        var path = SomeSegment.Write(_folder, 15);
        var positions = SomeSegment.BatchPositions(path);
        SomeSegment.Damage(path, positions[1] + 70);
        var run = Kafkalog.Run("cat", path);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(Enumerable.Range(0, 15).Where(i => i is < 5 or >= 10).Select(i => $"v{i}"), run.Lines);
        Assert.StartsWith($"kafkalog: {path}: damage at bytes {positions[1]}..{positions[2] - 1}: stored CRC-32C", run.Errors);
    }

    [Fact]
    public void A_damaged_base_offset_does_not_change_the_offsets()
    {
        var path = SomeSegment.Write(_folder, 15);
        SomeSegment.Damage(path, SomeSegment.BatchPositions(path)[1] + 7); // not covered by the CRC
        Assert.Equal(
            Enumerable.Range(0, 15),
            Kafkalog.Run("cat", "--json", path).Lines.Select(
                line => JsonDocument.Parse(line).RootElement.GetProperty("offset").GetInt32()));
    }

    [Fact]
    public void The_segments_of_a_directory_are_printed_by_component_and_time()
    {
        using (var writer = SomeSegment.Writer(_folder, "b", maxBytes: 1))
        {
            SomeSegment.Append(writer, 0, 3, perBatch: 1);
        }

        SomeSegment.Write(_folder, 1, component: "a");
        File.WriteAllText(_folder.File("other.txt"), "not a segment");
        Assert.Equal(4, _folder.Segments().Length);
        Assert.Equal(["v0", "v0", "v1", "v2"], Kafkalog.Run("cat", _folder.Path).Lines);
        Assert.Equal(["v0", "v1", "v2"], Kafkalog.Run("cat", "--component", "b", _folder.Path).Lines);
    }

    [Fact]
    public void A_file_that_cannot_be_read_is_one_line_and_exit_code_2_and_the_others_are_printed()
    {
        var path = SomeSegment.Write(_folder, 2);
        var run = Kafkalog.Run("cat", _folder.File("missing"), path);
        Assert.Equal((2, "v0\nv1\n", $"kafkalog: {_folder.File("missing")} does not exist\n"), (run.ExitCode, run.Output, run.Errors));
        using var empty = new TempFolder();
        Assert.Equal(
            (2,
                $"kafkalog: {empty.Path} holds no segment: expected files named ..._UTC-COMPONENT.szn. Give the files themselves if they "
                    + "have other names.\n"),
            Failure("cat", empty.Path));
        Assert.StartsWith("kafkalog: --from is \"soon\"; it must be an offset", Failure("cat", "--from", "soon", path).Errors);
        Assert.StartsWith("kafkalog: -f follows one log", Failure("cat", "-f", path, path).Errors);

        static (int, string Errors) Failure(params string[] arguments)
        {
            var run = Kafkalog.Run(arguments);
            Assert.Equal(2, run.ExitCode);
            return (run.ExitCode, run.Errors);
        }
    }

    [Fact]
    public void It_ends_quietly_when_its_reader_closes_the_pipe()
    {
        var path = SomeSegment.Write(_folder, 200_000, perBatch: 1000);
        using var shell = Kafkalog.Shell($"\"$K\" cat '{path}' | head -n 2; echo ${{PIPESTATUS[0]}}");
        var run = shell.WaitForEnd();
        Assert.Equal(("v0\nv1\n0\n", ""), (run.Output, run.Errors));
    }

    [Fact]
    public async Task A_follower_prints_new_records_also_across_rolls_and_ends_quietly_on_SIGTERM()
    {
        using var follower = Kafkalog.Start("cat", "-f", "--component", "c", _folder.Path);
        using (var writer = SomeSegment.Writer(_folder, maxBytes: 300))
        {
            for (var i = 0; i < 10; i++)
            {
                SomeSegment.Append(writer, i, 1);
                await follower.WaitForOutputAsync($"v{i}\n");
            }
        }

        Assert.True(_folder.Segments().Length > 2);
        using (var restarted = SomeSegment.Writer(_folder))
        {
            SomeSegment.Append(restarted, 10, 1);
            await follower.WaitForOutputAsync("v10\n");
        }

        follower.SendSigterm();
        var run = follower.WaitForEnd();
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Equal(Enumerable.Range(0, 11).Select(i => $"v{i}"), run.Lines);
    }

    [Fact]
    public async Task A_follower_skips_a_torn_tail_when_the_next_segment_is_there()
    {
        var torn = SomeSegment.Write(_folder, 10);
        SomeSegment.Truncate(torn, SomeSegment.BatchPositions(torn)[2] - 1);
        using var follower = Kafkalog.Start("cat", "-f", torn);
        await follower.WaitForOutputAsync("v4\n");
        using var writer = SomeSegment.Writer(_folder);
        SomeSegment.Append(writer, 10, 1);
        await follower.WaitForOutputAsync("v10\n");
        follower.SendSigterm();
        var run = follower.WaitForEnd();
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("torn tail at bytes", run.Errors);
    }

    [Fact]
    public async Task A_follower_reports_that_it_waits_for_the_rest_of_a_batch_and_skips_it_when_it_proves_to_be_damage()
    {
        using var writer = SomeSegment.Writer(_folder);
        SomeSegment.Append(writer, 0, 10);
        var path = _folder.Segments().Single();
        var positions = SomeSegment.BatchPositions(path);
        using (var file = File.OpenHandle(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            RandomAccess.Write(file, [0, 1, 0, 0], positions[1] + 8); // the length of the second batch: more than there is
        }

        using var follower = Kafkalog.Start("cat", "-f", path);
        await follower.WaitForErrorAsync("\n");
        Assert.Equal(
            $"kafkalog: {path}: waiting at position {positions[1]}: no whole batch in the {positions[2] - positions[1]} bytes there "
                + "yet, and its writer lives\n",
            follower.ErrorsSoFar());

        SomeSegment.Append(writer, 10, 1);
        await follower.WaitForOutputAsync("v10\n");
        follower.SendSigterm();
        var run = follower.WaitForEnd();
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(["v0", "v1", "v2", "v3", "v4", "v10"], run.Lines);
        Assert.Equal(
            $"kafkalog: {path}: damage at bytes {positions[1]}..{positions[2] - 1}: a batch claims "
                + "more bytes than there are before the next one",
            run.Errors.Split('\n')[1]);
        Assert.Equal(3, run.Errors.Split('\n').Length);
    }

    [Fact]
    public void A_follower_of_a_renamed_segment_ends_when_the_segment_ends()
    {
        var renamed = _folder.File("renamed");
        File.Move(SomeSegment.Write(_folder, 3), renamed);
        Assert.Equal(3, Kafkalog.Run("cat", "-f", renamed).Lines.Length);
    }

    [Fact]
    public async Task A_follower_notices_that_its_reader_is_gone_even_while_there_are_no_new_records()
    {
        using var writer = SomeSegment.Writer(_folder);
        SomeSegment.Append(writer, 0, 1);
        using var shell = Kafkalog.Shell($"\"$K\" cat -f '{_folder.Segments().Single()}' | head -n 1");
        await shell.WaitForOutputAsync("v0\n");
        Assert.Equal("", shell.WaitForEnd().Errors);
    }
}
