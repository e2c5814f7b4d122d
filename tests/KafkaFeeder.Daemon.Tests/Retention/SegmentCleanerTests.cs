using System.Diagnostics;
using System.Runtime.InteropServices;
using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Discovery;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Retention;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Checksums;
using KafkaLog.Format.Records;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Retention;

/// <summary>Which segments of a shipped log are deleted and which never, on a real file system.</summary>
public sealed partial class SegmentCleanerTests : IDisposable
{
    private const int Shared = 1;
    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new(DateTimeOffset.UtcNow);
    private readonly LogLines _lines = new();
    private FileId _planned;
    private readonly string _logs;
    private readonly LogStatus _status;
    private readonly List<SegmentCheckpoint> _saved = [];
    private readonly SegmentCleaner _cleaner;

    public SegmentCleanerTests()
    {
        _logs = Directory.CreateDirectory(_folder.File("logs")).FullName;
        _status = new LogStatus(SomeLog.In(_logs) with { Retention = TimeSpan.FromHours(1) }, _logs, _time);
        _cleaner = new SegmentCleaner(
            TimeSpan.FromHours(1),
            () => [new CleanableLog(_status.Directory, _planned, _status.Options.Retention, _saved, _status.AddCleaned)],
            _lines,
            _time);
        Plan();
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_shipped_segment_past_its_retention_is_deleted_and_a_younger_one_is_not()
    {
        var old = Segment(10, TimeSpan.FromHours(3));
        var young = Segment(11, TimeSpan.FromMinutes(30));
        Clean();
        Assert.Equal([young], _folder.FilesIn("logs"));
        Assert.NotEqual(old, young);
        Assert.Equal(1, _status.CleanedSegments);
        Assert.StartsWith($"Deleted {old}: ", Assert.Single(_lines.Of(601)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_that_has_grown_is_reported_once_and_never_deleted()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        for (var round = 0; round < 3; round++)
        {
            File.AppendAllText(path, "more");
            File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime - TimeSpan.FromHours(3));
            Clean();
        }

        Assert.True(File.Exists(path));
        Assert.Contains("has 104 bytes, and had 100 when it was shipped", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_segment_with_damage_that_was_not_copied_is_reported_once_and_never_deleted()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        _saved[0] = _saved[0] with { HasUncopied = true };
        Clean();
        Clean();
        Assert.True(File.Exists(path));
        Assert.Contains("holds damaged bytes that are not in quarantine", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void Another_file_of_the_same_name_and_size_is_not_deleted()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        File.WriteAllBytes(path, new byte[100]);
        File.SetLastWriteTimeUtc(path, _time.GetUtcNow().UtcDateTime - TimeSpan.FromHours(3));
        Clean();
        Assert.True(File.Exists(path));
        Assert.Contains(
            "is another file than the one of this name that was shipped", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_link_in_place_of_the_segment_is_neither_followed_nor_deleted()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        File.Move(path, _folder.File("elsewhere"));
        File.CreateSymbolicLink(path, _folder.File("elsewhere"));
        Clean();
        Assert.True(File.Exists(_folder.File("elsewhere")));
        Assert.NotNull(new FileInfo(path).LinkTarget);
    }

    [Fact]
    public void Nothing_is_deleted_when_the_directory_was_replaced_by_a_link_or_another_directory()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        Directory.Move(_logs, _folder.File("theirs"));
        Directory.CreateSymbolicLink(_logs, _folder.File("theirs"));
        Clean();
        Assert.True(File.Exists(path));

        Directory.Delete(_logs);
        Directory.CreateDirectory(_logs);
        File.Copy(_folder.File("theirs/" + Path.GetFileName(path)), path);
        Clean();
        Assert.True(File.Exists(path));
        Assert.Contains("is another directory than the log was found in", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);

        Plan();
        Clean();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_lock_of_a_reader_delays_the_deletion_for_a_day_and_no_longer()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        using var reader = File.OpenHandle(path);
        Assert.Equal(0, Flock(reader, Shared));
        Clean();
        Assert.True(File.Exists(path));

        _time.Advance(TimeSpan.FromDays(1));
        Clean();
        Assert.False(File.Exists(path));
        Assert.Contains("is deleted although somebody holds a lock on it", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lock_of_a_writer_delays_the_deletion_as_long_as_it_is_held()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        using (var writer = File.OpenHandle(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite))
        {
            var range = new FileCalls.LockRange { Kind = FileCalls.WriteLock };
            Assert.Equal(0, FileCalls.Fcntl(writer, 37 /* F_OFD_SETLK */, ref range));
            _time.Advance(TimeSpan.FromDays(400));
            Clean();
            Assert.True(File.Exists(path));
        }

        Clean();
        Assert.False(File.Exists(path));
    }

    [Fact]
    public void A_second_name_of_a_deleted_file_is_reported_and_stays()
    {
        var path = Segment(10, TimeSpan.FromHours(3));
        using (var ln = Process.Start("ln", [path, _folder.File("backup")]))
        {
            ln.WaitForExit();
        }

        Clean();
        Assert.Equal([], _folder.FilesIn("logs"));
        Assert.True(File.Exists(_folder.File("backup")));
        Assert.Contains("has 2 names: this one is deleted", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_name_of_a_file_of_another_user_is_not_deleted()
    {
        Assert.SkipUnless(FileCalls.EffectiveUser() == 0, "only root can give a file away");
        var path = Segment(10, TimeSpan.FromHours(3));
        RunningProgram.Run("ln", path, _folder.File("theirs"));
        RunningProgram.Run("chown", "1234", path);
        Clean();
        Clean();
        Assert.True(File.Exists(path));
        Assert.Contains("has 2 names and belongs to user 1234, its directory to user 0: it may be somebody else's "
            + "file", Assert.Single(_lines.Of(452)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_stop_ends_the_round_after_the_current_segment()
    {
        for (var hour = 10; hour < 20; hour++)
        {
            Segment(hour, TimeSpan.FromHours(3));
        }

        using var stopping = new CancellationTokenSource();
        _cleaner.RunOnce(stopping.Cancel, stopping.Token);
        Assert.Equal(9, _folder.FilesIn("logs").Length);
    }

    private void Clean() => _cleaner.RunOnce(() => { }, CancellationToken.None);

    private void Plan()
    {
        Assert.True(Place.TryFind(_logs, out var place, out _));
        _planned = place.Facts.Id;
    }

    private string Segment(int hour, TimeSpan age)
    {
        var name = $"20261124_{hour}0000_3600_UTC-{_status.Options.Component}.szn";
        var path = Path.Combine(_logs, name);
        var bytes = new byte[100];
        Random.Shared.NextBytes(bytes);
        File.WriteAllBytes(path, bytes);
        File.SetLastWriteTimeUtc(path, (_time.GetUtcNow() - age).UtcDateTime);
        var headCrc = Crc32C.Compute(bytes.AsSpan(0, RecordBatchHeader.Bytes));
        _saved.Add(new SegmentCheckpoint(name.AsSegment(), new AcknowledgedPosition { Position = 100 }, 100, IsDone: true, headCrc));
        return path;
    }



    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle file, int operation);
}
