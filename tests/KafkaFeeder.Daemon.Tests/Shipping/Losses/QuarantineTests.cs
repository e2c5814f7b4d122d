using System.Text;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Options;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Tests;
using KafkaLog.Format.Records;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Shipping.Losses;

public sealed class QuarantineTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private string Rejected => _folder.File("rejected");

    private QuarantineSpace Space => new(_folder.Path, new QuarantineOptions(), NullLogger.Instance, TimeProvider.System, _ => 1L << 40);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_refused_record_is_kept_whole_and_is_on_disk_after_the_sync()
    {
        using (var writer = new LogWriter(new LogWriterOptions { Directory = _folder.Path, Component = "orders" }))
        {
            writer.Append(
                new NewRecord(
                    1,
                    "key"u8,
                    "value"u8) { Headers =
                        new[] { new RecordHeader("h"u8.ToArray(), "1"u8.ToArray()), new RecordHeader("h"u8.ToArray(), null) } });
            writer.Append(new NewRecord { Timestamp = -1, HasKey = true });
        }

        var before = All(_folder.Segments().Single());
        Assert.Equal(["1 key value h=1,h=null", "-1  null "], before);
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        using var reader = SegmentReader.Open(_folder.Segments().Single());
        Assert.Equal(SegmentReadStatus.Batch, reader.TryRead());
        var records = new RecordBatchDecoder().Decode(reader.Batch.Span);
        for (var i = 1; records.MoveNext(); i++)
        {
            quarantine.Add(records.Current);
            quarantine.Sync();
            Assert.Equal(before.Take(i), All(Directory.GetFiles(Rejected).Single()));
        }
    }

    [Fact]
    public void Damaged_bytes_are_copied_unchanged_and_only_once()
    {
        File.WriteAllBytes(_folder.File("some.szn"), [.. Enumerable.Range(0, 200_000).Select(i => (byte)i)]);
        using var file = SegmentHandle.OpenForReading(_folder.File("some.szn"));
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        Assert.True(quarantine.TryAddDamage(file, "some.szn", 10, 150_000, out _));
        Assert.True(quarantine.TryAddDamage(file, "some.szn", 10, 150_000, out _));
        Assert.True(quarantine.TryAddDamage(file, "some.szn", 199_990, 300_000, out _)); // the file was cut meanwhile
        Assert.Equal(
            File.ReadAllBytes(_folder.File("some.szn"))[10..150_000], File.ReadAllBytes(Path.Combine(Rejected, "some.szn.10.damaged")));
        Assert.Equal(10, new FileInfo(Path.Combine(Rejected, "some.szn.199990.damaged")).Length);
    }

    /// <summary>The ledger says that both are in quarantine.</summary>
    [Fact]
    public void Different_damage_of_the_same_name_and_position_is_kept_beside_the_first()
    {
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        Assert.Null(AddDamage(quarantine, "first"));
        Assert.Null(AddDamage(quarantine, "other"));
        Assert.Null(AddDamage(quarantine, "first"));
        Assert.Null(AddDamage(quarantine, "other"));
        Assert.Equal(["some.szn.0.2.damaged: other", "some.szn.0.damaged: first"], Copies());
        Assert.Equal(8192, quarantine.Bytes);
    }

    [Fact]
    public void A_longer_copy_with_the_same_start_replaces_a_shorter_one()
    {
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        Directory.CreateDirectory(Rejected);
        File.WriteAllText(Path.Combine(Rejected, "damaged.new"), "cut short by a crash, of whatever");
        Assert.Null(AddDamage(quarantine, "some"));
        Assert.Null(AddDamage(quarantine, "some and more"));
        Assert.Null(AddDamage(quarantine, "some"));
        Assert.Equal("some.szn.0.damaged: some and more", Assert.Single(Copies()));
    }

    [Fact]
    public void At_most_a_hundred_copies_of_one_position_are_made_and_the_limit_is_reported()
    {
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        for (var i = 1; i <= 100; i++)
        {
            Assert.Null(AddDamage(quarantine, $"{i:000}"));
        }

        Assert.Equal("not copied: there are 100 other copies of this name and position in quarantine", AddDamage(quarantine, "101"));
        Assert.Null(AddDamage(quarantine, "057"));
        Assert.Equal(100, Copies().Count);
    }

    [Fact]
    public void Holes_of_a_sparse_file_stay_holes_and_take_no_space()
    {
        var path = _folder.File("some.szn");
        using (var sparse = new FileStream(path, FileMode.CreateNew))
        {
            sparse.SetLength(60 << 20);
            sparse.Position = 20 << 20;
            sparse.Write("in the middle"u8);
        }

        using var file = SegmentHandle.OpenForReading(path);
        var space = Space;
        using var quarantine = new Quarantine(Rejected, "orders", space);
        Assert.True(quarantine.TryAddDamage(file, "some.szn", 4_096, 50 << 20, out _));
        var copy = Path.Combine(Rejected, "some.szn.4096.damaged");
        Assert.Equal(File.ReadAllBytes(path)[4_096..(50 << 20)], File.ReadAllBytes(copy));
        Assert.InRange(FileFacts.Of(copy).DiskBytes, 1, 64 << 10);
        Assert.InRange(quarantine.Bytes, 4_096, 64 << 10);
        Assert.True(quarantine.TryAddDamage(file, "some.szn", 4_096, 50 << 20, out _)); // the same again takes no more space
        Assert.InRange(quarantine.Bytes, 4_096, 64 << 10);
    }

    [Fact]
    public void Of_very_long_damage_only_the_start_is_copied_and_that_is_reported()
    {
        var path = _folder.File("some.szn");
        using (var sparse = new FileStream(path, FileMode.CreateNew))
        {
            sparse.SetLength(80 << 20);
            using var holesOnly = new Quarantine(Rejected, "orders", Space);
            sparse.Flush();
            Assert.True(holesOnly.TryAddDamage(sparse.SafeFileHandle, "some.szn", 0, 80 << 20, out _));
            sparse.Position = 70 << 20;
            sparse.Write("behind"u8);
        }

        using var file = SegmentHandle.OpenForReading(path);
        using var quarantine = new Quarantine(Rejected, "orders", Space);
        Assert.False(quarantine.TryAddDamage(file, "some.szn", 0, 80 << 20, out var uncopied));
        Assert.Equal("only its first 64MiB are copied", uncopied);
    }

    /// <summary>Sets aside all of a file with this text. Returns what was not copied, or null.</summary>
    private string? AddDamage(Quarantine quarantine, string text)
    {
        var path = _folder.File("some.szn");
        File.WriteAllText(path, text);
        using var file = SegmentHandle.OpenForReading(path);
        return quarantine.TryAddDamage(file, "some.szn", 0, text.Length, out var uncopied) ? null : uncopied;
    }

    private List<string> Copies() =>
        [.. Directory.GetFiles(Rejected).Order(StringComparer.Ordinal).Select(p => $"{Path.GetFileName(p)}: {File.ReadAllText(p)}")];

    private static List<string> All(string path)
    {
        var all = new List<string>();
        using var reader = SegmentReader.Open(path);
        while (reader.TryRead() == SegmentReadStatus.Batch)
        {
            var records = new RecordBatchDecoder().Decode(reader.Batch.Span);
            while (records.MoveNext())
            {
                var r = records.Current;
                var headers = r.CopyHeaders().Select(
                    h => $"{Encoding.UTF8.GetString(h.Name.Span)}={(h.Value is { } v ? Encoding.UTF8.GetString(v.Span) : "null")}");
                all.Add(
                    $"{r.Timestamp} {(r.HasKey ? Encoding.UTF8.GetString(r.Key) : "null")} "
                        + $"{(r.HasValue ? Encoding.UTF8.GetString(r.Value) : "null")} {string.Join(",", headers)}");
            }
        }

        return all;
    }
}
