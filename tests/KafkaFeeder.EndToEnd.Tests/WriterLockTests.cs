using KafkaFeeder.EndToEnd.Tests.Support;
using KafkaLog.Format.Segments;
using Xunit;

namespace KafkaFeeder.EndToEnd.Tests;

/// <summary>What another process sees of a writer's lock, also where .NET or the kernel gives none.</summary>
public sealed class WriterLockTests
{
    private const string Strace = "/usr/bin/strace";

    /// <summary>.NET takes no lock of its own on NFS, CIFS and SMB, nor with this setting.</summary>
    [Theory]
    [InlineData("0")]
    [InlineData("1")]
    public async Task A_living_writer_is_detected_even_where_dotnet_takes_no_lock(string isDisabled)
    {
        var directory = TestRun.NewFolder("lock");
        using var writer = ScriptedWriter.Start(directory, environment: new() { ["DOTNET_SYSTEM_IO_DISABLEFILELOCKING"] = isDisabled });
        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 1 100"));
        Assert.Equal(WriterState.Alive, StateOf(directory));
        Assert.Equal("", await writer.EndAsync());
        Assert.Equal(WriterState.Gone, StateOf(directory));
    }

    [Fact]
    public async Task A_killed_writer_is_detected_as_gone()
    {
        var directory = TestRun.NewFolder("lock");
        using (var writer = ScriptedWriter.Start(directory))
        {
            Assert.Equal("ok", await writer.TellAsync("append Flushed 1 1 100"));
        }

        Assert.Equal(WriterState.Gone, StateOf(directory));
    }

    [Fact]
    public async Task A_writer_that_gets_no_lock_reports_it_once_and_goes_on_and_counts_as_unknown()
    {
        Assert.SkipUnless(File.Exists(Strace), "strace is not installed.");
        var directory = TestRun.NewFolder("lock");
        var segments = Enumerable.Range(0, 5).Select(second => $"{directory}/20261121_10000{second}_3600_UTC-c.szn");
        string[] by =
        [
            Strace, "-f", "-qq", "-o", TestRun.NewFolderName("strace"), .. segments.SelectMany(path => new[] { "-P", path }),
            "-e", "trace=fcntl", "-e", "inject=fcntl:error=ENOLCK",
        ];
        using var writer = ScriptedWriter.Start(directory, maxSegmentBytes: 1, by: by);
        Assert.Equal("ok", await writer.TellAsync("clock 2026-11-21T10:00:00Z"));
        Assert.Equal("ok", await writer.TellAsync("append Flushed 1 3 100"));
        Assert.Equal("ok", await writer.TellAsync("append Buffered 4 1 100")); // the background thread reports it
        Assert.Equal(WriterState.Unknown, StateOf(directory));
        var said = await writer.EndAsync();
        Assert.Contains("cannot be locked: No locks available", said, StringComparison.Ordinal);
        Assert.Single(said.Split("reported: ")[1..]);
        Assert.Equal(WriterState.Unknown, StateOf(directory));
    }

    private static WriterState StateOf(string directory)
    {
        using var file = SegmentHandle.OpenForReading(Directory.GetFiles(directory, "*.szn").Order(StringComparer.Ordinal).Last());
        return SegmentLock.Probe(file);
    }
}
