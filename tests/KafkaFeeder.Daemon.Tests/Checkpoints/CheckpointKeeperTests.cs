using KafkaFeeder.Daemon.Checkpoints;
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
    private CheckpointStore? _store;

    public CheckpointKeeperTests()
    {
        _state = new StateDirectory(_folder.File("checkpoint"), _folder.File("journal"));
        _state.Create();
        File.WriteAllBytes(_folder.File(Name), new byte[500]);
    }

    /// <summary>A directory of this name keeps the next snapshot from being written: nothing can be saved.</summary>
    private string Obstacle => Path.Combine(_state.CheckpointDirectory, "checkpoints-00000001.snapshot.new");

    private string TransportState => _store!.Of(_folder.Path, "orders").TransportState;

    public void Dispose()
    {
        _store?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_state_directories_are_for_the_owner_only() => Assert.Equal(
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.File("checkpoint")));

    [Fact]
    public void Possible_duplicates_are_counted_once_and_survive_every_restart()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(100, 7, 7));
            Assert.Equal(0, keeper.PossibleDuplicates);
        }

        for (var restart = 0; restart < 3; restart++)
        {
            using var keeper = Open();
            Assert.Equal(7, keeper.PossibleDuplicates);
        }
    }

    [Fact]
    public void Possible_duplicates_are_saved_before_the_journal_that_shows_them_is_overwritten()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(100, 7, 7));
        }

        Directory.CreateDirectory(Obstacle);
        Assert.ThrowsAny<IOException>(() => Open());
        Directory.Delete(Obstacle);

        using var next = Open();
        Assert.Equal(7, next.PossibleDuplicates);
    }

    [Fact]
    public void Possible_duplicates_of_a_missing_segment_count_because_it_may_come_back()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(100, 7, 7));
        }

        File.Delete(_folder.File(Name));
        using var next = Open();
        Assert.Equal(7, next.PossibleDuplicates);
    }

    [Fact]
    public void Possible_duplicates_of_this_run_are_saved_with_the_next_checkpoint()
    {
        using (var keeper = Open())
        {
            keeper.AddPossibleDuplicates(3);
            Assert.Null(Save(keeper));
            keeper.AddPossibleDuplicates(0);
            Assert.False(IsDueLater(keeper));
        }

        using var next = Open();
        Assert.Equal(3, next.PossibleDuplicates);
    }

    [Fact]
    public void A_save_is_due_after_the_interval_if_there_is_something_to_save()
    {
        using var keeper = Open();
        Assert.False(IsDueLater(keeper));
        Assert.True(keeper.IsClean);

        keeper.MarkAcknowledged(1);
        Assert.False(keeper.IsClean);
        Assert.True(keeper.IsDue(Interval, 1000));
        Assert.Null(Save(keeper));
        Assert.True(keeper.IsClean);
        Assert.False(IsDueLater(keeper));
    }

    [Fact]
    public void A_save_is_due_earlier_when_much_was_acknowledged()
    {
        using var keeper = Open();
        keeper.MarkAcknowledged(999);
        Assert.False(keeper.IsDue(Interval, 1000));
        keeper.MarkAcknowledged(1);
        Assert.True(keeper.IsDue(Interval, 1000));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3600)]
    public void A_save_that_failed_is_tried_again_soon_however_long_the_interval_is(int intervalSeconds)
    {
        var interval = TimeSpan.FromSeconds(intervalSeconds);
        using var keeper = Open();
        keeper.MarkAcknowledged(1_000_000);
        Directory.CreateDirectory(Obstacle);
        Assert.NotNull(Save(keeper));
        Assert.True(keeper.HasFailed);
        Assert.False(keeper.IsDue(interval, 1000));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(keeper.IsDue(interval, 1000));

        for (var i = 0; i < 20; i++)
        {
            Assert.NotNull(Save(keeper));
        }

        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(keeper.IsDue(interval, 1000)); // and not more often than every 10 s
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(keeper.IsDue(interval, 1000));

        Directory.Delete(Obstacle);
        Assert.Null(Save(keeper));
        Assert.False(keeper.HasFailed);
        Assert.True(keeper.IsClean);
    }

    [Fact]
    public void An_inconsistent_checkpoint_is_reported_and_not_written()
    {
        using var keeper = Open();
        keeper.MarkAcknowledged(1);
        var wrong = new SegmentCheckpoint(Name.AsSegment(), new AcknowledgedPosition(500, 0, -1, null, 0), 500, false, null);
        keeper.BeginSave(new CheckpointChange { Segments = [wrong] });
        Assert.Contains("negative number", keeper.TakeSaved()!.Error, StringComparison.Ordinal);
        Assert.True(keeper.HasFailed);
        Assert.Null(Save(keeper));
    }

    [Fact]
    public void A_segment_that_goes_back_is_saved_at_once_and_duplicates_count_from_there()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(500, 50, 50));
            keeper.MarkAcknowledged(1);
            Assert.Null(Save(keeper, At(500)));
            keeper.GoBack(Name, default);
            Assert.True(keeper.MustSave);
            Assert.True(keeper.IsDue(TimeSpan.FromHours(1), 1000));
            Assert.Null(Save(keeper, At(0)));
            Assert.False(keeper.MustSave);
            keeper.Sending(Name, new SentMark(100, 10, 10));
        }

        using var next = Open();
        Assert.Equal(10, next.PossibleDuplicates);
    }

    [Fact]
    public void A_forgotten_segment_counts_no_possible_duplicates()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(500, 50, 50));
            keeper.MarkAcknowledged(1);
            Assert.Null(Save(keeper, At(500) with { IsDone = true }));
            Assert.Null(Forget(keeper));
        }

        using var next = Open();
        Assert.Equal(0, next.PossibleDuplicates);
    }

    [Fact]
    public void A_new_file_with_the_name_of_a_segment_being_forgotten_counts()
    {
        using (var keeper = Open())
        {
            keeper.Sending(Name, new SentMark(500, 50, 50));
            keeper.MarkAcknowledged(1);
            Assert.Null(Save(keeper, At(500) with { IsDone = true }));
            keeper.BeginSave(new CheckpointChange { Removed = [Name.AsSegment()] });
            keeper.Sending(Name, new SentMark(100, 10, 10));
            Assert.Null(keeper.TakeSaved()!.Error);
        }

        using var next = Open();
        Assert.Equal(10, next.PossibleDuplicates);
    }

    [Fact]
    public void The_state_of_a_transport_is_for_the_next_run_that_finds_out_what_the_brokers_have()
    {
        using (var keeper = Open(findsOut: true))
        {
            Assert.Equal(("", false), (keeper.TransportState, keeper.MayHaveSent));
            keeper.BeginSave(new CheckpointChange { Segments = [At(100)], TransportState = "id=7" });
            Assert.Null(keeper.TakeSaved()!.Error);
            keeper.Sending(Name, new SentMark(300, 30, 30));
        }

        using (var next = Open(findsOut: true))
        {
            Assert.Equal((0, "id=7", true), (next.PossibleDuplicates, next.TransportState, next.MayHaveSent));
            next.Resolve(isExact: true, "they were asked", isNews: true, NullLogger.Instance);
            Assert.Equal((0, false), (next.PossibleDuplicates, next.MustSave));
        }

        using (var other = Open()) // by a transport that does not find out: the numbers do not hold after it has sent something
        {
            Assert.Equal((20, "", ""), (other.PossibleDuplicates, other.TransportState, TransportState));
        }

        using var last = Open(findsOut: true);
        Assert.Equal((20, ""), (last.PossibleDuplicates, last.TransportState));
    }

    [Fact]
    public void What_cannot_be_found_out_is_counted_and_saved_before_anything_is_sent()
    {
        using (var keeper = Open(findsOut: true))
        {
            Assert.Null(Save(keeper, At(100)));
            keeper.Sending(Name, new SentMark(300, 30, 30));
        }

        using (Open(findsOut: true))
        {
            // It dies before it has found anything out.
        }

        using (var keeper = Open(findsOut: true))
        {
            Assert.Equal((0, true), (keeper.PossibleDuplicates, keeper.MayHaveSent));
            keeper.Resolve(isExact: false, "it is not known", isNews: true, NullLogger.Instance);
            Assert.Equal((20, true), (keeper.PossibleDuplicates, keeper.MustSave));
            Assert.Null(Save(keeper, At(100)));
            Assert.False(keeper.MustSave);
        }

        using var next = Open(findsOut: true);
        Assert.Equal((20, false), (next.PossibleDuplicates, next.MayHaveSent)); // it is not counted twice
    }

    private static SegmentCheckpoint At(long position) =>
        new(Name.AsSegment(), new AcknowledgedPosition(position, 0, position / 10, null, 0, position / 10), 500, false, null);

    /// <summary>Saves, and returns the error or null.</summary>
    private static string? Save(CheckpointKeeper keeper, params SegmentCheckpoint[] segments)
    {
        keeper.BeginSave(new CheckpointChange { Segments = segments });
        return keeper.TakeSaved()!.Error; // the store commits inline
    }

    private static string? Forget(CheckpointKeeper keeper)
    {
        keeper.BeginSave(new CheckpointChange { Removed = [Name.AsSegment()] });
        return keeper.TakeSaved()!.Error;
    }

    private bool IsDueLater(CheckpointKeeper keeper)
    {
        _time.Advance(Interval);
        return keeper.IsDue(Interval, 1000);
    }

    private CheckpointKeeper Open(bool findsOut = false)
    {
        _store?.Dispose();
        _store = CheckpointStore.Open(_state.CheckpointDirectory, _ => { }, commitsInline: true);
        return CheckpointKeeper.OpenAsync(_store, _state, _folder.Path, "orders", Interval, NullLogger.Instance, _time, findsOut)
            .GetAwaiter().GetResult();
    }
}
