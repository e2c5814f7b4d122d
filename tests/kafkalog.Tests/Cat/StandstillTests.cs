using KafkaFeeder.Tests;
using KafkaLog.Tool.Cat;

namespace KafkaLog.Tool.Tests.Cat;

public sealed class StandstillTests
{
    private readonly ManualTime _time = new();

    [Fact]
    public void Incomplete_bytes_are_checked_after_two_seconds_and_then_less_and_less_often()
    {
        var still = new Standstill(_time);
        var looks = new List<int>();
        for (var second = 0; second < 250; second++)
        {
            if (still.IsDue(100, 130))
            {
                looks.Add(second);
            }

            _time.Advance(TimeSpan.FromSeconds(1));
        }

        Assert.Equal([2, 6, 14, 30, 62, 122, 182, 242], looks);
    }

    [Fact]
    public void They_are_checked_sooner_again_when_more_bytes_have_come()
    {
        var still = new Standstill(_time);
        Assert.False(still.IsDue(100, 130));
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(still.IsDue(100, 130));
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.False(still.IsDue(100, 130));
        Assert.True(still.IsDue(100, 131));
    }

    [Fact]
    public void Nothing_is_checked_while_reading_continues_or_no_bytes_are_left()
    {
        var still = new Standstill(_time);
        for (var position = 0; position < 10; position++)
        {
            Assert.False(still.IsDue(position, 130));
            _time.Advance(TimeSpan.FromSeconds(10));
        }

        Assert.False(still.IsDue(130, 130));
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.False(still.IsDue(130, 130));
        Assert.False(still.IsDue(130, 131)); // only now are there bytes to check
        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.True(still.IsDue(130, 131));
    }
}
