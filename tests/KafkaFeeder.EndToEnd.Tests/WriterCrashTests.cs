using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>What is on disk after a writing process, or the disk under it, has failed for real.</summary>
public sealed partial class WriterCrashTests
{
    private const int Kills = 20;
    private static readonly string Generator = TestRun.ProgramPath("tools/hole-checker", "hole-checker");
    private static readonly string AcknowledgingWriter = TestRun.ProgramPath("tests/acknowledging-writer", "acknowledging-writer");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("")]
    [InlineData("mapped")]
    public async Task Every_flushed_append_that_returned_before_SIGKILL_is_read_back(string how)
    {
        var random = new Random(20260101);
        for (var kill = 0; kill < Kills; kill++)
        {
            var directory = TestRun.NewFolder("killed");
            var acknowledged = await KillWriterAsync(directory, Durability.Flushed, afterAcknowledged: random.Next(1, 5000), how);

            var found = Read(directory);

            AssertCounted(found.Values);
            // At most one append is between its write and its return.
            Assert.InRange(found.Values.Count, acknowledged, acknowledged + 1);
        }
    }

    [Fact]
    public async Task What_a_killed_buffered_writer_had_written_has_no_hole()
    {
        var random = new Random(20260102);
        for (var kill = 0; kill < Kills; kill++)
        {
            var directory = TestRun.NewFolder("killed");
            await KillWriterAsync(directory, Durability.Buffered, afterAcknowledged: random.Next(1, 200_000));

            AssertCounted(Read(directory).Values);
        }
    }

    [Theory]
    [InlineData("flushed")]
    [InlineData("buffered")]
    public async Task Several_threads_killed_while_writing_leave_no_hole(string durability)
    {
        var random = new Random(20260103);
        for (var kill = 0; kill < Kills; kill++)
        {
            var directory = TestRun.NewFolder("storm");
            await KillGeneratorAsync(directory, durability, segments: random.Next(2, 6)); // so the first one is complete

            var found = Read(directory);

            Assert.NotEmpty(found.Values);
            foreach (var producer in found.Values.Select(value => Numbered().Match(value)).GroupBy(match => match.Groups["producer"].Value))
            {
                AssertCounted(producer.Select(match => match.Groups["seq"].Value));
            }
        }
    }

    /// <summary>The file size limit ends the process in the middle of a write: the kernel writes up to it, then sends SIGXFSZ.</summary>
    [Fact]
    public async Task A_batch_whose_writer_was_killed_in_the_middle_is_a_torn_tail()
    {
        var directory = TestRun.NewFolder("torn");

        var run = await ProgramRun.RunAsync(
            "/bin/bash",
            ["-c", "ulimit -c 0; ulimit -f 10000; exec \"$@\"", "bash", Generator, "generate", "--dir", directory, "--component", "c",
                "--count", "100", "--size", "3000000", "--durability", "flushed", "--run", "r"],
            Limit);

        Assert.Equal(128 + 25, run.ExitCode); // SIGXFSZ
        var file = new FileInfo(Directory.GetFiles(directory).Single());
        Assert.Equal(10000 * 1024, file.Length);
        var found = SegmentContents.Read(directory);
        AssertCounted(found.Values.Select(value => Numbered().Match(value).Groups["seq"].Value));
        Assert.Equal(3, found.Values.Count);
        var tail = Assert.Single(found.Damages);
        Assert.True(tail.IsTornTail);
        Assert.Equal(file.Length, tail.EndPosition);
        Assert.InRange(tail.Bytes, 1_000_000, 2_999_999);
    }

    [Fact]
    public async Task A_file_whose_fsync_failed_is_never_synced_again_and_nothing_is_missing()
    {
        var directory = TestRun.NewFolder("eio");

        var (run, syncs) = await GenerateWithFailingFsyncAsync(directory, "1");

        Assert.Equal((0, ""), (run.ExitCode, run.Errors));
        Assert.True(syncs[0].Failed);
        Assert.EndsWith(".szn", syncs[0].Path, StringComparison.Ordinal);
        Assert.DoesNotContain(syncs.Skip(1), sync => sync.Failed || sync.Path == syncs[0].Path);
        Assert.Equal(2, Directory.GetFiles(directory).Length);
        // The record of the abandoned segment was written once more: it may be read in both.
        var numbers = Read(directory).Values.Select(value => Numbered().Match(value).Groups["seq"].Value).ToList();
        Assert.Equal("1", numbers[0]);
        AssertCounted(numbers.Skip(1));
        Assert.Equal(6, numbers.Count);
    }

    [Theory]
    [InlineData(1)] // the segment's
    [InlineData(2)] // its directory's
    public async Task A_failed_flush_is_reported_and_no_later_one_syncs_that_segment(int which)
    {
        var directory = TestRun.NewFolder("eio-flush");

        var (run, syncs) = await WithFailingFsyncAsync($"{which}", AcknowledgingWriter, directory, "c", "flush");

        Assert.Equal((0, "failed 1"), (run.ExitCode, run.Output.Trim()));
        Assert.Equal(which - 1, syncs.ToList().FindIndex(sync => sync.Failed));
        Assert.DoesNotContain(syncs.Skip(which), sync => sync.Failed || sync.Path == syncs[0].Path);
        AssertCounted(Read(directory).Values);
        Assert.Equal(5, Read(directory).Values.Count);
    }

    [Fact]
    public async Task A_failing_fsync_is_reported_to_the_caller()
    {
        var directory = TestRun.NewFolder("eio-for-ever");

        var (run, syncs) = await GenerateWithFailingFsyncAsync(directory, "1+");

        Assert.Equal(1, run.ExitCode);
        Assert.Matches(
            @"^hole-checker: 5 of 5 messages were not written: c: records were written but could not be forced to the disk, "
                + @"twice: .*Input/output error \(errno 5\)",
            run.Errors);
        Assert.All(syncs, sync => Assert.True(sync.Failed));
        Assert.Equal(syncs.Count, syncs.Select(sync => sync.Path).Distinct().Count());
    }

    /// <summary>Returns the last number that the writer printed before it was killed.</summary>
    private static async Task<int> KillWriterAsync(string directory, Durability durability, int afterAcknowledged, string how = "")
    {
        using var timeout = new CancellationTokenSource(Limit);
        using var process = Process.Start(
            new ProcessStartInfo(AcknowledgingWriter, [directory, "c", durability.ToString(), how]) { RedirectStandardOutput = true })!;
        var last = 0;
        try
        {
            while (last < afterAcknowledged && await process.StandardOutput.ReadLineAsync(timeout.Token) is { } line)
            {
                last = int.Parse(line, CultureInfo.InvariantCulture);
            }
        }
        finally
        {
            process.Kill(); // SIGKILL
        }

        var rest = await process.StandardOutput.ReadToEndAsync(timeout.Token);
        await process.WaitForExitAsync(timeout.Token);
        Assert.Equal(128 + 9, process.ExitCode);
        var whole = rest[..(rest.LastIndexOf('\n') + 1)].TrimEnd('\n');
        return whole.Length == 0 ? last : int.Parse(whole[(whole.LastIndexOf('\n') + 1)..], CultureInfo.InvariantCulture);
    }

    private static async Task KillGeneratorAsync(string directory, string durability, int segments)
    {
        using var timeout = new CancellationTokenSource(Limit);
        string[] arguments = ["generate", "--dir", directory, "--component", "c", "--count", "1000000000", "--producers", "4",
            "--max-bytes", "300000", "--durability", durability, "--run", "r"];
        using var process = Process.Start(new ProcessStartInfo(Generator, arguments))!;
        try
        {
            while (Directory.GetFiles(directory).Count(path => new FileInfo(path).Length > 0) < segments)
            {
                Assert.False(process.HasExited);
                await Task.Delay(TimeSpan.FromMilliseconds(1), TimeProvider.System, timeout.Token);
            }
        }
        finally
        {
            process.Kill(); // SIGKILL
            await process.WaitForExitAsync(timeout.Token);
        }
    }

    private static Task<(ProgramRun Run, IReadOnlyList<(string Path, bool Failed)> Syncs)> GenerateWithFailingFsyncAsync(
        string directory, string when) =>
        WithFailingFsyncAsync(
            when, Generator, "generate", "--dir", directory, "--component", "c", "--count", "5", "--durability", "synced", "--run", "r");

    private static async Task<(ProgramRun Run, IReadOnlyList<(string Path, bool Failed)> Syncs)> WithFailingFsyncAsync(
        string when, params string[] command)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace is not installed.");
        var log = TestRun.NewFolderName("strace");
        var run = await ProgramRun.RunAsync(
            "/usr/bin/strace",
            ["-f", "-qq", "-y", "-e", "trace=fsync,fdatasync", "-e", $"inject=fsync,fdatasync:error=EIO:when={when}", "-o", log,
                .. command],
            Limit);
        Assert.SkipWhen(run.Errors.Contains("PTRACE", StringComparison.Ordinal), $"strace may not trace here: {run.Errors.Trim()}");
        var syncs = SyncCall().Matches(await File.ReadAllTextAsync(log)).Select(
            match => (match.Groups["path"].Value, match.Groups["result"].Value != "0")).ToList();
        Assert.NotEmpty(syncs);
        return (run, syncs);
    }

    /// <summary>What a dead writer may leave, and nothing else: whole batches, and a torn tail.</summary>
    private static SegmentContents Read(string directory)
    {
        var found = SegmentContents.Read(directory);
        Assert.All(found.Damages, damage => Assert.True(damage.IsTornTail, damage.ToString()));
        Assert.InRange(found.Damages.Count, 0, 1);
        return found;
    }

    /// <summary>1, 2, 3 and so on.</summary>
    private static void AssertCounted(IEnumerable<string> numbers)
    {
        var expected = 0L;
        foreach (var number in numbers)
        {
            Assert.Equal(++expected, long.Parse(number, CultureInfo.InvariantCulture));
        }
    }

    [GeneratedRegex(@"run=r producer=(?<producer>\d+) seq=(?<seq>\d+)")]
    private static partial Regex Numbered();

    [GeneratedRegex(@"(fsync|fdatasync)\(\d+<(?<path>[^>]+)>\)\s*= (?<result>-?\d+)")]
    private static partial Regex SyncCall();
}
