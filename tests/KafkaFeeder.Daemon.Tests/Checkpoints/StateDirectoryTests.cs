using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Files;
using KafkaFeeder.Daemon.Shipping.Losses;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class StateDirectoryTests
{
    private readonly StateDirectory _state = new("/state/checkpoint", "/state/journal");

    [Fact]
    public void Each_log_has_files_of_its_own()
    {
        string[] paths = [_state.JournalPath("/a", "orders"), _state.JournalPath("/b", "orders"), _state.JournalPath("/a", "payments"),
            _state.RejectedDirectory("/a", "orders")];
        Assert.Equal(paths.Length, paths.Distinct().Count());
        Assert.Equal(
            _state.RejectedDirectory("/a", "orders"), new StateDirectory("/state/checkpoint", "/x").RejectedDirectory("/a", "orders"));
    }

    [Theory]
    [InlineData(true, "checkpoint_dir")]
    [InlineData(false, "journal_dir")]
    public void A_state_directory_that_others_may_write_to_is_refused_with_what_to_do(bool isCheckpoint, string setting)
    {
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.File("checkpoint"), folder.File("journal"));
        state.Create();
        Assert.True(state.IsSafe(out _));
        var open = folder.File(isCheckpoint ? "checkpoint" : "journal");
        File.SetUnixFileMode(open, (UnixFileMode)Convert.ToInt32("1777", 8));
        Assert.False(state.IsSafe(out var problem));
        Assert.StartsWith($"{setting} {open} may be written by everybody on this host (mode 1777): ", problem, StringComparison.Ordinal);
        Assert.EndsWith($"chmod go-w {open}", problem, StringComparison.Ordinal);
        File.SetUnixFileMode(open, (UnixFileMode)Convert.ToInt32("770", 8));
        Assert.False(state.IsSafe(out problem));
        Assert.StartsWith($"{setting} {open} may be written by its group (mode 770): ", problem, StringComparison.Ordinal);
        File.SetUnixFileMode(open, (UnixFileMode)Convert.ToInt32("750", 8));
        Assert.True(state.IsSafe(out _));
    }

    [Fact]
    public void A_state_directory_of_another_user_is_refused_with_what_to_do()
    {
        Assert.SkipUnless(FileCalls.EffectiveUser() == 0, "only root can give a directory away");
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.File("checkpoint"), folder.File("journal"));
        state.Create();
        RunningProgram.Run("chown", "1234", folder.File("journal"));
        Assert.False(state.IsSafe(out var problem));
        Assert.StartsWith(
            $"journal_dir {folder.File("journal")} belongs to user 1234, and the daemon runs as user 0: ",
            problem,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Only_the_owner_may_read_and_write_state_files()
    {
        using var folder = new TempFolder();
        var state = new StateDirectory(folder.File("checkpoint"), folder.File("journal"));
        state.Create();
        var start = new Checkpoint { Component = "orders", Directory = "/a" };
        using (StateLock.TryTake(state.LockPath))
        using (var store = CheckpointStore.Open(state.CheckpointDirectory, _ => { }, commitsInline: true))
        using (var journal = Journal.Restore(state.JournalPath("/a", "orders"), start, new Dictionary<string, SentMark>()))
        {
            Assert.True(store.SaveAsync(store.Of("/a", "orders"), new CheckpointChange()).IsCompletedSuccessfully);
            journal.Sending("x", new SentMark(1, 1, 1));
            new Ledger(state.LedgerPath, TimeProvider.System).Add(LedgerKind.Lost, "/a", "x", 0, 1, 1, "gone");
        }

        string[] files = [.. Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories)];
        Assert.Equal(5, files.Length); // lock, snapshot, changes, ledger, journal
        Assert.All(files, file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Fact]
    public void Any_directory_name_gives_a_valid_file_name_in_the_state_directory()
    {
        var component = new string('x', 200);
        foreach (var directory in (string[])["/a/../..", "/ž\n", "/" + new string('d', 4_000)])
        {
            Assert.Equal("/state/journal", Path.GetDirectoryName(_state.JournalPath(directory, component)));
            Assert.Equal("/state/checkpoint/rejected", Path.GetDirectoryName(_state.RejectedDirectory(directory, component)));
            Assert.InRange(Path.GetFileName(_state.JournalPath(directory, component) + ".previous").Length, 1, 255);
        }
    }
}
