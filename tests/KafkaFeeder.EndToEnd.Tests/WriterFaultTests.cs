using System.Globalization;
using System.Text.RegularExpressions;
using KafkaFeeder.EndToEnd.Tests.Support;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>
/// A writer on a disk that fails for a while: the caller gets an error, what was safe stays
/// safe, and writing continues.
/// </summary>
public sealed partial class WriterFaultTests
{
    private const string Strace = "/usr/bin/strace";
    private static readonly string Generator = TestRun.ProgramPath("tools/hole-checker", "hole-checker");
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);
    private static readonly Lazy<Task<string>> ShortWrites = new(CompileShortWritesAsync);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_full_disk_is_reported_and_writing_continues_when_there_is_space(bool isMapped)
    {
        using var disk = await SmallDisk.MountAsync("3m");
        using var writer = ScriptedWriter.Start(disk.Path, isMapped: isMapped);
        var taken = 0;
        string answer;
        while ((answer = await writer.TellAsync($"append Flushed {taken + 1} 1 100000")) == "ok")
        {
            taken++;
        }

        Assert.InRange(taken, isMapped ? 10 : 25, 31);
        Assert.Contains("No space left on device", answer, StringComparison.Ordinal);
        Assert.StartsWith("failed", await writer.TellAsync("flush Flushed"), StringComparison.Ordinal);
        AssertCounted(Read(disk.Path).Values, taken); // what is there is sound

        await disk.ResizeAsync("20m");
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        Assert.Equal("ok", await writer.TellAsync($"append Flushed {taken + 2} 10 100000"));
        await writer.EndAsync();

        // The one that failed stayed queued, and came before the others.
        var found = Read(disk.Path);
        Assert.Empty(found.Damages);
        AssertCounted(found.Values, taken + 11);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("100")]
    public async Task Short_writes_are_completed(string bytes)
    {
        var directory = TestRun.NewFolder("short");
        using var writer =
            ScriptedWriter.Start(directory, environment: new() { ["LD_PRELOAD"] = await ShortWrites.Value, ["SHORT_BYTES"] = bytes });

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 20 1000"));
        Assert.Contains("fault: short", await writer.EndAsync(), StringComparison.Ordinal);

        var found = Read(directory);
        Assert.Empty(found.Damages);
        AssertCounted(found.Values, 20);
    }

    /// <summary>The disk takes the first 300 bytes of a batch, then fails. In one case the file cannot be cut back either.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_write_that_fails_in_the_middle_leaves_nothing_that_is_read_and_is_repeated(bool cannotCut)
    {
        var directory = TestRun.NewFolder("half");
        var environment = new Dictionary<string, string> { ["LD_PRELOAD"] = await ShortWrites.Value, ["SHORT_BYTES"] = "300",
            ["FAIL_AT"] = "9", ["FAIL_CUT"] = cannotCut ? "1" : "0" };
        using var writer = ScriptedWriter.Start(directory, environment: environment);

        // Four writes a record: the third one fails with its first 300 bytes written.
        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 2 1000"));
        Assert.Contains("Input/output error", await writer.TellAsync("append Flushed 3 1 1000"), StringComparison.Ordinal);
        Assert.Equal("ok", await writer.TellAsync("append Flushed 4 5 1000"));
        var said = await writer.EndAsync();

        Assert.Contains("fault: EIO", said, StringComparison.Ordinal);
        Assert.Equal(cannotCut, said.Contains("fault: not cut", StringComparison.Ordinal));
        var found = Read(directory);
        AssertCounted(found.Values, 8);
        Assert.Equal(cannotCut ? [(300L, true)] : [], found.Damages.Select(damage => (damage.Bytes, damage.IsTornTail)));
        Assert.Equal(cannotCut ? 2 : 1, Directory.GetFiles(directory).Length); // nothing is appended after a torn batch
    }

    [Theory]
    [InlineData("2", 1)]
    [InlineData("2..4", 3)]
    public async Task Each_failed_write_is_reported_and_nothing_is_lost_or_duplicated(string when, int failures)
    {
        SkipWithoutStrace();
        var directory = TestRun.NewFolder("eio");
        using var writer = ScriptedWriter.Start(
            directory,
            by: [Strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e", $"inject=pwrite64:error=EIO:when={when}"]);

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 1 100"));
        for (var failure = 0; failure < failures; failure++)
        {
            var answer = await writer.TellAsync(failure == 0 ? "append Flushed 2 1 100" : "flush Flushed");
            Assert.Matches("^failed: c: cannot write .* at position [0-9]+ of .*Input/output error", answer);
        }

        Assert.Equal("ok", await writer.TellAsync("append Flushed 3 5 100"));
        await writer.EndAsync();
        var found = Read(directory);
        Assert.Empty(found.Damages);
        AssertCounted(found.Values, 7);
    }

    /// <summary>The second fsync of a file that had failed would say that all is well (fsyncgate).</summary>
    [Theory]
    [InlineData(1L << 30)] // the segment is open
    [InlineData(3000L)] // it was closed long before
    public async Task Records_lost_by_an_fsync_are_reported_once_and_their_file_is_never_synced_again(long maxSegmentBytes)
    {
        SkipWithoutStrace();
        var directory = TestRun.NewFolder("fsync");
        var log = TestRun.NewFolderName("strace");
        using var writer = ScriptedWriter.Start(directory, maxSegmentBytes, by: FailingFirstFsync(log));

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 10 1000"));
        Assert.Matches("^failed: c: cannot force .* to the disk: Input/output error", await writer.TellAsync("flush Synced"));
        Assert.Equal("ok", await writer.TellAsync("append Synced 11 3 1000"));
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        await writer.EndAsync();

        await AssertFirstFailedAndWasLeftAsync(log);
        var found = Read(directory);
        Assert.Empty(found.Damages);
        AssertCounted(found.Values, 13);
    }

    /// <summary>
    /// A new directory is durable only when the one above it is synced. A closed file is synced by a handle that is as old as its first
    /// byte.
    /// </summary>
    [Fact]
    public async Task New_parent_directories_are_synced_and_closed_segments_by_a_handle_that_saw_every_error()
    {
        SkipWithoutStrace();
        var root = TestRun.NewFolder("parents");
        var directory = Path.Combine(root, "a", "b");
        var log = TestRun.NewFolderName("strace");
        string[] by = [Strace, "-f", "-qq", "-y", "-o", log, "-e", "trace=openat,open,pwrite64,fsync"];
        using var writer = ScriptedWriter.Start(directory, 3000, by: by);

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 10 1000"));
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        await writer.EndAsync();

        var calls = await File.ReadAllLinesAsync(log);
        var synced = SyncCall().Matches(string.Join('\n', calls)).Select(match => match.Groups["path"].Value).ToHashSet();
        Assert.Superset(new HashSet<string> { root, Path.Combine(root, "a"), directory }, synced);
        foreach (var path in Directory.GetFiles(directory))
        {
            var ofFile = calls.Where(call => call.Contains(path, StringComparison.Ordinal)).ToList();
            var firstWrite = ofFile.FindIndex(call => call.Contains("pwrite64(", StringComparison.Ordinal));
            Assert.InRange(ofFile.FindLastIndex(call => call.Contains("open", StringComparison.Ordinal)), 0, firstWrite - 1);
            Assert.Contains(path, synced);
        }
    }

    /// <summary>The record whose append waits is written again, to another file. Those before it are not in memory any more.</summary>
    [Fact]
    public async Task A_flushed_record_that_a_failed_fsync_lost_is_reported_by_the_next_flush()
    {
        SkipWithoutStrace();
        var directory = TestRun.NewFolder("fsync");
        var log = TestRun.NewFolderName("strace");
        using var writer = ScriptedWriter.Start(directory, by: FailingFirstFsync(log));

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 2 1000"));
        Assert.Equal("ok", await writer.TellAsync("append Synced 3 1 1000"));
        Assert.Matches("^failed: c: cannot force .* to the disk: Input/output error", await writer.TellAsync("flush Synced"));
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        await writer.EndAsync();

        await AssertFirstFailedAndWasLeftAsync(log);
        Assert.Equal(["1", "2", "3", "3"], Read(directory).Values.Select(value => value.TrimEnd('.')));
    }

    /// <summary>Everything that was written is synced: the open segment, those closed long ago, and the directory.</summary>
    [Fact]
    public async Task A_flush_to_the_disk_reaches_every_file_and_the_directory()
    {
        SkipWithoutStrace();
        var directory = TestRun.NewFolder("synced");
        var log = TestRun.NewFolderName("strace");
        using var writer = ScriptedWriter.Start(directory, 3000, by: [Strace, "-f", "-qq", "-y", "-o", log, "-e", "trace=fsync,fdatasync"]);

        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 2400 1000"));
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        await writer.EndAsync();

        var synced = SyncCall().Matches(await File.ReadAllTextAsync(log)).Select(match => match.Groups["path"].Value).ToHashSet();
        Assert.Contains(directory, synced);
        var files = Directory.GetFiles(directory);
        Assert.Equal(1200, files.Length);
        Assert.Empty(files.Except(synced));
    }

    /// <summary>When a file reaches ulimit -f (EFBIG), a new one is begun: no append fails.</summary>
    [Theory]
    [InlineData(false, 200, 190_000)]
    [InlineData(true, 3000, 2_900_000)] // a mapping is prepared 1 MiB ahead, also by the thread in the background
    public async Task A_segment_that_reaches_the_file_size_limit_is_followed_by_another(bool isMapped, int limitKiB, int minBytes)
    {
        var directory = TestRun.NewFolder("efbig");
        var script = $"trap '' XFSZ; ulimit -f {limitKiB}; exec \"$@\"";
        using var writer = ScriptedWriter.Start(
            directory,
            isMapped: isMapped,
            by: ["/bin/bash", "-c", script, "bash"],
            environment: new() { ["DOTNET_EnableWriteXorExecute"] = "0" });

        Assert.Equal("ok", await writer.TellAsync($"append Flushed 1 {3 * limitKiB} 1000"));
        Assert.Equal("ok", await writer.TellAsync("flush Synced"));
        await writer.EndAsync();

        var files = new DirectoryInfo(directory).GetFiles();
        Assert.InRange(files.Length, 3, 5);
        Assert.All(files, file => Assert.InRange(file.Length, 0, limitKiB * 1024));
        Assert.True(isMapped || files.Max(file => file.Length) > minBytes);
        var found = Read(directory);
        Assert.Empty(found.Damages);
        AssertCounted(found.Values, 3 * limitKiB);
    }

    [Fact]
    public async Task Processes_that_write_one_log_at_the_same_time_share_no_file_and_lose_nothing()
    {
        const int Processes = 4;
        const int Records = 5_000;
        var directory = TestRun.NewFolder("together");

        var runs = await Task.WhenAll(Enumerable.Range(0, Processes).Select(process => ProgramRun.RunAsync(
            Generator,
            ["generate", "--dir", directory, "--component", "c", "--count", $"{Records}", "--size", "150", "--max-bytes", "30000",
                "--durability", "flushed", "--run", $"r{process}"],
            Limit)));

        Assert.All(runs, run => Assert.Equal((0, ""), (run.ExitCode, run.Errors)));
        var found = Read(directory);
        Assert.Empty(found.Damages);
        Assert.Equal(Processes * Records, found.Values.Count);
        foreach (var run in found.Values.Select(value => Numbered().Match(value)).GroupBy(match => match.Groups["run"].Value))
        {
            AssertCounted(run.Select(match => match.Groups["seq"].Value), Records); // also in order, over the files' order
        }

        foreach (var file in Directory.GetFiles(directory, "*.szn"))
        {
            var alone = Path.Combine(Directory.CreateDirectory(TestRun.NewFolderName("alone")).FullName, Path.GetFileName(file));
            File.Move(file, alone);
            Assert.Single(
                Read(Path.GetDirectoryName(alone)!).Values.Select(value => Numbered().Match(value).Groups["run"].Value).Distinct());
        }
    }

    /// <summary>At 01:00 UTC the clocks of Prague go from 2 to 3, and in autumn from 3 to 2. Names of segments are in UTC.</summary>
    [Theory]
    [InlineData("2026-03-29", "20260329")]
    [InlineData("2026-10-25", "20261025")]
    public async Task Segments_roll_as_usual_when_local_time_changes_to_summer_or_winter_time(string day, string name)
    {
        var directory = TestRun.NewFolder("leap");
        using var writer = ScriptedWriter.Start(directory, environment: new() { ["TZ"] = "Europe/Prague" });
        var hours = 0;
        for (; hours < 5; hours++)
        {
            Assert.Equal("ok", await writer.TellAsync($"clock {day}T0{hours}:30:00Z"));
            Assert.Equal("ok", await writer.TellAsync($"append Flushed {hours + 1} 1 10"));
        }

        await writer.EndAsync();
        Assert.Equal(
            Enumerable.Range(0, hours).Select(hour => $"{name}_0{hour}3000_3600_UTC-c.szn"),
            Directory.GetFiles(directory).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        AssertCounted(Read(directory).Values, hours);
    }

    private static SegmentContents Read(string directory) => SegmentContents.Read(directory);

    /// <summary>1, 2, 3 and so on, to the end.</summary>
    private static void AssertCounted(IEnumerable<string> values, int count) =>
        Assert.Equal(Enumerable.Range(1, count), values.Select(value => int.Parse(value.TrimEnd('.'), CultureInfo.InvariantCulture)));

    private static string[] FailingFirstFsync(string log) =>
        [Strace, "-f", "-qq", "-y", "-o", log, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=1"];

    private static async Task AssertFirstFailedAndWasLeftAsync(string log)
    {
        var syncs = SyncCall().Matches(await File.ReadAllTextAsync(log)).Select(
            match => (Path: match.Groups["path"].Value, IsOk: match.Groups["result"].Value == "0")).ToList();
        Assert.False(syncs[0].IsOk);
        Assert.EndsWith(".szn", syncs[0].Path, StringComparison.Ordinal);
        Assert.True(syncs.Count > 1);
        Assert.DoesNotContain(syncs.Skip(1), sync => sync.Path == syncs[0].Path);
    }

    private static void SkipWithoutStrace() => Assert.SkipUnless(File.Exists(Strace), "strace is not installed.");

    /// <summary>A library for LD_PRELOAD: it changes what system calls of the runtime return.</summary>
    private static async Task<string> CompileShortWritesAsync()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "gcc is not installed.");
        var library = TestRun.NewFolderName("short-writes") + ".so";
        var source = Path.Combine(TestRun.RepositoryRoot, "tests/KafkaFeeder.EndToEnd.Tests/Faults/short-writes.c");
        var run = await ProgramRun.RunAsync(
            "/usr/bin/gcc", ["-shared", "-fPIC", "-O1", "-D_LARGEFILE64_SOURCE", "-o", library, source, "-ldl"], Limit);
        Assert.True(run.ExitCode == 0, run.Errors);
        return library;
    }

    [GeneratedRegex(@"run=(?<run>\S+) producer=\d+ seq=(?<seq>\d+)")]
    private static partial Regex Numbered();

    [GeneratedRegex(@"(fsync|fdatasync)\(\d+<(?<path>[^>]+)>\)\s*= (?<result>-?\d+)")]
    private static partial Regex SyncCall();

    /// <summary>A small file system in memory.</summary>
    private sealed class SmallDisk(string path) : IDisposable
    {
        public string Path { get; } = path;

        public static async Task<SmallDisk> MountAsync(string size)
        {
            Assert.SkipUnless(Environment.UserName == "root", "Only root may mount a small disk.");
            var path = TestRun.NewFolder("disk");
            var run = await ProgramRun.RunAsync("/bin/mount", ["-t", "tmpfs", "-o", $"size={size}", "tmpfs", path], Limit);
            Assert.SkipUnless(run.ExitCode == 0, $"A small disk cannot be mounted here: {run.Errors.Trim()}");
            return new SmallDisk(path);
        }

        public async Task ResizeAsync(string size) =>
            Assert.Equal(0, (await ProgramRun.RunAsync("/bin/mount", ["-o", $"remount,size={size}", Path], Limit)).ExitCode);

        public void Dispose() => ProgramRun.RunAsync("/bin/umount", ["-l", Path], Limit).GetAwaiter().GetResult();
    }
}
