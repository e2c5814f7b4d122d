using KafkaFeeder.Tests;
using KafkaLog.Tool.Writing;

namespace KafkaLog.Tool.Tests.Writing;

public class PaceTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void A_write_is_tried_again_every_second()
    {
        var pace = new RetryPace(_time);
        Assert.All(
            Enumerable.Range(0, 100), _ => Assert.Equal(TimeSpan.FromSeconds(1), pace.AfterFailure(writesAgain: false, isStopping: false)));
    }

    [Fact]
    public void Writing_the_same_again_is_tried_less_and_less_often_until_it_succeeds()
    {
        var pace = new RetryPace(_time);
        Assert.Equal(
            [1, 2, 4, 8, 16, 32, 60, 60], Enumerable.Range(0, 8).Select(_ => (int)pace.AfterFailure(true, false)!.Value.TotalSeconds));
        pace.Reset();
        Assert.Equal(TimeSpan.FromSeconds(1), pace.AfterFailure(true, false));
    }

    [Fact]
    public void A_program_that_was_told_to_stop_gives_up_after_ten_seconds()
    {
        var pace = new RetryPace(_time);
        Assert.NotNull(pace.AfterFailure(false, false));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.NotNull(pace.AfterFailure(false, isStopping: true));
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.NotNull(pace.AfterFailure(false, isStopping: true));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Null(pace.AfterFailure(false, isStopping: true));
    }

    [Fact]
    public void A_notice_is_printed_at_once_and_then_every_ten_seconds_and_none_is_left_uncounted()
    {
        var said = new List<string>();
        var notice = new OccasionalNotice(said.Add, _time);
        for (var i = 0; i < 25; i++)
        {
            notice.Add(count => $"{count} times");
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal(["1 times", "10 times", "10 times"], said);
        notice.Finish();
        notice.Finish();
        Assert.Equal(["1 times", "10 times", "10 times", "4 times"], said);
        Assert.Equal(25, notice.Count);
    }
}
