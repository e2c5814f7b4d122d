using KafkaFeeder.Tests;
using KafkaLog.Tool.Tests.Support;

namespace KafkaLog.Tool.Tests.Recovering;

/// <summary><c>kafkalog recover</c> as a process.</summary>
public sealed class RecoverTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Sound_batches_are_copied_byte_for_byte_and_damaged_bytes_go_to_their_own_file()
    {
        var path = SomeSegment.Write(_folder, 20);
        var positions = SomeSegment.BatchPositions(path).ConvertAll(p => (int)p);
        SomeSegment.Damage(path, positions[1] + 70);
        SomeSegment.Truncate(path, positions[4] - 3);
        var before = File.ReadAllBytes(path);
        var run = Kafkalog.Run("recover", path, "--output", _folder.File("new"), "--damaged", _folder.File("damaged"));
        Assert.Equal((1, ""), (run.ExitCode, run.Errors));
        Assert.Contains($"damage at bytes {positions[1]}..{positions[2] - 1} ", run.Output);
        Assert.Contains($"torn tail at bytes {positions[3]}..{positions[4] - 4} ", run.Output);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.Equal([.. before[..positions[1]], .. before[positions[2]..positions[3]]], File.ReadAllBytes(_folder.File("new")));
        Assert.Equal([.. before[positions[1]..positions[2]], .. before[positions[3]..]], File.ReadAllBytes(_folder.File("damaged")));
        Assert.Equal(0, Kafkalog.Run("verify", _folder.File("new")).ExitCode);
        Assert.Equal(
            Enumerable.Range(0, 15).Where(i => i is < 5 or >= 10), SomeSegment.ReadAll(_folder.File("new")).Select(r => (int)r.Offset));
    }

    [Fact]
    public void A_changed_byte_costs_at_most_the_batch_it_is_in()
    {
        var path = SomeSegment.Write(_folder, 6, perBatch: 2);
        var positions = SomeSegment.BatchPositions(path);
        var good = File.ReadAllBytes(path);
        for (var at = 0; at < good.Length; at += 37)
        {
            File.WriteAllBytes(path, good);
            SomeSegment.Damage(path, at);
            var recovered = _folder.File($"new{at}");
            Kafkalog.Run("recover", path, "--output", recovered);
            var batch = positions.FindLastIndex(p => p <= at);
            var offsets = SomeSegment.ReadAll(recovered).Select(r => (int)r.Offset).ToList();
            Assert.True(
                Enumerable.Range(0, 6).Where(i => i / 2 != batch).All(offsets.Contains),
                $"byte {at} of batch {batch}: {string.Join(' ', offsets)} are left");
        }
    }

    [Fact]
    public void A_damaged_base_offset_is_repaired()
    {
        var path = SomeSegment.Write(_folder, 10);
        var good = File.ReadAllBytes(path);
        SomeSegment.Damage(path, SomeSegment.BatchPositions(path)[1] + 7);
        var run = Kafkalog.Run("recover", path, "--output", _folder.File("new"));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains("; 1 base offset repaired", run.Output);
        Assert.Equal(good, File.ReadAllBytes(_folder.File("new")));
    }

    [Fact]
    public void A_file_whose_writer_lives_is_refused_without_force()
    {
        using var writer = SomeSegment.Writer(_folder);
        SomeSegment.Append(writer, 0, 5);
        var path = _folder.Segments().Single();
        var run = Kafkalog.Run("recover", path, "--output", _folder.File("new"));
        Assert.Equal(
            (2, $"kafkalog: the writer of {path} lives, so the file is not complete yet. "
                + "Wait until the writer has ended, or use --force.\n"),
            (run.ExitCode, run.Errors));
        Assert.False(File.Exists(_folder.File("new")));
        Assert.Equal(0, Kafkalog.Run("recover", path, "--output", _folder.File("new"), "--force").ExitCode);
        Assert.Equal(File.ReadAllBytes(path), File.ReadAllBytes(_folder.File("new")));
    }

    [Fact]
    public void No_file_is_overwritten_and_a_failure_leaves_no_file()
    {
        var path = SomeSegment.Write(_folder, 5);
        File.WriteAllText(_folder.File("there"), "kept");
        Assert.Equal(2, Kafkalog.Run("recover", path, "--output", _folder.File("there")).ExitCode);
        Assert.Equal(2, Kafkalog.Run("recover", path, "--output", _folder.File("new"), "--damaged", _folder.File("there")).ExitCode);
        Assert.Equal(2, Kafkalog.Run("recover", _folder.File("missing"), "--output", _folder.File("new")).ExitCode);
        Assert.Equal("kept", File.ReadAllText(_folder.File("there")));
        Assert.False(File.Exists(_folder.File("new")));
    }

    [Fact]
    public void It_warns_of_a_name_that_the_daemon_would_ship()
    {
        var path = SomeSegment.Write(_folder, 5);
        var run = Kafkalog.Run("recover", path, "--output", _folder.File("20990101_000000_3600_UTC-c.szn"));
        Assert.Equal(0, run.ExitCode);
        Assert.StartsWith("kafkalog: warning: ", run.Errors);
        using var elsewhere = new TempFolder();
        Assert.Equal("", Kafkalog.Run("recover", path, "--output", elsewhere.File("20990101_000000_3600_UTC-c.szn")).Errors);
    }
}
