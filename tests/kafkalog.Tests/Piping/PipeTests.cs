using System.Text;
using KafkaFeeder.Tests;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Piping;

/// <summary><c>kafkalog pipe</c> as a process.</summary>
public sealed class PipeTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("buffered", "none")]
    [InlineData("flushed", "gzip")]
    [InlineData("synced", "lz4")]
    public void Each_line_is_a_record(string durability, string codec)
    {
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        using var pipe = Start("--durability", durability, "--codec", codec);
        Send(pipe, "one\n\ntwo \xFF\r\n\nlast");
        pipe.Input.Close();
        var run = pipe.WaitForEnd();
        Assert.Equal((0, "", ""), (run.ExitCode, run.Output, run.Errors));
        var records = SomeSegment.ReadAll(_folder);
        Assert.Equal(["one", "", "two \xFF\r", "", "last"], records.Select(r => r.Value));
        Assert.All(records, r => Assert.Null(r.Key));
        Assert.All(records, r => Assert.InRange(r.Timestamp, before, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds()));
    }

    [Fact]
    public async Task A_line_is_in_its_segment_before_the_next_is_read()
    {
        using var pipe = Start();
        for (var i = 0; i < 20; i++)
        {
            Send(pipe, $"line {i}\n");
            await Eventually.HoldsAsync(
                () => _folder.Segments().Length == 1 && SomeSegment.ReadAll(_folder).Count == i + 1, () => $"line {i} is not there");
        }
    }

    /// <summary>As in conf.yaml.</summary>
    [Theory]
    [InlineData("1d", 24 * 3600)]
    [InlineData("1h30m", 5400)]
    [InlineData("90m", 5400)]
    public void An_interval_is_a_duration(string interval, int seconds)
    {
        using var pipe = Start("--interval", interval);
        Send(pipe, "one\n");
        pipe.Input.Close();
        var run = pipe.WaitForEnd();
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Contains($"_{seconds}_UTC-", Assert.Single(_folder.Segments()), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_that_is_too_long_becomes_several_records_and_is_reported()
    {
        using var pipe = Start("--max-line", "10");
        Send(pipe, "0123456789\n0123456789abcdefghijXYZ\nend");
        pipe.Input.Close();
        var run = pipe.WaitForEnd();
        Assert.Equal(0, run.ExitCode);
        Assert.Equal("kafkalog: 1 line longer than 10 bytes, 1 in all: each became several records (--max-line).\n", run.Errors);
        Assert.Equal(
            [("0123456789", ""), ("0123456789", "kafkalog.continued=1"), ("abcdefghij", "kafkalog.continued=1"), ("XYZ", ""), ("end", "")],
            SomeSegment.ReadAll(_folder).Select(r => (r.Value!, r.Headers)));
    }

    [Fact]
    public void A_hundred_thousand_lines_of_all_lengths_come_through_as_they_are()
    {
        var random = new Random(7);
        var text = new StringBuilder();
        for (var i = 0; i < 100_000; i++)
        {
            text.Append(i).Append('x', random.Next(i % 1000 == 0 ? 100_000 : 50)).Append('\n');
        }

        File.WriteAllText(_folder.File("in"), text.ToString());
        using var shell = Kafkalog.Shell(
            $"cat '{_folder.File("in")}' | \"$K\" pipe --dir '{_folder.Path}' --component c --tee | cmp - '{_folder.File("in")}' && "
                + $"\"$K\" cat '{_folder.Path}' | cmp - '{_folder.File("in")}'");
        var run = shell.WaitForEnd();
        Assert.Equal((0, "", ""), (run.ExitCode, run.Output, run.Errors));
    }

    [Fact]
    public async Task After_SIGTERM_it_writes_what_is_in_the_pipe_and_exits_with_0()
    {
        using var pipe = Start();
        Send(pipe, "first\n");
        await Eventually.HoldsAsync(() => _folder.Segments().Length == 1, () => "nothing was written");
        Send(pipe, "second\nthird");
        pipe.SendSigterm(); // standard input stays open
        var run = pipe.WaitForEnd();
        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.Equal(["first", "second", "third"], SomeSegment.ReadAll(_folder).Select(r => r.Value));
    }

    [Fact]
    public async Task It_waits_for_a_full_disk_and_loses_nothing()
    {
        var link = _folder.File("link");
        var real = Directory.CreateDirectory(_folder.File("real")).FullName;
        File.CreateSymbolicLink(link, real);
        using var pipe = Kafkalog.Start("pipe", "--dir", link, "--component", "c", "--max-bytes", "1"); // a segment for each chunk
        Send(pipe, "before\n");
        await Eventually.HoldsAsync(() => Directory.GetFiles(real).Length == 1, () => "nothing was written");
        File.Delete(link);
        File.WriteAllText(link, "in the way");
        Send(pipe, "during\n");
        await pipe.WaitForErrorAsync("What was read is kept, and tried again every second");
        Send(pipe, "later\n");
        File.Delete(link);
        File.CreateSymbolicLink(link, real);
        await pipe.WaitForErrorAsync("written again, after ");
        pipe.Input.Close();
        Assert.Equal(0, pipe.WaitForEnd().ExitCode);
        Assert.Equal(
            ["before", "during", "later"],
            Directory.GetFiles(real).Order(StringComparer.Ordinal).SelectMany(SomeSegment.ReadAll).Select(r => r.Value));
    }

    [Fact]
    public async Task If_the_disk_is_still_full_after_SIGTERM_it_gives_up_and_reports_what_is_lost()
    {
        var link = _folder.File("link");
        var real = Directory.CreateDirectory(_folder.File("real")).FullName;
        File.CreateSymbolicLink(link, real);
        using var pipe = Kafkalog.Start("pipe", "--dir", link, "--component", "c", "--max-bytes", "1");
        Send(pipe, "written\n");
        await Eventually.HoldsAsync(() => Directory.GetFiles(real).Length == 1, () => "nothing was written");
        File.Delete(link);
        File.WriteAllText(link, "in the way");
        Send(pipe, "a\nb\n");
        await pipe.WaitForErrorAsync("What was read is kept");
        pipe.SendSigterm();
        var run = pipe.WaitForEnd();
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("kafkalog: 2 records lost: read, but not written before the end.", run.Errors);
    }

    [Fact]
    public void After_a_failed_fsync_the_records_are_written_again_to_a_new_segment()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed");
        using var shell = Kafkalog.Shell(
            "printf 'a\\nb\\n' | strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=1 \"$K\" pipe --dir "
                + $"'{_folder.Path}' --component c --durability synced");
        var run = shell.WaitForEnd();
        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Input/output error (errno 5)", run.Errors);
        Assert.Equal(["a", "b"], SomeSegment.ReadAll(_folder.Segments()[1]).Select(r => r.Value));
    }

    [Fact]
    public void When_the_reader_of_tee_is_gone_only_the_tee_ends()
    {
        var gone = _folder.File("gone");
        using var shell = Kafkalog.Shell(
            $"(echo a; until [ -e '{gone}' ]; do sleep 0.02; done; echo b; echo c) "
                + $"| \"$K\" pipe --dir '{_folder.Path}' --component c --tee | (head -n 1; exec <&-; touch '{gone}')");
        Assert.Contains("--tee ends", shell.WaitForEnd().Errors);
        Assert.Equal(["a", "b", "c"], SomeSegment.ReadAll(_folder).Select(r => r.Value));
    }

    [Theory]
    [InlineData("Component is 'a/b'", "--dir", "/tmp", "--component", "a/b")]
    [InlineData("--max-line is \"0\"", "--dir", "/tmp", "--component", "c", "--max-line", "0")]
    [InlineData("Interval is 00:00:07", "--dir", "/tmp", "--component", "c", "--interval", "7")]
    [InlineData("cannot make the directory /proc/nothing", "--dir", "/proc/nothing", "--component", "c")]
    public void Wrong_arguments_are_reported_in_one_line_with_exit_code_2(string message, params string[] arguments)
    {
        var run = Kafkalog.Run(["pipe", .. arguments]);
        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith($"kafkalog: {message}", run.Errors);
    }

    private static void Send(Kafkalog pipe, string text)
    {
        pipe.Input.Write(Encoding.UTF8.GetBytes(text));
        pipe.Input.Flush();
    }

    private Kafkalog Start(params string[] options) => Kafkalog.Start(["pipe", "--dir", _folder.Path, "--component", "c", .. options]);
}
