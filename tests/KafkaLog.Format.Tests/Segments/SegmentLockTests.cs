using System.Diagnostics;
using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using KafkaLog.Format.Tests.Support;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace KafkaLog.Format.Tests.Segments;

public sealed class SegmentLockTests
{
    private readonly ManualTime _time = new();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_writer_is_seen_alive_and_gone_also_from_its_own_process(bool isMapped)
    {
        using var folder = new TempFolder();
        SafeFileHandle file;
        using (var writer = new LogWriter(Some.Options(folder, _time) with { Mapped = isMapped }))
        {
            writer.Append(Some.Record("one"), Durability.Flushed);
            file = SegmentHandle.OpenForReading(folder.Segments().Single());
            Assert.Equal(WriterState.Alive, SegmentLock.Probe(file));
            Assert.Equal(WriterState.Alive, SegmentLock.Probe(file)); // the probe left nothing
        }

        using (file)
        {
            Assert.Equal(WriterState.Gone, SegmentLock.Probe(file));
        }
    }

    [Fact]
    public void Many_probes_at_once_disturb_neither_the_writer_nor_each_other()
    {
        using var folder = new TempFolder();
        var errors = new List<string>();
        var options = Some.Options(folder, _time) with { FileSizeLimitBytes = 1, OnError = e => errors.Add(e.Message) };
        using var ended = new CancellationTokenSource();
        var misjudged = 0;
        using (var writer = new LogWriter(options))
        {
            writer.Append(Some.Record("first"), Durability.Flushed);
            writer.Append(Some.Record("second"), Durability.Flushed);
            var paths = folder.Segments();
            var probers = Enumerable.Range(0, 4).Select(_ => new Thread(() =>
            {
                using var gone = SegmentHandle.OpenForReading(paths[0]);
                while (!ended.IsCancellationRequested)
                {
                    var newest = folder.Segments()[^1];
                    using var file = SegmentHandle.OpenForReading(newest);
                    SegmentLock.Probe(file);
                    if (SegmentLock.Probe(gone) is not WriterState.Gone)
                    {
                        Interlocked.Increment(ref misjudged);
                    }
                }
            })).ToList();
            probers.ForEach(prober => prober.Start());
            for (var i = 0; i < 300; i++)
            {
                writer.Append(Some.Record("more"), Durability.Flushed); // a segment each
                writer.RunOnce();
            }

            using (var live = SegmentHandle.OpenForReading(folder.Segments()[^1]))
            {
                Assert.Equal(WriterState.Alive, SegmentLock.Probe(live));
            }

            ended.Cancel();
            probers.ForEach(prober => prober.Join());
        }

        Assert.Equal(0, misjudged);
        Assert.Empty(errors);
        Assert.Equal(302, folder.Segments().Length); // no name was given up
        Assert.All(folder.Segments(), path => Assert.Equal(WriterState.Gone, StateOf(path)));
    }

    [Fact]
    public void A_process_that_can_only_read_a_segment_cannot_make_its_writer_look_alive()
    {
        using var folder = new TempFolder();
        var path = Finished(folder);
        using var shared = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read); // holds a shared flock
        Assert.Equal(WriterState.Gone, StateOf(path));
    }

    [Fact]
    public void The_writer_of_a_copied_segment_is_unknown()
    {
        using var folder = new TempFolder();
        var path = Finished(folder);
        File.Copy(path, folder.File("copy"));
        Assert.Equal(WriterState.Unknown, StateOf(folder.File("copy")));
        File.Move(path, folder.File("moved"));
        Assert.Equal(WriterState.Gone, StateOf(folder.File("moved")));

        var bytes = File.ReadAllBytes(folder.File("moved"));
        File.Delete(folder.File("moved"));
        File.WriteAllBytes(folder.File("restored"), bytes); // it may have the same inode
        Assert.Equal(WriterState.Unknown, StateOf(folder.File("restored")));
    }

    [Fact]
    public void The_writer_of_a_foreign_or_empty_file_is_unknown()
    {
        using var folder = new TempFolder();
        var foreign = Path.Combine(AppContext.BaseDirectory, "data", "go-kafkalog");
        var files = Directory.GetFiles(foreign, "*.szn", SearchOption.AllDirectories);
        Assert.NotEmpty(files);
        Assert.All(files, path => Assert.Equal(WriterState.Unknown, StateOf(path)));
        File.WriteAllBytes(folder.File("empty"), []);
        Assert.Equal(WriterState.Unknown, StateOf(folder.File("empty")));
    }

    [Theory]
    [InlineData((byte)0)]
    [InlineData((byte)1)]
    public void The_writer_of_a_closed_segment_in_an_old_format_is_unknown(byte magic)
    {
        using var folder = new TempFolder();
        using (var writer = new LogWriter(Some.Options(folder, _time) with { Magic = magic }))
        {
            writer.Append(Some.Record("one"), Durability.Flushed);
            Assert.Equal(WriterState.Alive, StateOf(folder.Segments().Single()));
        }

        Assert.Equal(WriterState.Unknown, StateOf(folder.Segments().Single()));
    }

    [Fact]
    public void A_segment_that_is_converted_is_locked_while_it_is_written()
    {
        using var folder = new TempFolder();
        using (var writer = SegmentWriter.Create(folder.File("20261121_100000_3600_UTC-orders.szn")))
        {
            writer.Append(Some.Record("one"), 0);
            Assert.Equal(WriterState.Alive, StateOf(folder.File("20261121_100000_3600_UTC-orders.szn")));
            writer.Complete();
        }

        Assert.Equal(WriterState.Gone, StateOf(folder.File("20261121_100000_3600_UTC-orders.szn")));
    }

    /// <summary>ramfs is not in the list of file systems whose locks are known to reach everybody.</summary>
    [Fact]
    public void On_an_unknown_file_system_a_writer_is_alive_or_unknown()
    {
        Assert.SkipUnless(Environment.UserName == "root", "mounting takes root.");
        using var folder = new TempFolder();
        Run("mount", "-t", "ramfs", "ramfs", folder.Path);
        try
        {
            using (var writer = new LogWriter(Some.Options(folder, _time)))
            {
                writer.Append(Some.Record("one"), Durability.Flushed);
                Assert.Equal(WriterState.Alive, StateOf(folder.Segments().Single()));
            }

            Assert.Equal(WriterState.Unknown, StateOf(folder.Segments().Single()));
            Assert.Equal(["one"], Some.ReadFolder(folder).Select(record => record.Value));
        }
        finally
        {
            Run("umount", folder.Path);
        }
    }

    private string Finished(TempFolder folder)
    {
        using var writer = new LogWriter(Some.Options(folder, _time));
        writer.Append(Some.Record("one"), Durability.Flushed);
        return folder.Segments().Single();
    }

    private static WriterState StateOf(string path)
    {
        using var file = SegmentHandle.OpenForReading(path);
        return SegmentLock.Probe(file);
    }

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.SkipWhen(process.ExitCode != 0 && program == "mount", $"mount is refused here: {errors.Trim()}");
        Assert.Equal(0, process.ExitCode);
    }
}
