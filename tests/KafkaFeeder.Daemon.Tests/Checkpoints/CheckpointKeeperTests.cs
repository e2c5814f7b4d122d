using KafkaFeeder.Daemon.Checkpoints;
using KafkaFeeder.Daemon.Shipping;
using KafkaFeeder.Daemon.Status;
using KafkaFeeder.Daemon.Tests.Support;
using KafkaFeeder.Tests;
using KafkaLog.Format.Segments;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace KafkaFeeder.Daemon.Tests.Checkpoints;

public sealed class CheckpointKeeperTests : IDisposable
{
    private const string Name = "20261121_100000_3600_UTC-orders.szn";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private readonly TempFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly StateDirectory _state;

    public CheckpointKeeperTests()
    {
        _state = new StateDirectory(_folder.File("checkpoint"), _folder.File("journal"));
        _state.Create();
        File.WriteAllBytes(_folder.File(Name), new byte[500]);
    }

    private string CheckpointPath => _state.CheckpointPath(_folder.Path, "orders");

    private string JournalPath => _state.JournalPath(_folder.Path, "orders");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_state_directories_are_for_the_owner_only() =>
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.File("checkpoint")));

    [Fact]
    public void What_may_arrive_twice_is_counted_once_and_survives_every_restart()
    {
        using (var keeper = Open(out var first))
        {
            keeper.Sending(Name, 100, 7);
            Assert.Equal(0, first.PossibleDuplicates);
        }

        for (var restart = 0; restart < 3; restart++)
        {
            using var keeper = Open(out var status);
            Assert.Equal(7, status.PossibleDuplicates);
            Assert.Equal(7, keeper.Saved.PossibleDuplicates);
        }
    }

    [Fact]
    public void What_may_arrive_twice_is_on_disk_before_the_journal_that_tells_of_it_is_written_over()
    {
        using (var keeper = Open(out _))
        {
            keeper.Sending(Name, 100, 7);
        }

        Directory.CreateDirectory(CheckpointPath); // the checkpoint cannot be saved
        Assert.ThrowsAny<IOException>(() => Open(out _));
        Directory.Delete(CheckpointPath);

        using var next = Open(out var status);
        Assert.Equal(7, status.PossibleDuplicates);
    }

    [Fact]
    public void A_segment_that_is_gone_is_not_counted()
    {
        using (var keeper = Open(out _))
        {
            keeper.Sending(Name, 100, 7);
        }

        File.Delete(_folder.File(Name));
        using var next = Open(out var status);
        Assert.Equal(0, status.PossibleDuplicates);
    }

    [Fact]
    public void Possible_duplicates_of_this_run_are_saved_with_the_next_checkpoint()
    {
        using (var keeper = Open(out _))
        {
            keeper.AddPossibleDuplicates(3);
            keeper.Save([]);
            keeper.AddPossibleDuplicates(0);
            Assert.False(IsDueLater(keeper));
        }

        using var next = Open(out var status);
        Assert.Equal(3, status.PossibleDuplicates);
    }

    [Fact]
    public void A_save_is_due_after_the_interval_if_there_is_something_to_save()
    {
        using var keeper = Open(out _);
        Assert.False(IsDueLater(keeper));
        keeper.Save([]);
        Assert.Equal(0, keeper.Saved.Generation);

        keeper.Touch(1);
        Assert.True(keeper.IsDue(Interval, 1000));
        keeper.Save([new SegmentLane(SegmentName.TryParse(Name)!, 0)]);
        Assert.Equal(1, keeper.Saved.Generation);
        Assert.False(IsDueLater(keeper));
    }

    [Fact]
    public void A_save_is_due_earlier_when_much_was_confirmed()
    {
        using var keeper = Open(out _);
        keeper.Touch(999);
        Assert.False(keeper.IsDue(Interval, 1000));
        keeper.Touch(1);
        Assert.True(keeper.IsDue(Interval, 1000));
    }

    [Fact]
    public void A_save_that_failed_is_tried_again_after_the_interval_and_not_before()
    {
        using var keeper = Open(out _);
        keeper.Touch(1_000_000);
        Directory.CreateDirectory(CheckpointPath);
        Assert.ThrowsAny<IOException>(() => keeper.Save([]));
        Assert.True(keeper.HasFailed);
        Assert.Equal(0, keeper.Saved.Generation);
        Assert.False(keeper.IsDue(Interval, 1000));
        Assert.True(IsDueLater(keeper));

        Directory.Delete(CheckpointPath);
        keeper.Save([]);
        Assert.False(keeper.HasFailed);
        Assert.Equal(1, keeper.Saved.Generation);
    }

    [Fact]
    public void An_unreadable_checkpoint_is_counted_and_told_and_the_previous_one_is_used()
    {
        using (var keeper = Open(out _))
        {
            keeper.Touch(1);
            keeper.Save([]);
            keeper.Touch(1);
            keeper.Save([]);
        }

        File.WriteAllText(CheckpointPath, "nonsense");
        using var next = Open(out var status);
        Assert.Equal(1, status.CheckpointResets);
        Assert.Equal(1, next.Start.Generation);
    }

    [Fact]
    public void A_checkpoint_of_another_log_is_refused()
    {
        File.WriteAllBytes(CheckpointPath, CheckpointText.Write(new Checkpoint { Component = "orders", Directory = "/elsewhere" }));
        var e = Assert.Throws<IOException>(() => Open(out _));
        Assert.Contains("/elsewhere", e.Message, StringComparison.Ordinal);
    }

    private bool IsDueLater(CheckpointKeeper keeper)
    {
        _time.Advance(Interval);
        return keeper.IsDue(Interval, 1000);
    }

    private CheckpointKeeper Open(out LogStatus status)
    {
        status = new LogStatus(SomeLog.In(_folder.Path), _folder.Path, TimeProvider.System);
        return CheckpointKeeper.Open(_state, "orders", status, Interval, NullLogger.Instance, _time);
    }
}
